"""The session of a notebook, as a user's file: run on a board, and typed, by test_session.py."""

from __future__ import annotations

from pathlib import Path

import numpy.typing as npt
import pandas as pd
from scipy.stats import trim_mean

import brainalign_plugin as ba
from brainalign_plugin.arrays import FloatArray


def session(
    path: Path, df: pd.DataFrame, groups: dict[str, str], then: str, pair: tuple[int, int], folder: Path
) -> list[object]:
    """Run every line of the session; return each result that has a repr."""
    board = ba.load(path)
    table = ba.Board.from_frame(df, groups=groups)
    frames = [board.to_frame(names=True), table.to_frame(names=True), board.to_frame(states=True)]
    earlier = board.as_of(then)
    log = board.clean(max_missing=0.5).log
    frames += [earlier.to_frame(), log.to_frame()]

    agr = ba.agreement(board, method="spearman")
    others = [
        ba.agreement(board, method="kendall"),
        ba.agreement(board, method="pearson"),
        ba.agreement(board, pairwise=True),
    ]
    frames += [agr.to_frame(), agr.pairs.to_frame(), agr.summary(), agr.interval(0.95, seed=0)]
    charts = [agr.plot.heatmap(), agr.plot.good_models()]

    r = ba.rank(board, "ZMEAN")
    rs = ba.rank(board, ["HIER", "RANK", "COPELAND"], seed=0, n_jobs=2)
    frames += [r.to_frame(), rs.to_frame(), rs.compare().to_frame()]
    charts += [rs.plot.bump(), rs.plot.intervals()]

    @ba.scheme("TRIMMED", missing="skip", overwrite=True)  # (models, benchmarks) -> (models,)
    def trimmed(scores: FloatArray) -> npt.ArrayLike:
        return trim_mean(scores, 0.1, axis=1)

    own = ba.rank(board, trimmed)
    audited = ba.audit(board, [trimmed, "HIER"], ["iia", "scale"])

    cer = ba.certainty(board)
    apart = cer.told_apart(*pair)
    frames += [cer.components.to_frame(), cer.to_frame(), cer.influence.to_frame(), apart.to_frame()]
    charts += [cer.plot.tiers()]

    ref = ba.freeze(board, "base")
    leaves = board.leaves
    p = ba.place(dict.fromkeys(leaves[: len(leaves) * 2 // 3], 0.51), ref)
    series = ba.place(pd.Series(dict.fromkeys(leaves, 0.4)), ref, schemes=["HIER"])
    known = ba.place(pair[0], ref, schemes=["HIER"])
    file = folder / "scores.csv"
    file.write_text("benchmark,score\n" + "".join(f"{leaf},0.4\n" for leaf in leaves), encoding="utf-8")
    from_file = ba.place(file, ref, schemes=["HIER"])
    frames += [p.to_frame(), p.missing.to_frame()]
    charts += [p.plot.profile()]

    a = ba.audit(board, ["ZMEAN", "HIER"], properties=("iia", "scale", "monotonicity"))
    frames += [a.to_frame(), a["PC1"].monotonicity.witnesses.to_frame()]
    frames += [a["ZMEAN"].iia.by_model, a["ZMEAN"].scale.by_benchmark]

    tl = ba.timeline([earlier, board])
    frames += [tl.to_frame(), tl.changes[-1].to_frame()]
    charts += [tl.plot.figures()]
    assert all(isinstance(frame, pd.DataFrame) for frame in frames)
    for number, chart in enumerate(charts):
        chart.save(folder / f"{number}.svg")
        chart.save(folder / f"{number}.json")
    parts = [log, agr.pairs, cer.components, p.missing, tl.changes[-1], a["PC1"].monotonicity.witnesses]
    results = [agr, *others, r, rs, rs.compare(), own, audited, cer, apart, p, series, known, from_file, a, tl]
    return [board, table, *parts, *results, a["ZMEAN"], a["ZMEAN"].iia, a["ZMEAN"].scale]
