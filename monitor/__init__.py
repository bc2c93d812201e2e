"""BrainAlign's monitor: pulls leaderboard snapshots, analyses them, and reports on metric disagreement."""

from __future__ import annotations
