"""Arrays as arguments: what may be in them, and their last axis in runs."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from labs import validation as check
from labs.validation import FloatArray

Float32Array = npt.NDArray[np.float32]
AnyInteger = npt.NDArray[Any]

LARGEST = np.finfo(np.float32).max


def floats(name: str, value: npt.ArrayLike) -> FloatArray:
    """Return real numbers, NaN and infinity included, as float64."""
    with np.errstate(over="ignore"):
        return checked(name, value, "iuf", "numbers").astype(np.float64)


def float32(name: str, value: npt.ArrayLike) -> Float32Array:
    with np.errstate(over="ignore", under="ignore"):
        array = np.asarray(checked(name, value, "iuf", "numbers"), dtype=np.float32)
    if np.isnan(array).any():
        raise check.refuse(name, "free of NaN", math.nan)
    return array


def integers(name: str, value: npt.ArrayLike) -> AnyInteger:
    return checked(name, value, "iu", "integers")


def checked(name: str, value: npt.ArrayLike, kinds: str, what: str) -> npt.NDArray[Any]:
    try:
        array = np.asarray(value)
    except (ValueError, TypeError, OverflowError):
        raise check.refuse(name, f"an array of {what}", value) from None
    if array.dtype.kind not in kinds:
        raise check.refuse(name, f"an array of {what}", value)
    return array


def grouped(array: npt.NDArray[Any], group: int) -> tuple[npt.NDArray[Any], tuple[int, ...]]:
    """Return runs of the last axis as rows, the last one padded by its own last value."""
    length = array.shape[-1]
    group = min(group, length) if length else group
    groups = math.ceil(length / group)
    pad = [(0, 0)] * (array.ndim - 1) + [(0, groups * group - length)]
    rows = np.pad(array, pad, mode="edge").reshape(-1, group)
    return rows, (*array.shape[:-1], groups)
