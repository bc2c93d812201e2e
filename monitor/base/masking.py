"""Addresses without their secrets, for messages, logs and settings that are shown."""

from __future__ import annotations


def masked_query(query: str) -> str:
    """Return the query of an address with its values masked, after a question mark; empty if it is."""
    pairs = (pair.partition("=") for pair in query.split("&"))
    return f"?{'&'.join(f'{key}=***' if sign else '***' for key, sign, _ in pairs)}" if query else ""


def masked_address(text: str) -> str:
    """Return an address without its password, and with the values of its query masked."""
    beginning, _, query = text.partition("?")
    # A password may hold an unescaped slash or @: all before the last @ is the login.
    scheme, mark, rest = beginning.partition("://")
    if not mark:
        return text
    login, at, host = rest.rpartition("@")
    user, colon, _ = login.partition(":")
    return f"{scheme}://{user}{':***' if colon else ''}{at}{host}{masked_query(query)}"
