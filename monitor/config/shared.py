"""Settings that may be given away: without secrets, addresses of people, and what would be wrong without them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from brainalign_plugin.text import masked_address

from .reading import IN_FILE, Keys, is_secret, setting_fields
from .settings import Settings

# Tables of recipients are useless without an address; they and `alerts` are kept whole or left out.
_PEOPLE = ("recipients", "webhooks", "notify")
_LOGIN = ("mail", "user")


def without_secrets(document: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Leave out of a document of settings all that is masked when they are shown, and all addresses of people.

    Returns the settings, which are valid, and the names of the others.
    """
    secrets = {path for path, field in setting_fields(Settings) if is_secret(field.annotation)}
    left_out: list[str] = []
    kept = _kept(document, (), secrets, left_out)
    mail = kept.get("mail")
    if isinstance(mail, dict) and not {"mail.password", f"mail.password{IN_FILE}"}.isdisjoint(left_out):
        left_out += [".".join(_LOGIN)] if mail.pop(_LOGIN[-1], None) is not None else []
    return kept, tuple(left_out)


def _kept(table: Mapping[str, Any], above: Keys, secrets: set[Keys], left_out: list[str]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for key, value in table.items():
        path = (*above, key)
        if (
            (above == () and key in _PEOPLE)
            or path in secrets
            or (*above, key.removesuffix(IN_FILE)) in secrets
        ):
            names = [f"{key}.{name}" for name in value] if isinstance(value, Mapping) else [".".join(path)]
            left_out += names
        elif above == () and key == "alerts":
            kept[key] = value
        elif isinstance(value, Mapping):
            kept[key] = _kept(value, path, secrets, left_out)
        elif isinstance(value, str) and "://" in value and masked_address(value) != value:
            left_out.append(".".join(path))
        else:
            kept[key] = value
    return kept
