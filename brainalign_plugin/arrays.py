"""Names for the array types of the package, so that signatures state the element type."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
StateArray = npt.NDArray[np.int8]
BoolArray = npt.NDArray[np.bool_]
TimeArray = npt.NDArray[np.datetime64]


def frozen(array: npt.NDArray[Any], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Return a read-only, C-ordered copy of ``array`` as ``dtype``; -0.0 becomes 0.0."""
    copy = np.array(array, dtype=dtype, order="C")
    if copy.dtype.kind == "f":
        # The two zeros are equal and differ in their bytes: equal boards would have unequal hashes.
        copy += 0.0
    copy.setflags(write=False)
    return copy


def known(value: float) -> float | None:
    """Return a number, None for NaN."""
    return None if np.isnan(value) else float(value)
