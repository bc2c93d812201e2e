"""An exported snapshot file as a source: believed no more than any other body."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, FailFast, Field, ValidationError

from brainalign_plugin.data.snapshot import Snapshot
from brainalign_plugin.errors import SnapshotError
from brainalign_plugin.files.site_cells import MAX_VERSION
from brainalign_plugin.files.snapshot_file import FORMAT, snapshot_from_bytes

from ..base.errors import PayloadShapeError
from .document import is_storable, shown

_Count = Annotated[int, Field(strict=True, ge=0, lt=MAX_VERSION)]
_Id = Annotated[int, Field(strict=True, ge=0, lt=2**63)]
_Domain = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
_Micros = Annotated[int, Field(strict=True)]
_Flag = Annotated[bool, Field(strict=True)]


class _Node(BaseModel):
    type_id: Annotated[str, Field(min_length=1)]
    parent: str | None
    is_leaf: _Flag
    is_engineering: _Flag
    label: str
    display_domain: str
    versions: list[tuple[_Count, str, _Micros | None, _Micros | None]]


class _Exported(BaseModel):
    domain: _Domain
    source: str
    sha256: str
    models: Annotated[list[tuple[_Id, str, _Micros | None, _Count | None]], FailFast()]
    benchmarks: Annotated[list[_Node], FailFast()]


def is_exported(document: Any) -> bool:
    """Return whether a JSON document is marked as a snapshot file."""
    return isinstance(document, dict) and document.get("format") == FORMAT


def exported_snapshot(document: Any, text: bytes, source: str, body: bytes) -> Snapshot:
    """Read the snapshot in an exported file.

    Raises PayloadShapeError if it is damaged, contradicts itself or holds text that no database can store.

    Parameters
    ----------
    document : Any
        The parsed JSON.
    text, body : bytes
        Unpacked, and as received.
    source : str
        What messages call it.
    """
    try:
        _Exported.model_validate(document)
        snapshot = snapshot_from_bytes(text, origin=source)
    except ValidationError as cause:
        raise PayloadShapeError(_message(source, cause), body) from cause
    except SnapshotError as cause:
        # The file's own errors name it; those of the tree or the board in it do not.
        message = str(cause) if source in str(cause) else f"{source} contradicts itself: {cause}"
        raise PayloadShapeError(message, body) from cause
    words = [snapshot.source, snapshot.sha256, *(model.name for model in snapshot.models)]
    for node in snapshot.tree.nodes:
        words += [node.type_id, node.label, node.display_domain, *(v.identifier for v in node.versions)]
    for word in words:
        if not is_storable(word):
            raise PayloadShapeError(f"{source} holds the text {shown(word)!r}, which cannot be stored", body)
    return snapshot


def _message(source: str, cause: ValidationError) -> str:
    """Return the place where a document has another shape, and its content."""
    first = cause.errors(include_url=False)[0]
    where = shown(".".join(str(part) for part in first["loc"])) or "the document"
    more = f", and {cause.error_count() - 1} more" if cause.error_count() > 1 else ""
    return (
        f"{source} is JSON of another shape: {where} is {shown(first['input'], 60)!r} "
        f"({first['msg']}{more}); the site may have changed, the body was kept for inspection"
    )
