"""The benchmarks of a simulated leaderboard, paper by paper, and the default board.

Every identifier is invented, in the field's form ``AuthorYear[.region]-metric``: no author of these names exists.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal, NamedTuple, get_args

Part = Literal["neural", "behavior", "engineering"]
Range = tuple[float, float]

PARTS: tuple[Part, ...] = get_args(Part)
OPENING = date(2020, 8, 27)


class Moments(NamedTuple):
    """Bounds between which each leaf of a paper draws its moments, uniformly, in score units."""

    # Mean and standard deviation over models of its noise-free score, standard deviation of its measurement error.
    mean: Range = (0.3, 0.6)
    sd: Range = (0.05, 0.1)
    error: Range = (0.005, 0.02)


_MOMENTS = Moments()


@dataclass(frozen=True)
class Paper:
    """Benchmarks that were published, arrive and are run together."""

    name: str  # Key of the paper's random streams, for example `"Simulon2020"`
    part: Part  # Part of the tree above the leaves
    # One path per leaf below the part's node, levels separated by `/`, the leaf's identifier last:
    # `"V1/Simulon2020/Simulon2020-sf_bandwidth"`.
    leaves: tuple[str, ...]
    arrives: date = OPENING  # Day from whose 00:00 UTC on models are run on the leaves
    moments: Moments = _MOMENTS
    # Mean and standard deviation of the leaves' loadings on the factor of their part, and on each of the
    # paper's own.
    part_loading: Range = (0.5, 0.1)
    paper_loading: Range = (0.0, 0.0)
    factors: int = 0  # Number of the paper's own latent factors
    first_run: float = 0.97  # Chance that a model submitted after the arrival is run on the paper
    # Chance that a model submitted before the arrival is run on it later; the others stay NEVER.
    rerun: float = 0.5
    failure: float = 0.003  # Chance that a run ends as FAILED, leaf by leaf
    version: int = 1  # Version of the benchmarks at their arrival
    # Factor from the link's (0, 1) to the score. Only engineering leaves may leave the interval.
    scale: float = 1.0


_FIELDS = {
    "field_size": "summation_field surround_diameter",
    "surround": "suppression_index",
    "frequency": "peak_sf sf_bandwidth sf_selective",
    "orientation": "pref_or circular_variance cv_bandwidth_ratio cv_difference or_bandwidth or_selective "
    "orth_pref_ratio",
    "texture": "texture_index abs_texture_index",
    "magnitude": "max_noise max_texture max_dc",
    "selectivity": "texture_selectivity texture_sparseness variance_ratio modulation_ratio",
}
_DISTORTIONS = (
    "colour contrast cueconflict edge eidolonI eidolonII eidolonIII falsecolour highpass lowpass "
    "phasescrambling powerequalisation rotation silhouette sketch stylized uniformnoise"
)


def _predictivity(name: str, arrives: date, first_run: float, rerun: float, version: int) -> Paper:
    leaves = (f"V4/{name}.V4-pls", f"IT/{name}.IT-pls")
    return Paper(
        name,
        "neural",
        leaves,
        arrives,
        moments=Moments(mean=(0.35, 0.6), sd=(0.028, 0.045), error=(0.003, 0.012)),
        part_loading=(0.72, 0.08),
        first_run=first_run,
        rerun=rerun,
        version=version,
    )


DEFAULT_PAPERS: tuple[Paper, ...] = (
    Paper(
        "Mockwell2013",
        "neural",
        ("V1/Mockwell2013.V1-pls", "V2/Mockwell2013.V2-pls"),
        moments=Moments(mean=(0.27, 0.31), sd=(0.035, 0.05), error=(0.006, 0.009)),
        part_loading=(0.2, 0.1),
        paper_loading=(0.7, 0.05),
        factors=1,
        first_run=1.0,
        failure=0.0,
        version=2,
    ),
    Paper(
        "Simulon2020",
        "neural",
        tuple(
            f"V1/Simulon2020/V1-simulated_{group}/Simulon2020-{field}"
            for group, fields in _FIELDS.items()
            for field in fields.split()
        ),
        date(2021, 9, 22),
        moments=Moments(mean=(0.5, 0.85), sd=(0.07, 0.18), error=(0.015, 0.045)),
        part_loading=(0.2, 0.21),
        paper_loading=(0.17, 0.38),
        factors=3,
        first_run=0.98,
        rerun=0.47,
    ),
    _predictivity("Ersatz2015", OPENING, first_run=1.0, rerun=1.0, version=3),
    _predictivity("Fabrica2020", date(2020, 9, 23), first_run=0.88, rerun=0.92, version=1),
    _predictivity("Figmenta2020", date(2020, 9, 23), first_run=0.88, rerun=0.92, version=1),
    Paper(
        "Chimera2024",
        "neural",
        ("IT/Chimera2024-ridge",),
        date(2023, 12, 20),
        moments=Moments(mean=(0.5, 0.56), sd=(0.06, 0.08), error=(0.007, 0.01)),
        part_loading=(0.65, 0.05),
        rerun=0.58,
    ),
    Paper(
        "Reverie2019",
        "neural",
        ("IT/Reverie2019-ost",),
        moments=Moments(mean=(0.28, 0.32), sd=(0.01, 0.02), error=(0.02, 0.04)),
        first_run=0.95,
        failure=0.93,
    ),
    Paper(
        "Mirage2020",
        "neural",
        ("IT/Mirage2020.IT-pls",),
        date(2020, 9, 23),
        moments=Moments(mean=(0.07, 0.09), sd=(0.008, 0.01), error=(0.006, 0.009)),
        first_run=0.4,
        rerun=0.45,
    ),
    Paper(
        "Illusor2021",
        "behavior",
        tuple(f"Illusor2021-error_consistency/Illusor2021{name}-error_consistency" for name in _DISTORTIONS.split()),
        date(2022, 6, 18),
        moments=Moments(mean=(0.1, 0.35), sd=(0.08, 0.2), error=(0.02, 0.05)),
        part_loading=(0.72, 0.07),
        paper_loading=(0.52, 0.1),
        factors=1,
        first_run=0.9,
        rerun=0.57,
    ),
    Paper(
        "Synthetica2018",
        "behavior",
        ("Synthetica2018-i2n",),
        moments=Moments(mean=(0.4, 0.48), sd=(0.08, 0.1), error=(0.006, 0.01)),
        part_loading=(0.62, 0.05),
        version=2,
    ),
    Paper(
        "FabNet",
        "engineering",
        ("FabNet-top1", *(f"FabNet-C-top1/FabNet-C-{name}-top1" for name in ("blur", "digital", "noise", "weather"))),
        moments=Moments(mean=(0.3, 0.6), sd=(0.1, 0.17), error=(0.0, 0.0)),
        part_loading=(0.85, 0.05),
        first_run=0.6,
    ),
    Paper(
        "Illusor2021-top1",
        "engineering",
        tuple(f"Illusor2021-top1/Illusor2021{name}-top1" for name in ("colour", "contrast", "edge", "stylized")),
        date(2022, 6, 16),
        moments=Moments(mean=(0.3, 0.7), sd=(0.12, 0.2), error=(0.0, 0.0)),
        part_loading=(0.75, 0.08),
        paper_loading=(0.4, 0.1),
        factors=1,
        first_run=0.9,
    ),
    Paper(
        "Contoura2022",
        "engineering",
        ("Contoura2022/Contoura2022-shape_bias", "Contoura2022/Contoura2022-relative_cost"),
        date(2022, 10, 12),
        moments=Moments(mean=(0.4, 0.9), sd=(0.15, 0.25), error=(0.0, 0.0)),
        part_loading=(0.3, 0.1),
        first_run=0.95,
        scale=1.6,
    ),
)
