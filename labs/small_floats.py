"""Small floating-point formats, alone and with a scale that a block shares."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from labs import _arrays
from labs import validation as check
from labs._arrays import LARGEST, Float32Array
from labs.validation import FloatArray


@dataclass(frozen=True)
class SmallFloat:
    """A binary floating-point format by its largest value, precision and smallest exponent.

    Attributes
    ----------
    mantissa : int
        Stored bits after the point.
    least_exponent : int
        Exponent of the smallest normal number.
    largest : float
        Largest finite value.
    saturates : bool
        Whether larger values become ``largest`` rather than infinite.

    Examples
    --------
    >>> FORMATS["float8_e4m3"].largest
    448.0
    """

    mantissa: int
    least_exponent: int
    largest: float
    saturates: bool


FORMATS = {
    "float16": SmallFloat(10, -14, 65504.0, saturates=False),
    "bfloat16": SmallFloat(7, -126, float.fromhex("0x1.fep127"), saturates=False),
    "float8_e4m3": SmallFloat(3, -6, 448.0, saturates=True),
    "float8_e5m2": SmallFloat(2, -14, 57344.0, saturates=True),
    "float4_e2m1": SmallFloat(1, 0, 6.0, saturates=True),
}


def cast(x: npt.ArrayLike, format: str) -> Float32Array:
    """Return the nearest values that a small floating-point format can hold, as float32.

    Ties go to the even mantissa. 16-bit formats overflow to infinity; ``float8_e4m3``,
    ``float8_e5m2`` and ``float4_e2m1`` saturate at 448, 57344 and 6. ``mxfp4`` shares a power of
    two among 32 values along the last axis, ``2^(floor(log2 absmax) - 2)``; ``nvfp4`` shares an
    E4M3 scale among 16, under one float32 scale ``absmax / (6 · 448)`` for the tensor.

    Parameters
    ----------
    x : array
        NaN stays NaN, and is refused by the 4-bit formats.
    format : str
        One of the seven.

    Returns
    -------
    float32 array
        In the shape of ``x``.

    Raises
    ------
    ValueError
        If the format is unknown, or a 4-bit format meets NaN (or a shared scale, infinity).

    References
    ----------
    Micikevicius et al., "FP8 formats for deep learning", arXiv:2209.05433; OCP Microscaling
    Formats (MX) Specification 1.0 (2023).

    Examples
    --------
    >>> cast([0.3, 500.0, 17.0], "float8_e4m3").tolist()
    [0.3125, 448.0, 16.0]
    """
    check.one_of("format", format, (*FORMATS, "mxfp4", "nvfp4"))
    array = _arrays.floats("x", x)
    if format in ("float4_e2m1", "mxfp4", "nvfp4") and np.isnan(array).any():
        raise check.refuse("x", f"free of NaN in {format}", math.nan)
    if format in FORMATS:
        return _nearest(array, FORMATS[format]).astype(np.float32)
    beyond = np.abs(array) > LARGEST
    if beyond.any():
        raise check.refuse("x", f"within float32 in {format}", array[beyond].flat[0])
    shared = _mx_scales if format == "mxfp4" else _nv_scales
    size = 32 if format == "mxfp4" else 16
    flat = array.reshape(1, 1) if not array.ndim else array
    if not flat.size:
        return array.astype(np.float32)
    blocks, _ = _arrays.grouped(flat, size)
    scale = shared(np.abs(blocks).max(axis=1, keepdims=True))
    safe = np.where(scale > 0, scale, 1.0)
    rounded = np.where(scale > 0, _nearest(blocks / safe, FORMATS["float4_e2m1"]) * safe, 0.0)
    padded = rounded.reshape(*flat.shape[:-1], -1)[..., : flat.shape[-1]]
    return padded.reshape(array.shape).astype(np.float32)


def _nearest(x: FloatArray, kind: SmallFloat) -> FloatArray:
    """Round to the grid of a format: steps of 2^(exponent - mantissa), even on ties."""
    magnitude = np.abs(x)
    finite = np.isfinite(x)
    exponent = np.frexp(np.where(finite, magnitude, 1.0))[1] - 1
    step = np.ldexp(1.0, np.maximum(exponent, kind.least_exponent) - kind.mantissa)
    with np.errstate(over="ignore"):
        rounded = np.rint(np.where(finite, magnitude, 0.0) / step) * step
    rounded = np.where(finite, rounded, magnitude)
    beyond = kind.largest if kind.saturates else np.inf
    return np.copysign(np.where(rounded > kind.largest, beyond, rounded), x)


def _mx_scales(absmax: FloatArray) -> FloatArray:
    exponent = np.frexp(np.where(absmax > 0, absmax, 1.0))[1] - 1 - 2
    return np.where(absmax > 0, np.ldexp(1.0, np.clip(exponent, -127, 127)), 0.0)


def _nv_scales(absmax: FloatArray) -> FloatArray:
    tensor = float(np.float32(absmax.max() / (6 * 448)))
    if tensor == 0:
        return np.zeros_like(absmax)
    return _nearest(absmax / 6 / tensor, FORMATS["float8_e4m3"]) * tensor
