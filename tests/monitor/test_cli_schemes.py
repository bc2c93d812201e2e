"""``brainalign rank`` and ``brainalign audit``: the numbers recomputed here by hand, and what bad input is told."""

from __future__ import annotations

import csv
import io
import itertools
import math
import statistics

import pytest

from brainalign_plugin.files.snapshot_file import snapshot_bytes
from brainalign_plugin.schemes import scheme_names
from tests.boards import small_tree, snapshot_of, tree_of
from tests.commands import brainalign, documented_table
from tests.monitor.sources.samples import body_of, document

TREE = small_tree()
LEAVES = TREE.leaves("average_vision")
# Five models on six leaves under the average; the last column is an engineering benchmark, which counts for nothing.
ROWS = [
    [0.30, 0.71, 0.52, 0.44, 0.21, 0.35, 0.9],
    [0.28, 0.64, 0.55, 0.48, 0.33, 0.20, 0.1],
    [0.35, 0.80, 0.41, 0.40, 0.18, 0.31, 0.5],
    [0.31, 0.77, 0.60, 0.51, 0.40, 0.42, 0.2],
    [0.22, 0.58, 0.38, 0.37, 0.12, 0.09, 0.7],
]
COLUMNS = [[row[j] for row in ROWS] for j in range(len(LEAVES))]
EVERYONE = range(len(ROWS))
FIELDS = {"claims", "scores", "ranks", "intervals"}
FEW = ("--resamples", 60)


def put(path, rows, tree=TREE):
    path.write_bytes(snapshot_bytes(snapshot_of(tree, rows)))
    return path


@pytest.fixture
def board(tmp_path):
    return put(tmp_path / "board.snapshot.json.gz", ROWS)


@pytest.fixture
def gappy(tmp_path):
    rows = [list(row) for row in ROWS]
    rows[0][2], rows[1][5], rows[4][0] = "X", "", ""
    return put(tmp_path / "gappy.snapshot.json.gz", rows)


@pytest.fixture
def run(tmp_path):
    return lambda *arguments: brainalign(*arguments, home=tmp_path / "home")


@pytest.fixture
def payload(shared_site):
    return shared_site / "compare-data-2024-01-01.json.gz"


@pytest.fixture
def ids(board):
    return [model.id for model in snapshot_of(TREE, ROWS).models]


def by_hand_z(rows=EVERYONE):
    """Mean z-score of each model, over the models in ``rows`` only."""
    scores = {}
    for i in rows:
        parts = []
        for column in COLUMNS:
            values = [column[k] for k in rows]
            parts.append((column[i] - statistics.mean(values)) / statistics.stdev(values))
        scores[i] = statistics.mean(parts)
    return scores


def by_hand_tree():
    """Brain-Score's mean: the mean of both parts, each the mean of its groups."""

    def mean(node, row):
        below = TREE.children(node)
        return statistics.mean(mean(child, row) for child in below) if below else row[LEAVES.index(node)]

    return [mean("average_vision", row) for row in ROWS]


def places(scores):
    return [1 + sum(round(other, 9) > round(score, 9) for other in scores) for score in scores]


def shared(ranks):
    """Average ranks from competition ranks."""
    return [rank + (ranks.count(rank) - 1) / 2 for rank in ranks]


def test_rank_is_recomputed_by_hand(run, board, ids):
    record = run("rank", board, "--scheme", "HIER,ZMEAN,FLAT,RANK,COPELAND", "--json", *FEW).succeeded().json
    assert record["schema"] == 1
    wins = [[sum(column[i] > column[k] for column in COLUMNS) for k in range(len(ROWS))] for i in range(len(ROWS))]
    expected = {
        "HIER": by_hand_tree(),
        "ZMEAN": list(by_hand_z().values()),
        "FLAT": [statistics.mean(row[: len(LEAVES)]) for row in ROWS],
        "RANK": [
            statistics.mean(1 + sum(value < column[i] for value in column) for column in COLUMNS)
            for i in range(len(ROWS))
        ],
        "COPELAND": [
            sum((wins[i][k] > wins[k][i]) + 0.5 * (wins[i][k] == wins[k][i]) for k in range(len(ROWS)) if k != i)
            for i in range(len(ROWS))
        ],
    }
    for name, scores in expected.items():
        found = record["schemes"][name]
        assert set(found) >= FIELDS
        assert found["scores"] == pytest.approx(dict(zip(map(str, ids), scores, strict=True)), abs=1e-12)
        assert found["ranks"] == dict(zip(map(str, ids), places(scores), strict=True))
    for name in ("HIER", "COPELAND"):
        for low, high in record["schemes"][name]["intervals"].values():
            assert 1 <= low <= high <= len(ROWS)
    assert record["schemes"]["COPELAND"]["interval_kind"] == "papers"


def test_all_schemes_have_the_shape_that_is_promised(run, board):
    record = run("rank", board, "--json", *FEW).succeeded().json
    assert list(record["schemes"]) == list(scheme_names())
    for name, found in record["schemes"].items():
        assert set(found) >= FIELDS, name
        assert set(found["claims"]) == {
            "iia", "affine", "monotone", "clone", "monotonicity", "pareto", "hierarchy",
        }  # fmt: skip
        assert ("objective" in found and "bound" in found) is (name == "KEMENY")
        assert (found["ranks"] is None) is ("problem" in found and found["scores"] is None)
    kemeny = record["schemes"]["KEMENY"]
    order = min(
        itertools.permutations(range(len(ROWS))),
        key=lambda p: -sum(column[a] > column[b] for column in COLUMNS for a, b in itertools.combinations(p, 2)),
    )
    best = sum(column[a] > column[b] for column in COLUMNS for a, b in itertools.combinations(order, 2))
    assert (kemeny["objective"], kemeny["bound"]) == (best, best)


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(run, board):
    def out(seed):
        return run("rank", board, "--scheme", "FLAT", "--json", "--seed", seed, *FEW).succeeded().out

    assert out(1) == out(1)
    assert out(1) != out(2)


def test_what_else_is_known_of_ranks(run, board, ids):
    pair = f"{ids[3]},{ids[4]}"
    wanted = ("rank", board, "--scheme", "FLAT,RANK", "--versus", pair, *FEW)
    record = run(*wanted, "--json").succeeded().json
    assert record["resampling"] == {
        "level": 0.95, "resamples": 60, "seed": 0,
    }  # fmt: skip
    for found in record["schemes"].values():
        # The fourth model is better than the fifth on every benchmark.
        (above,) = found["above"]
        assert (above["one"], above["other"]) == (ids[3], ids[4])
        assert 0.5 < above["probability"] <= 1
        assert sum(found["first"].values()) == pytest.approx(1)
        assert all(share == 1 for share in found["top_ten"].values()), "there are five models"
    text = run(*wanted).succeeded().out
    assert "intervals of the true rank, had other papers measured" in text
    alone = run("rank", board, "--scheme", "FLAT", *FEW).succeeded().out
    assert "is first" in alone


def test_schemes_are_compared(run, board, ids):
    record = run("rank", board, "--scheme", "HIER,FLAT,RANK", "--json", *FEW).succeeded().json
    found, schemes = record["comparison"], record["schemes"]
    assert [(p["one"], p["other"]) for p in found["pairs"]] == [
        ("HIER", "FLAT"), ("HIER", "RANK"), ("FLAT", "RANK"),
    ]  # fmt: skip
    for pair in found["pairs"]:
        one, other = (list(schemes[pair[side]]["scores"].values()) for side in ("one", "other"))
        a, b = places(one), places(other)
        order = [
            (math.copysign(a[i] != a[k], a[i] - a[k]), math.copysign(b[i] != b[k], b[i] - b[k]))
            for i, k in itertools.combinations(EVERYONE, 2)
        ]
        untied = math.prod(sum(abs(signs[side]) for signs in order) for side in (0, 1))
        assert pair["tau_b"] == pytest.approx(sum(x * y for x, y in order) / math.sqrt(untied))
        assert pair["spearman"] == pytest.approx(statistics.correlation(shared(a), shared(b)))
        assert pair["top_overlap"] == 1
        assert pair["kappa"] is not None
    for model, span in found["models"].items():
        ranks = {name: schemes[name]["ranks"][model] for name in schemes}
        assert (span["best"], span["worst"]) == (min(ranks.values()), max(ranks.values()))
        assert ranks[span["best_scheme"]] == span["best"]
        assert ranks[span["worst_scheme"]] == span["worst"]
    dominated = {
        ids[k]
        for i, k in itertools.permutations(range(len(ROWS)), 2)
        if all(column[i] >= column[k] for column in COLUMNS) and any(column[i] > column[k] for column in COLUMNS)
    }
    assert found["pareto_front"] == [i for i in ids if i not in dominated]
    assert sorted(found["always_top_ten"]) == sorted(ids)
    assert 0 < found["kendall_w"] <= 1
    assert run("rank", board, "--scheme", "HIER", "--json", *FEW).json["comparison"] is None
    text = run("rank", board, "--scheme", "HIER,FLAT,RANK", *FEW).succeeded().out
    for words in ("3 schemes, ", "Pareto front: ", "schemes that agree least", "most contested"):
        assert words in text


def test_without_a_reference_the_given_board_is_frozen_and_both_say_so(run, board):
    said = "no reference was named: norms frozen on the whole given board (5 models, vision as of 2024-01-09)"
    for command in ("rank", "audit"):
        wanted = (command, board, "--scheme", "REF_ZMEAN")
        assert said in run(*wanted).succeeded().out
        record = run(*wanted, "--json").succeeded().json
        assert record["reference"]["name"] is None
        assert record["reference"]["description"] == said
    # On a complete board these norms are those of the board.
    record = run("rank", board, "--scheme", "REF_ZMEAN,ZMEAN", "--json", *FEW).succeeded().json
    one, other = (record["schemes"][name]["scores"] for name in ("REF_ZMEAN", "ZMEAN"))
    assert one == pytest.approx(other)
    rows = list(csv.DictReader(io.StringIO(run("rank", board, "--scheme", "REF_ZMEAN,FLAT", "--csv", *FEW).out)))
    assert {(row["scheme"], row["reference"]) for row in rows} == {("REF_ZMEAN", "given-board"), ("FLAT", "")}


def test_the_rule_for_missing_cells_is_said(run, gappy):
    record = run("rank", gappy, "--board", "full", "--scheme", "HIER,RANK,FLAT", "--json", *FEW).succeeded().json
    assert {name: found["convention"] for name, found in record["schemes"].items()} == {
        "HIER": "zero", "RANK": "worst", "FLAT": "skip",
    }  # fmt: skip
    assert record["comparison"]["pareto_front"] is None
    text = run("rank", gappy, "--board", "full", "--scheme", "HIER,RANK", *FEW).succeeded().out
    assert "rule for missing cells: HIER zero, RANK worst" in text
    record = run("rank", gappy, "--board", "full", "--scheme", "FLAT", "--missing", "zero", "--json", *FEW).json
    assert record["schemes"]["FLAT"]["convention"] == "zero"
    first = next(iter(record["schemes"]["FLAT"]["scores"].values()))
    assert first == pytest.approx((sum(ROWS[0][:6]) - ROWS[0][2]) / 6)
    record = run("rank", gappy, "--scheme", "FLAT", "--json", *FEW).succeeded().json
    assert (record["board"]["models"], len(record["board"]["left_out"])) == (2, 3)
    assert record["schemes"]["FLAT"]["convention"] == "complete"


def test_audit_is_recomputed_by_hand(run, board, ids):
    record = run("audit", board, "--scheme", "ZMEAN,FLAT,KEMENY", "--json").succeeded().json
    assert record["schema"] == 1
    found = record["schemes"]["ZMEAN"]
    base, changes, n = by_hand_z(), {}, len(ROWS)
    for gone in range(n):
        left = by_hand_z([i for i in range(n) if i != gone])
        changes[ids[gone]] = sum((base[i] > base[k]) != (left[i] > left[k]) for i, k in itertools.combinations(left, 2))
    assert found["iia"]["rate"] == pytest.approx(sum(changes.values()) / (n * (n - 1) * (n - 2) / 2))
    assert found["iia"]["worst_spoiler"] == min(changes, key=lambda model: (-changes[model], model))
    flat = record["schemes"]["FLAT"]
    whole = [sum(row[:6]) for row in ROWS]
    rates = []
    for j in range(6):
        halved = [total - row[j] / 2 for total, row in zip(whole, ROWS, strict=True)]
        pairs = list(itertools.combinations(range(n), 2))
        rates.append(sum((whole[i] > whole[k]) != (halved[i] > halved[k]) for i, k in pairs) / len(pairs))
    assert flat["affine"] == pytest.approx(statistics.mean(rates))
    assert (flat["iia"]["rate"], flat["pareto"], flat["monotonicity"], flat["hierarchy"]) == (0.0, 0, None, False)
    assert flat["iia"]["worst_spoiler"] == min(ids), "of equals the smallest id"
    for j, leaf in enumerate(LEAVES):
        before, after = (places(whole), places([total - row[j] for total, row in zip(whole, ROWS, strict=True)]))
        shift = [abs(a - b) for a, b in zip(after, before, strict=True)]
        assert flat["influence"][leaf] == {
            "mean_shift": pytest.approx(statistics.mean(shift)),
            "max_shift": max(shift),
            "most_moved": min(model for model, s in zip(ids, shift, strict=True) if s == max(shift)),
        }
    assert record["schemes"]["KEMENY"]["objective"] == record["schemes"]["KEMENY"]["bound"]
    for one in record["schemes"].values():
        assert {"iia", "affine", "monotone", "clone", "pareto", "monotonicity", "hierarchy"} <= set(one)
        assert one["violated_claims"] == []


def test_audit_says_which_rule_moves_whom(run, gappy, ids):
    record = run("audit", gappy, "--scheme", "FLAT", "--json").succeeded().json
    moves = {move["other"]: move for move in record["conventions"]}
    assert set(moves) == {"zero", "attempted", "worst", "mean", "complete"}
    rows = [list(row[:6]) for row in ROWS]
    rows[0][2], rows[1][5], rows[4][0] = None, None, None
    skip = [statistics.mean(value for value in row if value is not None) for row in rows]
    zero = [sum(value or 0 for value in row) / 6 for row in rows]
    shift = [abs(a - b) for a, b in zip(places(skip), places(zero), strict=True)]
    assert moves["zero"]["mean_shift"] == pytest.approx(statistics.mean(shift))
    assert moves["zero"]["model"] == min(m for m, s in zip(ids, shift, strict=True) if s == max(shift))
    shifts = [move["mean_shift"] for move in record["conventions"]]
    assert shifts == sorted(shifts, reverse=True)
    text = run("audit", gappy, "--scheme", "FLAT").succeeded().out
    assert "rules for missing cells on the full board" in text
    assert "complete" in text
    assert "benchmarks left out" in text


def test_one_benchmark_and_ties_are_said(run, tmp_path):
    tree = tree_of({"average_vision": {"neural_vision": {"V1": {"Ada2020.V1-pls": None}}}})
    single = put(tmp_path / "single.snapshot.json.gz", [[0.5], [0.6], [0.4]], tree)
    ties = put(tmp_path / "ties.snapshot.json.gz", [[0.5] * 7] * 4)
    constant = put(tmp_path / "constant.snapshot.json.gz", [[0.5, *row[1:]] for row in ROWS])
    for path, words in (
        (single, "'Ada2020.V1-pls' is the only benchmark"),
        (ties, "all models tie on every benchmark"),
        (constant, f"all models have the same score on '{LEAVES[0]}'"),
    ):
        for command in ("rank", "audit"):
            wanted = (command, path, "--scheme", "HIER,ZMEAN,COPELAND,FACTOR1")
            assert words in run(*wanted).succeeded().out
            assert words in run(*wanted, "--json").succeeded().json["board"]["notes"][0]
    record = run("rank", ties, "--json", *FEW).succeeded().json
    for name, found in record["schemes"].items():
        if found["ranks"] is not None:
            assert set(found["ranks"].values()) == {1}, name
        else:
            assert name == "FACTOR1" or "UNIVERSE" in name
            reason = "0 of 6 are such" if name == "FACTOR1" else "all models have the same score"
            assert reason in found["problem"], name


def test_bad_input_is_told_what_is_wrong(run, board, gappy, tmp_path, ids):
    one = put(tmp_path / "one.snapshot.json.gz", [ROWS[0]])
    for command in ("rank", "audit"):
        for arguments, words in (
            ((board, "--scheme", "COPLAND"), "'COPLAND'; did you mean COPELAND"),
            ((board, "--scheme", "HIER,HEIR_RANK"), "'HEIR_RANK'; did you mean HIER_RANK"),
            ((board, "--scheme", " , "), "no scheme is named in ' , '"),
            ((one,), "1 model on 6 benchmarks, too few to compare"),
            ((one, "--board", "full"), "the full board has 1 model on 6 benchmarks"),
            ((board, "--reference", "nowhere"), "no reference 'nowhere'"),
            ((board, "--as-of", "2031-01-01"), "2031-01-01"),
        ):
            ended = run(command, *arguments)
            assert ended.code == 8, arguments
            assert words in ended.problem
    for arguments, words in (
        (("--versus", f"{ids[0]},{ids[0]}"), f"names the model {ids[0]} twice"),
        (("--versus", "12"), "'12'; give two models with a comma"),
        (("--versus", f"{ids[0]},nobody"), "no model 'nobody'"),
        (("--versus", f"{ids[0]},{ids[1]}", "--resamples", 0), "--resamples is 0"),
        (("--board", "full", "--scheme", "REF_ZMEAN", "--missing", "worst"), "does not support 'worst'"),
    ):
        ended = run("rank", gappy if "full" in arguments else board, *arguments)
        assert (ended.code, words in ended.problem) == (8, True), ended
    ended = run("rank", gappy, "--scheme", "FLAT", "--versus", f"{ids[0]},{ids[3]}")
    assert f"model {ids[0]}" in ended.problem
    assert "--board full" in ended.problem


def test_a_reference_that_lacks_a_benchmark_is_named_with_it(run, board, tmp_path):
    tree = tree_of({"average_vision": {"neural_vision": {"V1": {LEAVES[0]: None}}}})
    put(tmp_path / "narrow.snapshot.json.gz", [[0.5], [0.6]], tree)
    run("reference", "freeze", "narrow", tmp_path / "narrow.snapshot.json.gz").succeeded()
    ended = run("rank", board, "--scheme", "REF_NORMAL", "--reference", "narrow")
    assert ended.code == 8
    assert f"the reference 'narrow' lacks '{LEAVES[1]}'" in ended.problem
    record = run("rank", board, "--scheme", "FLAT,REF_NORMAL", "--reference", "narrow", "--json").json
    assert "lacks" in record["schemes"]["REF_NORMAL"]["problem"]
    assert record["schemes"]["FLAT"]["ranks"] is not None
    ended = run("audit", board, "--scheme", "REF_NORMAL", "--reference", "narrow")
    assert (ended.code, "lacks" in ended.problem) == (8, True)
    record = run("audit", board, "--scheme", "FLAT,REF_NORMAL", "--reference", "narrow", "--json").json
    assert "lacks" in record["schemes"]["REF_NORMAL"]["problem"]
    assert record["schemes"]["REF_NORMAL"]["iia"] == {"rate": None, "worst_spoiler": None}


def test_an_infinite_score_is_rejected_and_named(run, tmp_path):
    changed = document(4)
    changed["models"][1]["scores"]["Ada2020.V1-pls"][0]["value"] = "inf"
    path = tmp_path / "infinite.json"
    path.write_bytes(body_of(changed))
    for command in ("rank", "audit"):
        ended = run(command, path, "--scheme", "FLAT", "--json")
        assert ended.code == 0
        assert "Ada2020.V1-pls" in ended.err
        assert "inf" in ended.err
        assert ended.json["schemes"]["FLAT"] is not None


@pytest.mark.needs("shared")
def test_a_board_of_the_past(run, payload):
    now = run("rank", payload, "--scheme", "HIER", "--json", *FEW).succeeded().json
    then = run("rank", payload, "--scheme", "HIER", "--as-of", "2023-07-01", "--json", *FEW).succeeded().json
    assert (now["board"]["models"], then["board"]["models"]) == (83, 128)
    audited = run("audit", payload, "--scheme", "HIER", "--as-of", "2023-07-01", "--json").json
    assert audited["board"]["models"] == 128


@pytest.mark.needs("shared")
def test_the_real_board(run, payload):
    record = run("audit", payload, "--scheme", "HIER,HIER_REF_NORMAL,MEDIAN_RANK", "--json").succeeded().json
    assert record["schemes"]["MEDIAN_RANK"]["iia"]["rate"] == pytest.approx(0.00998, abs=5e-6)
    assert record["schemes"]["HIER"]["affine"] == pytest.approx(0.00313, abs=5e-6)
    frozen = record["schemes"]["HIER_REF_NORMAL"]
    assert frozen["iia"]["rate"] == frozen["affine"] == frozen["monotone"] == 0
    assert frozen["hierarchy"]
    assert frozen["clone"] > 0


def documented(heading):
    return [row[0].strip("`") for row in documented_table(heading)]


def below(name, record):
    return {f"{name}.{key}" for key in record}


def test_every_field_is_documented(run, gappy, ids):
    record = run("rank", gappy, "--scheme", "HIER,KEMENY", "--board", "full", "--json", *FEW).succeeded().json
    pair = f"{ids[2]},{ids[3]}"
    cleaned = run("rank", gappy, "--scheme", "HIER,FLAT", "--versus", pair, "--json", *FEW).succeeded().json
    schemes, comparison = record["schemes"], cleaned["comparison"]
    found = {"schema", "schemes.HIER.problem", "comparison.pareto_front", "comparison.kendall_w"}
    found |= {
        "comparison.always_top_ten",
        "comparison.distinct_rankings",
        *below("comparison.pairs", comparison["pairs"][0]),
    }
    found |= below("comparison.models.<model id>", next(iter(comparison["models"].values())))
    for part in ("board", "reference", "resampling"):
        found |= below(part, record[part])
    found |= below("schemes.HIER", cleaned["schemes"]["HIER"]) | below("schemes.HIER", schemes["HIER"])
    found |= below("schemes.KEMENY", {*(set(schemes["KEMENY"]) - set(schemes["HIER"])), "stopped"})
    assert sorted(documented("## `rank --json`")) == sorted(found)
    assert set(record) == {"schema", "board", "reference", "resampling", "schemes", "comparison"}
    assert set(comparison) == {
        "distinct_rankings", "kendall_w", "pairs", "models", "pareto_front", "always_top_ten",
    }  # fmt: skip
    assert schemes["HIER"]["convention"] == "zero"

    record = run("audit", gappy, "--scheme", "HIER,KEMENY", "--json").succeeded().json
    one = record["schemes"]["HIER"]
    found = {"schema", "board", "reference", "schemes.HIER.problem", "convention_problems", "convention_rules"}
    found |= {"schemes.HIER.not_measured", "schemes.HIER.monotonicity_sample"}
    found |= below("conventions", record["conventions"][0]) | below("schemes.HIER.iia", one["iia"])
    found |= below("schemes.HIER.influence.<benchmark>", next(iter(one["influence"].values())))
    found |= below("schemes.HIER", set(one) - {"iia", "influence"})
    found |= below("schemes.KEMENY", {*(set(record["schemes"]["KEMENY"]) - set(one)), "stopped"})
    assert sorted(documented("## `audit --json`")) == sorted(found)
    assert set(record) == {
        "schema", "board", "reference", "schemes", "conventions", "convention_problems", "convention_rules",
    }  # fmt: skip


def test_validity_prints_means_intervals_and_paired_differences(run, payload):
    asked = ("validity", payload, "--scheme", "HIER,HIER_ZMEAN,FLAT", "--resamples", 50)
    found = run(*asked, "--json").succeeded().json
    means = [one["mean"] for one in found.values()]
    assert set(found) == {"HIER", "HIER_ZMEAN", "FLAT"}
    assert means == sorted(means, reverse=True)
    for name, one in found.items():
        assert one["mean"] == pytest.approx(statistics.mean(one["papers"].values()))
        assert one["interval"][0] < one["mean"] < one["interval"][1]
        for other, (value, low, high) in one["differences"].items():
            assert value == pytest.approx(one["mean"] - found[other]["mean"])
            assert [value, low, high] == pytest.approx(
                [-found[other]["differences"][name][k] for k in (0, 2, 1)], abs=1e-12
            )
    fields = {"mean", "interval", "papers.<paper>", "differences.<scheme>"}
    documented_fields = {name for name in documented("## `analyze --json`") if name.startswith("validity.")}
    assert documented_fields == {f"validity.<scheme>.{field}" for field in fields}
    text = run(*asked).succeeded().out
    assert all(f"{mean:.3f}" in text for mean in means)
    assert f"less {next(iter(found))}" in text


def test_validity_of_a_frozen_scheme_and_of_a_board_too_small(run, board, payload, tmp_path):
    frozen = run("validity", payload, "--scheme", "HIER_REF_NORMAL", "--resamples", 5, "--json").succeeded().json
    assert frozen["HIER_REF_NORMAL"]["mean"] is not None
    small = run("validity", put(tmp_path / "two.snapshot.json.gz", ROWS[:2]))
    assert "needs three models" in small.problem
    few = run("validity", board, "--scheme", "HIER,FLAT", "--json").succeeded().json
    assert few["HIER"]["interval"] is None
    assert few["HIER"]["differences"] == {"FLAT": None}
