"""Types that the shapes of a payload and of an exported snapshot share, and how a misfit is told."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, ValidationError

from .document import shown

# The range of a database's integer.
MAX_VERSION = 2**31
Count = Annotated[int, Field(strict=True, ge=0, lt=MAX_VERSION)]
Id = Annotated[int, Field(strict=True, ge=0, lt=2**63)]
Domain = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]


def shape_message(source: str, cause: ValidationError) -> str:
    """Say where a document has another shape, and what stands there."""
    first = cause.errors(include_url=False)[0]
    where = shown(".".join(str(part) for part in first["loc"])) or "the document"
    more = f", and {cause.error_count() - 1} more" if cause.error_count() > 1 else ""
    return (
        f"{source} is JSON of another shape: {where} is {shown(first['input'], 60)!r} "
        f"({first['msg']}{more}); the site may have changed, the body was kept for inspection"
    )
