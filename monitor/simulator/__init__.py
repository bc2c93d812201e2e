"""Simulated leaderboards with known truth, in the format in which the real site publishes its own.

`simulate` draws a life from a seed, `payload` and `payload_bytes` return it as of a day, without a clock, file or
network. Every payload carries the key ``"simulated": true``, which the real site does not have.
"""

from __future__ import annotations

from .life import NEVER, Life, SimulationParameters, simulate
from .papers import DEFAULT_PAPERS, Paper
from .published import payload, payload_bytes, published_text
from .truth import Truth

__all__ = [
    "DEFAULT_PAPERS",
    "NEVER",
    "Life",
    "Paper",
    "SimulationParameters",
    "Truth",
    "payload",
    "payload_bytes",
    "published_text",
    "simulate",
]
