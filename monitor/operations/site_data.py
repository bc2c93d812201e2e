"""Data files of the site, at addresses that stay: the newest board, its pairs and ranks, the history."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from brainalign_plugin.analysis import analysis_fields
from brainalign_plugin.certainty.good_models import good_correlations
from brainalign_plugin.certainty.record import analysis_json
from brainalign_plugin.errors import InputError

from ..base.files import csv_bytes, json_bytes
from ..config.settings import Settings
from ..delivery.pages import ArchivedBoard, DataFile, archive_csv, history_csv
from ..history.known_events import events_json, known_events
from ..history.series import History, history_json
from ..report.average_page import board_record
from ..report.model_board import ModelBoard
from ..report.model_standing import ModelLink, SchemeRanks
from . import reporting

_PAIR = ("first", "second", "rho", "rho_good_models", "rho_pairwise", "models_pairwise")


def data_files(
    settings: Settings,
    record: History,
    results: reporting.Results,
    boards: Sequence[ArchivedBoard],
    board: ModelBoard,
    links: Sequence[ModelLink],
    ranks: SchemeRanks,
) -> tuple[DataFile, ...]:
    """Return the data files of the site; equal results give equal bytes."""
    events = known_events(settings.domain, settings.home)
    of_history = history_json(record) | events_json(events)
    header, models = _models(results, ranks)
    return (
        DataFile(
            "latest/analysis.json",
            "the analysis of the newest board: the record of brainalign analyze --json",
            json_bytes(analysis_json(results.analysis, found=results.certainty)),
        ),
        DataFile(
            "latest/models.csv",
            "every model of the newest board: official score and rank, rank under each scheme",
            csv_bytes(header, models),
        ),
        DataFile(
            "latest/pairs.csv",
            "every pair of benchmarks: Spearman’s ρ on the poster’s board, among good models, over all that have both",
            csv_bytes(_PAIR, _pairs(results)),
        ),
        DataFile(
            "latest/board.json",
            "every score under the average: a number, X for a failed run, null for none; with regions and papers",
            json_bytes(board_record(board), indent=None),
        ),
        DataFile(
            "latest/models.json",
            "id, name, and ranks in words of every model, the best official rank first",
            json_bytes([[link.id, link.name, link.text] for link in links]),
        ),
        DataFile(
            "latest/history.json",
            "the headline figures over time, with intervals and causes: the record of brainalign history --json",
            json_bytes(of_history),
        ),
        DataFile("latest/history.csv", "the headline figures over time, one line per board", history_csv(record)),
        DataFile("latest/archive.csv", "the observed boards", archive_csv(boards)),
    )


def _pairs(results: reporting.Results) -> list[list[Any]]:
    found, pairwise = results.analysis.agreement, results.analysis.pairwise
    good = good_correlations(results.analysis.cleaning.board)
    first, second = np.triu_indices(len(found.leaves), k=1)
    return [
        [
            found.leaves[i],
            found.leaves[j],
            *(None if np.isnan(rho[i, j]) else float(rho[i, j]) for rho in (found.rho, good, pairwise.rho)),
            int(pairwise.overlap[i, j]),
        ]
        for i, j in zip(first.tolist(), second.tolist(), strict=True)
    ]


def scheme_ranks(results: reporting.Results) -> SchemeRanks:
    """Return the ranks on the poster's board under every registered scheme, by its name and the model's id."""
    from brainalign_plugin.certainty.rank import rank_schemes
    from brainalign_plugin.ranking.boards import compared_board

    analysis = results.analysis
    try:
        board = compared_board(analysis.snapshot, max_missing=analysis.cleaning.max_missing)
        ranked = rank_schemes(board, results.reference)
    except InputError:  # too small a board for any scheme
        ranked = ()
    return {one.scheme.name: {} if one.ranking is None else one.ranking.by_id() for one in ranked}


def _models(results: reporting.Results, ranks: SchemeRanks) -> tuple[list[str], list[list[Any]]]:
    """Return the header and a row a model: official score and rank, and its rank under every scheme."""
    analysis, rows = results.analysis, []
    record = analysis_fields(analysis)
    for model in analysis.snapshot.models:
        official = record["official"][str(model.id)]
        own = [by_id.get(model.id) for by_id in ranks.values()]
        rows.append([model.id, model.name, official["score"], official["rank"], *own])
    rows.sort(key=lambda row: (row[3] is None, row[3], row[0]))
    return ["id", "name", "official_score", "official_rank", *ranks], rows
