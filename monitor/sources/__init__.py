"""Where snapshots come from. Every source returns a `Pull`: the raw body and the snapshot parsed from it."""

from .payload import Pull, SetAside, parse_payload

__all__ = ["Pull", "SetAside", "parse_payload"]
