"""Headline figures as sentences, messages and the site show them."""

from __future__ import annotations

from brainalign_plugin.text import UNKNOWN

from .figures import COUNTS, SHARES

MINUS = "\N{MINUS SIGN}"


def figure_text(name: str, value: float | None) -> str:
    """Return a headline figure as text: a count, a percentage or a number with three decimals."""
    if value is None:
        return UNKNOWN
    if name in COUNTS:
        text = f"{value:,.0f}"
    elif name in SHARES:
        text = f"{100 * value:.1f} %"
    else:
        text = f"{value:.3f}"
    return text.replace("-", MINUS)


def difference_text(name: str, difference: float) -> str:
    """Return the change of a figure with its sign; empty if it rounds to nothing."""
    text = figure_text(name, abs(difference)).removesuffix(" %")
    if not text.strip("0.,"):
        return ""
    unit = " points" if name in SHARES else ""
    return f"{'+' if difference > 0 else MINUS}{text}{unit}"
