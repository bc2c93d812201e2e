"""The site's CSV export, written as the site's page writes it, in both dialects."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Sequence

from brainalign_plugin.data.official import CellState
from brainalign_plugin.data.snapshot import Snapshot

COMMENTS = (
    "# Generated on 2024-03-01T08:30:00.000Z (CET)\n# Date from 2020-08-27T10:32:07.000Z to 2024-01-01T00:00:00.000Z\n"
)


def text_of(board: Snapshot, row: int, column: int, decimals: int) -> str:
    """A cell as the page holds it: ``""`` NEVER, ``X`` FAILED, else the number without its leading zero."""
    state, score = board.states[row, column], float(board.scores[row, column])
    if state != CellState.SCORED:
        return "X" if state == CellState.FAILED else ""
    text = f"{score:.{decimals}f}".removeprefix("0")
    return f"{score:.1f}" if score >= 1 or text.startswith("1") else text


def fields(board: Snapshot, row: int, columns: Sequence[int], decimals: int) -> list[str]:
    """Everything quoted, but nothing at all for FAILED."""
    texts = [text_of(board, row, column, decimals) for column in columns]
    return ["" if text == "X" else f'"{text}"' for text in texts]


def preorder(board: Snapshot) -> list[int]:
    tree = board.tree
    found: list[int] = []
    stack = [i for i in reversed(range(len(tree.nodes))) if tree.nodes[i].parent is None]
    while stack:
        i = stack.pop()
        found.append(i)
        stack += reversed(tree.child_positions[i])
    return found


def new_csv(board: Snapshot, decimals: int = 2, comments: str = COMMENTS) -> str:
    columns = preorder(board)
    header = ["Rank", "Model", "Model ID", "Filtered Score", *(board.tree.nodes[j].type_id for j in columns)]
    lines = [",".join(f'"{title}"' for title in header)]
    for i, model in enumerate(board.models):
        rank = "" if model.published_rank is None else model.published_rank
        first = [f'"{rank}"', f'"{model.name}"', f'"{model.id}"', '".1"']
        lines.append(",".join(first + fields(board, i, columns, decimals)))
    return comments + "\n".join(lines)


def plugins_csv(board: Snapshot) -> str:
    rows = ["plugin_name,plugin_type,model_id,metadata"]
    rows += [f'{model.name},model,{model.id},"{{""a"":1}}"' for model in board.models]
    rows += [f'{node.type_id}_v{node.version},benchmark,,"{{}}"' for node in board.tree.nodes if node.is_leaf]
    return COMMENTS + "\n".join(rows)


def zipped(**files: str | bytes) -> bytes:
    """Return a zip; two underscores before the ending of a name are a dot."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(re.sub("__(?=[a-z]+$)", ".", name), (2024, 1, 1, 0, 0, 0))
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def new_export(board: Snapshot, decimals: int = 2, sidecar: bool = True) -> bytes:
    files = {"leaderboard__csv": new_csv(board, decimals)}
    return zipped(**files, **({"plugin-info__csv": plugins_csv(board)} if sidecar else {}))


def old_export(board: Snapshot) -> bytes:
    """Return the CSV of pandas: FAILED is X, NEVER nothing, and only what has commas is quoted."""
    columns = preorder(board)
    lines = [",".join(["model_name", "layers", *(board.tree.nodes[j].type_id for j in columns)])]
    lines += [
        ",".join([model.name, '"{""IT"": ""layer4, x""}"', *(text_of(board, i, j, 3) for j in columns)])
        for i, model in enumerate(board.models)
    ]
    return "\r\n".join(lines).encode()
