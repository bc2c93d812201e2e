"""Boards from files, tables, boards and snapshots, and a simulated one for examples."""

from __future__ import annotations

import gzip
import hashlib
import os
import warnings
import zlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..certainty.families import FamilyTable, read_families, unknown_models
from ..data.board import Board, Model
from ..data.official import CellState
from ..data.snapshot import UNDATED, Snapshot
from ..data.tree import Benchmark, BenchmarkTree, BenchmarkVersion
from ..errors import BoardError, InputError, SnapshotError, TextError
from ..files.decoding import decode
from ..files.site_csv import is_csv_export, site_csv_document, zip_members
from ..files.site_json import parse_site_json
from ..files.snapshot_file import snapshot_from_bytes, table_snapshot
from ..schemes import Scheme

# Largest file that a zip may hold.
_MOST_BYTES = 64_000_000
Source = Snapshot | Board | pd.DataFrame | str | os.PathLike[str]


def load(path: Source) -> Board:
    """Read a board from a file.

    Parameters
    ----------
    path : str or path
        The site's JSON or an exported snapshot, gzipped or not; the site's CSV export or the zip of it; or any table as
        CSV, a row a model (named in the first column), a column a benchmark (``group/benchmark`` makes a tree). A
        Board, Snapshot or DataFrame counts as read.

    Returns
    -------
    Board
        All models on all benchmarks under the ranked average, scores capped to [0, 1]; its ``snapshot`` holds the rest.

    Raises
    ------
    SnapshotError
        If the file cannot be read, or is none of these.
    BoardError
        If it is a table that is no board; the message names the cell.

    Warns
    -----
    UserWarning
        If single cells cannot be read; the rest is there.

    See Also
    --------
    Board.from_frame : Make a board of a table in memory, with groups.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> import brainalign_plugin as ba
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "board.json.gz")
    ...     _ = path.write_bytes(ba.snapshot_bytes(ba.example().snapshot))
    ...     ba.load(path)
    <Board vision 2024-01-01: 16 models × 8 benchmarks, 4 % missing>
    """
    if isinstance(path, Board):
        return path
    if isinstance(path, Snapshot | pd.DataFrame):
        return snapshot_of(path).whole_board()
    data, name = _bytes(path), repr(os.fspath(path))
    text, plugins = data, b""
    if data.startswith(b"PK\x03\x04"):
        text, plugins = zip_members(data, name, _MOST_BYTES)
    elif data.startswith(b"\x1f\x8b"):
        try:
            text = gzip.decompress(data)
        except (OSError, EOFError, zlib.error):
            return snapshot_from_bytes(data, name).whole_board()  # it names the fault
    try:
        words = decode(text, ansi=True)
    except TextError as cause:
        raise SnapshotError(f"{name} is {cause}; give the site's JSON or CSV, or an exported snapshot") from cause
    if is_csv_export(words):
        return _of_export(words, plugins, name, hashlib.sha256(data).hexdigest()).whole_board()
    if words.lstrip()[:1] in ("{", "[", "<", ""):
        return snapshot_from_bytes(data if data.startswith(b"\x1f\x8b") else text, name).whole_board()
    return table_snapshot(words, name).whole_board()


def _bytes(path: object) -> bytes:
    """Read a file that is not empty."""
    if not isinstance(path, str | os.PathLike):
        raise SnapshotError(
            f"a path was expected, not {type(path).__name__}; pass load('board.json.gz'), or a table as a DataFrame"
        )
    name = os.fspath(path)
    if name.lower().startswith(("http://", "https://")):
        raise SnapshotError(f"{name!r} is an address, and this library reads files alone; download it, then load it")
    try:
        data = Path(name or "(no path)").read_bytes()
    except (OSError, ValueError) as cause:
        reason = cause.strerror if isinstance(cause, OSError) else cause
        raise SnapshotError(f"cannot read {name!r}: {reason}") from cause
    if not data.strip():
        raise SnapshotError(f"{name!r} is empty; write or download it again")
    return data


def _of_export(text: str, plugins: bytes, name: str, sha256: str) -> Snapshot:
    try:
        document, notes = site_csv_document(text, plugins)
        snapshot, rejected = parse_site_json(document, name, sha256, UNDATED)
    except ValueError as cause:
        raise SnapshotError(f"{name} cannot be read as a CSV export of the site: {cause}") from cause
    if notes or rejected:
        found = (*notes, *rejected)
        warnings.warn(f"{name} was not read whole ({len(found)} notes), first {found[0]}", stacklevel=3)
    return snapshot


def snapshot_of(source: Source) -> Snapshot:
    """Return the snapshot of an argument that stands for a board."""
    if isinstance(source, Snapshot):
        return source
    if isinstance(source, Board):
        return Snapshot.from_board(source)
    if isinstance(source, pd.DataFrame):
        return Snapshot.from_frame(source)
    if isinstance(source, str | os.PathLike):
        return snapshot_of(load(source))
    raise BoardError(
        f"a board was expected, not {type(source).__name__}; give a Board, a Snapshot, a DataFrame (a row a model, a "
        "column a benchmark) or the path of a file"
    )


def check_work(seed: object, n_jobs: object = 1, resamples: object = 1) -> None:
    """Refuse a seed or a number of processes or resamples that no computation can use, by InputError."""
    if not isinstance(seed, int | np.integer) or seed < 0:
        raise InputError(f"the seed is {seed!r}; pass seed=0, or another whole number from 0")
    if not isinstance(n_jobs, int | np.integer) or n_jobs == 0:
        raise InputError(f"n_jobs is {n_jobs!r}; pass a number of processes, or n_jobs=-1 for one a core")
    if not isinstance(resamples, int | np.integer | None):
        raise InputError(f"{resamples!r} resamples were asked for; pass a whole number, such as resamples=1000")


def family_table(given: Mapping[Any, str] | str | os.PathLike[str] | None, board: Board) -> FamilyTable:
    """Return families that a user names, by a dict from model to family or by a file; the board has all its models."""
    if given is None:
        return ()
    if isinstance(given, Mapping):
        table = tuple((str(model), str(family)) for model, family in given.items())
    elif isinstance(given, str | os.PathLike):
        table = read_families(Path(given))
    else:
        raise InputError(f"the families are {given!r}; give a dict from model to family, or the path of a CSV file")
    if absent := unknown_models(table, board):
        raise InputError(f"the families name the model {absent[0]!r}, which is not on the board; correct or remove it")
    return table


def scheme_list(schemes: str | Scheme | Iterable[str | Scheme]) -> list[str | Scheme]:
    """Return the given schemes as a list; one that is none is refused when it is looked up."""
    several = isinstance(schemes, Iterable) and not isinstance(schemes, str)
    return list(schemes) if several else [schemes]  # type: ignore[arg-type, list-item]


_TREE = {
    "V1": ("FreemanZiemba2013.V1-pls", "Marques2020-size", "Coggan2024.V1-rdm"),
    "IT": ("MajajHong2015.IT-pls", "Sanghavi2020.IT-pls"),
    "": ("Rajalingham2018-i2n", "Geirhos2021-error_consistency", "Hebart2023-match"),
}
_NAMES = (
    *("alexnet", "vgg16", "vgg19", "resnet18", "resnet50", "densenet121", "mobilenet_v2", "efficientnet_b0"),
    *("vit_b16", "convnext_tiny", "cornet_s", "squeezenet", "inception_v3", "xception", "pnasnet", "swin_small"),
)


def example() -> Board:
    """Simulate a small board, the same each time, for examples and tests.

    Returns
    -------
    Board
        16 models on 8 benchmarks of 8 papers, with cells that FAILED or were NEVER run, and dates.

    See Also
    --------
    load : Read a real one.

    Examples
    --------
    >>> import brainalign_plugin as ba
    >>> ba.example()
    <Board vision 2024-01-01: 16 models × 8 benchmarks, 4 % missing>
    """
    nodes = [
        Benchmark("average_vision", None, is_leaf=False),
        Benchmark("neural_vision", "average_vision", is_leaf=False),
        Benchmark("behavior_vision", "average_vision", is_leaf=False),
    ]
    for region, leaves in _TREE.items():
        if region:
            nodes.append(Benchmark(region, "neural_vision", is_leaf=False))
        nodes += [
            Benchmark(leaf, region or "behavior_vision", is_leaf=True, versions=(BenchmarkVersion(1, f"{leaf}_v1"),))
            for leaf in leaves
        ]
    tree = BenchmarkTree(tuple(nodes))
    rng = np.random.default_rng(0)
    n, k = len(_NAMES), len(nodes)
    ability, taste = rng.normal(0, 0.12, (n, 1)), rng.normal(0, 0.06, (n, k))
    scores = np.clip(0.45 + ability + taste + rng.normal(0, 0.04, k), 0.02, 0.98).round(3)
    states = np.full((n, k), CellState.SCORED, dtype=np.int8)
    states[:, [not node.is_leaf for node in nodes]] = CellState.NEVER
    rates = tree.index["Hebart2023-match"]
    states[1, tree.index["Marques2020-size"]] = CellState.FAILED
    states[[4, 9, 11, 15], rates] = CellState.NEVER
    scored = states == CellState.SCORED
    end = datetime(2024, 1, 1, tzinfo=UTC)
    times = [end - timedelta(days=900 - 40 * i) for i in range(n)]
    when = np.array([np.datetime64(t.replace(tzinfo=None), "us") for t in times])[:, None]
    return Snapshot(
        domain="vision",
        as_of_time=end,
        source="made up",
        sha256="0" * 64,
        models=tuple(Model(100 + i, name, times[i]) for i, name in enumerate(_NAMES)),
        tree=tree,
        states=states,
        scores=np.where(scored, scores, np.nan),
        errors=np.full((n, k), np.nan),
        scored_at=np.where(states != CellState.NEVER, when, np.datetime64("NaT", "us")),
        simulated=True,
    ).whole_board()
