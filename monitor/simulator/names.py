"""Invented model names."""

from __future__ import annotations

import numpy as np

_FAMILIES = (
    "foveanet retinax striatron corvix ganglia optix_tectum pulvinet saccadia colliculus glianet amacrine "
    "mulleria conefield rodworks chiasma laminet cuneus orbitron perceptor gaborine"
)
_SIZES = "_s _m _l _xl -18 -34 -50 -101 50x2 _b16_224 _b16_384 _tiny _w24"
_TRAINING = "-in1k -in22k_ft _untrained -contrastive -stylised _noise_std4 -distilled"


def invented_names(generator: np.random.Generator, count: int) -> list[str]:
    """Draw distinct, plausible names of models that do not exist."""
    words = (_FAMILIES.split(), ["", *_SIZES.split()], ["", "", "", *_TRAINING.split()])
    names: list[str] = []
    seen: set[str] = set()
    while len(names) < count:
        family, size, training = (str(generator.choice(some)) for some in words)
        name = f"{family}{size}{training}"
        while name in seen:
            name = f"{name}_{int(generator.integers(2, 10))}"
        seen.add(name)
        names.append(name)
    return names
