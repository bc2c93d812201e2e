"""Figures that the poster's authors published.

Source: Ahlert, Klein, Wichmann, Geirhos, *How aligned are different alignment metrics?*, Re-Align workshop at ICLR
2024, arXiv 2407.07530.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Published:
    """Figures of one version of the paper."""

    models: int
    benchmarks: int
    mean_rho: float
    r2_behavior: float
    r2_neural: float


ARXIV = Published(models=80, benchmarks=69, mean_rho=0.198, r2_behavior=0.9525, r2_neural=0.3333)
WORKSHOP = Published(models=95, benchmarks=51, mean_rho=0.161, r2_behavior=0.8124, r2_neural=0.6731)
