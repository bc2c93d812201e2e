"""Schemes, their measured properties and the figures of an analysis, against a second computation."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest

from brainalign_monitor.sources.payload import parse_payload
from brainalign_plugin.analysis import analyse
from brainalign_plugin.audit.audit import audit_schemes
from brainalign_plugin.certainty.rank import rank_schemes
from brainalign_plugin.certainty.record import analysis_json
from brainalign_plugin.files.reference import given_board
from brainalign_plugin.ranking.boards import compared_board
from tests.boards import day

from . import oracle

BENCHMARKS = {
    "average": None,
    "neural": "average",
    "V1": "neural",
    "Aa2020": "V1",
    "Aa2020_Bb2001-x": "Aa2020",
    "Aa2020_Cc2002-y": "Aa2020",
    "Free2013.V1-pls": "V1",
    "Free2013.V2-pls": "neural",
    "Kar2019-ost": "neural",
    "behavior": "average",
    "Gei2021": "behavior",
    "Gei2021a-ec": "Gei2021",
    "Gei2021b-ec": "Gei2021",
    "Raj2018-i2n": "behavior",
}


def payload(cell, models, seed, domain="vision"):
    """A payload as the site prints it; ``cell`` makes a value from a generator, model, leaf and skill."""
    rng = np.random.default_rng(seed)
    skill = rng.normal(size=models)
    names = {n: f"{n}_{domain}" if n in ("average", "neural", "behavior") else n for n in BENCHMARKS}
    leaves = [n for n in BENCHMARKS if n not in BENCHMARKS.values()]
    benchmarks = [
        {
            "id": f"{names[name]}_v1",
            "type_id": names[name],
            "label": name,
            "parent_id": parent and f"{names[parent]}_v1",
            "is_leaf": name in leaves,
            "is_engineering": False,
            "display_domain": name,
            "versions": [
                {"version": 1, "identifier": f"{name}_v1", "valid_from": "2021-01-01T00:00:00+00:00", "valid_to": None}
            ],
        }
        for name, parent in BENCHMARKS.items()
    ]

    def scores(i):
        values = {leaf: cell(rng, i, j, skill[i]) for j, leaf in enumerate(leaves)}
        return {
            leaf: [{"version": 1, "value": value, "error": None, "timestamp": value and "2021-03-01T00:00:00+00:00"}]
            for leaf, value in values.items()
        }

    return {
        "domain": domain,
        "datetime_range": {
            "min": "2021-01-01T00:00:00+00:00",
            "max": "2022-01-01T00:00:00+00:00",
            "min_unix": 1609459200,
            "max_unix": 1640995200,
        },
        "benchmarks": benchmarks,
        "models": [
            {
                # Ids in no order, and names that repeat.
                "id": 1000 - 7 * i + i % 3,
                "name": f"model{i % 5}",
                "rank": None,
                "submission_timestamp": "2021-01-01T00:00:00+00:00",
                "scores": scores(i),
            }
            for i in range(models)
        ],
    }


def shown(x, digits=3):
    return f"{min(1.0, max(0.0, x)):.{digits}f}"


def gappy(rng, _, j, skill):
    """FAILED, NEVER, and a benchmark that cleaning drops."""
    if rng.random() < 0.03:
        return "X"
    if rng.random() < (0.7 if j == 4 else 0.03):
        return ""
    return shown(0.4 + 0.1 * skill * (j % 3) + 0.1 * rng.normal())


def tied(rng, i, j, skill):
    """Coarse scores, a constant benchmark, scores that lie closer than ties reach, and just outside."""
    if j == 1:
        return "0.3"
    if j == 4:
        return repr(0.25 + (i % 4) * 3e-10 + (i % 3) * 0.2)
    if j == 5:
        return repr(0.5 + (i % 3) * 1.3e-9 + (i % 5) * 0.1)
    return shown(round((0.4 + 0.2 * skill + 0.1 * rng.normal()) * 5) / 5)


def capped(rng, _, j, skill):
    """Many zeros and ones."""
    return shown(0.5 + 0.8 * skill + 0.3 * (j % 2) * rng.normal())


BOARDS = {
    "gaps": payload(gappy, 30, 1),
    "ties": payload(tied, 16, 2),
    "bounds": payload(capped, 15, 3),
    "language": payload(gappy, 24, 4, "language"),
}


def loaded(document):
    body = json.dumps(document).encode()
    whole = oracle.read(document)
    return parse_payload(body, "payload", day(0)).snapshot, whole, oracle.cleaned(whole)


@pytest.fixture(scope="module", params=BOARDS)
def case(request):
    return loaded(BOARDS[request.param])


def check_ranking(snapshot, whole, cleaned):
    compared = compared_board(snapshot)
    assert set(compared.board.ids) == set(cleaned.ids)
    assert set(compared.board.leaves) == set(cleaned.leaves)
    rows = [compared.board.ids.index(i) for i in cleaned.ids]
    for one in rank_schemes(compared, given_board(snapshot), list(oracle.SCHEMES)):
        assert one.ranking is not None, one.problem
        expected = oracle.SCHEMES[one.scheme.name](cleaned, whole)
        np.testing.assert_allclose(one.ranking.scores[rows], expected, atol=1e-6, err_msg=one.scheme.name)
        assert one.ranking.ranks[rows].tolist() == oracle.competition(expected), one.scheme.name


def check_figures(snapshot, cleaned):
    record = analysis_json(analyse(snapshot))
    for name, value in oracle.mean_correlations(cleaned).items():
        assert record["agreement"][name] == pytest.approx(value, abs=1e-9), name
    figures = oracle.variance_figures(cleaned)
    for k, part in enumerate(cleaned.parts):
        assert record["explained_variance"][part] == pytest.approx(figures["r2"][k])
        assert record["explained_variance"]["shapley"][part] == pytest.approx(figures["shapley"][k])
    for k, leaf in enumerate(cleaned.leaves):
        assert record["weights"][leaf]["nominal"] == pytest.approx(figures["nominal"][k])
        assert record["weights"][leaf]["effective"] == pytest.approx(figures["effective"][k], abs=1e-9)
    for name in ("participation_ratio", "pc1_share"):
        assert record["dimensions"][name] == pytest.approx(figures[name])


def test_scores_and_ranks(case):
    check_ranking(*case)


def test_figures(case):
    check_figures(case[0], case[2])


def test_measured_properties(case):
    snapshot, whole, cleaned = case
    found = audit_schemes(compared_board(snapshot), given_board(snapshot), list(oracle.SCHEMES), thorough=True)
    for one in found:
        name, scheme = one.scheme.name, oracle.SCHEMES[one.scheme.name]
        assert one.problem == ""
        rate, worst = oracle.independence(scheme, cleaned, whole)
        assert one.removal.rate == pytest.approx(rate), name
        assert one.removal.worst_spoiler == worst, name
        for measured, function in ((one.affine, lambda x: x / 2), (one.monotone, lambda x: x**2)):
            expected = oracle.mean_share(
                scheme, cleaned, whole, lambda t, leaf, f=function: oracle.rescaled(t, leaf, f)
            )
            assert measured == pytest.approx(expected), name
        assert one.clone == pytest.approx(oracle.mean_share(scheme, cleaned, whole, oracle.cloned)), name
        assert one.pareto == oracle.pareto(scheme, cleaned, whole), name
        assert one.monotonicity.violations == oracle.monotonicity(scheme, cleaned, whole), name


@pytest.mark.parametrize("date", ["2021-07-01", "2022-07-01", "2024-01-01"])
def test_the_real_boards(shared_site, date):
    document = json.loads(gzip.decompress((shared_site / f"compare-data-{date}.json.gz").read_bytes()))
    snapshot, whole, cleaned = loaded(document)
    check_ranking(snapshot, whole, cleaned)
    check_figures(snapshot, cleaned)
    if date == "2024-01-01":
        names = ["HIER", "ZMEAN", "ROBUST_Z", "NORMAL", "MEDIAN_RANK", "COPELAND", "SIMPSON"]
        for one in audit_schemes(compared_board(snapshot), given_board(snapshot), names):
            rate, worst = oracle.independence(oracle.SCHEMES[one.scheme.name], cleaned, whole)
            assert (one.removal.rate, one.removal.worst_spoiler) == (pytest.approx(rate), worst)
