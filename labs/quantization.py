"""Numbers in few bits: integer grids with a scale, and what rounding costs.

The ONNX operators (`quantize_linear` and its kin) are exact to the last bit; everything else is
built on them or on `labs.small_floats.cast`.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from labs import _arrays
from labs import validation as check
from labs._arrays import LARGEST, AnyInteger, Float32Array
from labs.small_floats import FORMATS, SmallFloat, cast
from labs.validation import FloatArray

__all__ = [
    "FORMATS",
    "Quantized",
    "SmallFloat",
    "cast",
    "dequantize_linear",
    "dynamic_quantize_linear",
    "int_matmul",
    "quantize",
    "quantize_linear",
    "smooth_scales",
    "sqnr_db",
]

INTEGERS = (np.int8, np.uint8, np.int16, np.uint16)
EXACT = 2**24
LEAST_CLIP = float(np.finfo(np.float32).tiny) * 2**16
ROWS = 32
TILE = 2**17
SEARCHED = 2**16
TAIL = 32
FRACTIONS = np.linspace(0.2, 1.0, 81)


@dataclass(frozen=True)
class Quantized:
    """An array on an integer grid: ``(values - zero_point) · scale``.

    Attributes
    ----------
    values : integer array
        In the shape of the original.
    scale : float32 array
        One for all (shape ``()``), one an index of the axis, or one a group.
    zero_point : integer array
        Like ``scale``; zeros when symmetric.
    bits : int
        Bits of a value.
    symmetric : bool
        Whether zero points need no storing.
    group : int or None
        Length of the runs along the last axis that share a scale.

    Examples
    --------
    >>> weights = quantize([-1.0, 0.4, 1.0], bits=4)
    >>> weights.values.tolist(), weights.nbytes
    ([-7, 3, 7], 6)
    """

    values: AnyInteger
    scale: Float32Array
    zero_point: AnyInteger
    bits: int
    symmetric: bool
    group: int | None = None

    @property
    def nbytes(self) -> int:
        """Bytes of packed values, scales, and zero points where there are any."""
        packed = math.ceil(self.values.size * self.bits / 8)
        zero_points = 0 if self.symmetric else math.ceil(self.zero_point.size * self.bits / 8)
        return packed + self.scale.nbytes + zero_points

    def dequantize(self) -> Float32Array:
        """Return the float32 array that the integers stand for.

        Returns
        -------
        float32 array
            In the shape of ``values``.

        Examples
        --------
        >>> quantize([-7.0, 3.2, 7.0], bits=4).dequantize().tolist()
        [-7.0, 3.0, 7.0]
        """
        # Integers of 16 bits and their differences are exact in float32.
        scale, zero_point = self.scale, self.zero_point.astype(np.float32)
        if self.group is not None:
            run = np.arange(self.values.shape[-1]) // self.group
            scale, zero_point = scale[..., run], zero_point[..., run]
        restored = np.empty(self.values.shape, np.float32)
        for rows in _blocks(self.values, 0):
            part_scale, part_zero = (_rows_of(p, rows) for p in (scale, zero_point))
            part = restored[rows]
            np.copyto(part, self.values[rows])
            if np.any(part_zero):
                np.subtract(part, part_zero, out=part)
            with np.errstate(over="ignore"):
                np.multiply(part, part_scale, out=part)
            np.clip(part, -LARGEST, LARGEST, out=part)
        return restored


def quantize_linear(
    x: npt.ArrayLike,
    scale: npt.ArrayLike,
    zero_point: npt.ArrayLike = 0,
    dtype: npt.DTypeLike = np.int8,
    axis: int | None = None,
) -> AnyInteger:
    """Return ``saturate(round(x / scale) + zero_point)``, as ONNX's QuantizeLinear.

    Division, not multiplication by the reciprocal; ties round to even before the zero point is
    added; what is out of range, infinities included, saturates.

    Parameters
    ----------
    x : array
        Taken as float32; NaN is refused.
    scale : float, or array (k,)
        Above 0 and finite; an array holds one for each index of ``axis``.
    zero_point : int, or array (k,)
        Within the range of ``dtype``.
    dtype : int8, uint8, int16 or uint16
        Of the result.
    axis : int, optional
        Axis that ``scale`` and ``zero_point`` run along, where they are arrays.

    Returns
    -------
    integer array
        In the shape of ``x``.

    Raises
    ------
    ValueError
        If an argument is out of range or shapes do not fit.

    References
    ----------
    ONNX operators, QuantizeLinear-21.

    Examples
    --------
    >>> quantize_linear([-1.5, 0.5, 1.5, 300.0], scale=1.0).tolist()
    [-2, 0, 2, 127]
    """
    array = _arrays.float32("x", x)
    kind = _integer_type(dtype)
    limits = np.iinfo(kind)
    scale = _scale(scale, array, axis)
    zero_point = _zero_point(zero_point, kind, array, axis)
    out = np.empty(array.shape, kind)
    for rows in _blocks(array, axis):
        part_scale, part_zero = (_rows_of(p, rows) for p in (scale, zero_point))
        with np.errstate(over="ignore", under="ignore"):
            scratch = np.asarray(np.divide(array[rows], part_scale, dtype=np.float32))
        np.rint(scratch, out=scratch)
        if np.any(part_zero):
            np.add(scratch, part_zero.astype(np.float32), out=scratch)
        np.clip(scratch, limits.min, limits.max, out=scratch)
        out[rows] = scratch
    return out


def dequantize_linear(
    q: npt.ArrayLike,
    scale: npt.ArrayLike,
    zero_point: npt.ArrayLike = 0,
    axis: int | None = None,
) -> Float32Array:
    """Return ``(q - zero_point) · scale`` in float32, as ONNX's DequantizeLinear.

    Parameters
    ----------
    q : integer array
        8, 16 or 32 bits.
    scale : float, or array (k,)
        Above 0 and finite; an array holds one for each index of ``axis``.
    zero_point : int, or array (k,)
        Whole numbers.
    axis : int, optional
        Axis that ``scale`` and ``zero_point`` run along, where they are arrays.

    Returns
    -------
    float32 array
        In the shape of ``q``.

    Raises
    ------
    ValueError
        If an argument is out of range or shapes do not fit.

    References
    ----------
    ONNX operators, DequantizeLinear-21.

    Examples
    --------
    >>> dequantize_linear(np.array([0, 128, 255], np.uint8), 2.0, 128).tolist()
    [-256.0, 0.0, 254.0]
    """
    array = _arrays.integers("q", q)
    if array.dtype.itemsize > 4:
        array = check.numbers("q", array, least=-(2**31), most=2**31 - 1).astype(np.int32)
    scale = _scale(scale, array, axis)
    zero_point = _zero_point(zero_point, array.dtype, array, axis)
    out = np.empty(array.shape, np.float32)
    for rows in _blocks(array, axis):
        part_scale, part_zero = (_rows_of(p, rows) for p in (scale, zero_point))
        shifted = array[rows]
        if np.any(part_zero):
            shifted = shifted.astype(np.int64) - part_zero
        with np.errstate(over="ignore"):
            np.multiply(shifted.astype(np.float32), part_scale, out=out[rows])
    return out


def dynamic_quantize_linear(x: npt.ArrayLike) -> tuple[npt.NDArray[np.uint8], float, int]:
    """Return uint8 values with the scale and zero point that fit them, as ONNX does.

    The range is widened to hold 0: ``scale = (max - min) / 255``, ``zero point = round(-min /
    scale)``; all zeros give scale 1 and zero point 0.

    Parameters
    ----------
    x : array
        Finite, at least one element; taken as float32.

    Returns
    -------
    q : uint8 array
        The quantized values, shaped as ``x``.
    scale : float
        Step of the grid, in the unit of ``x``.
    zero_point : int
        The value of ``q`` that stands for 0, from 0 to 255.

    Raises
    ------
    ValueError
        If ``x`` is empty or holds a value that is not finite.

    References
    ----------
    ONNX operators, DynamicQuantizeLinear-11.

    Examples
    --------
    >>> q, scale, zero_point = dynamic_quantize_linear([-1.2, 0, 0.3, 2.7, 1.1])
    >>> q.tolist(), zero_point
    ([0, 78, 98, 255, 150], 78)
    """
    array = _arrays.float32("x", x)
    if not array.size:
        raise check.refuse("x", "of one element or more", "none")
    if not (np.isfinite(array.max()) and np.isfinite(array.min())):
        raise check.refuse("x", "finite", array[~np.isfinite(array)].flat[0])
    low = np.minimum(array.min(), np.float32(0))
    high = np.maximum(array.max(), np.float32(0))
    with np.errstate(over="ignore", under="ignore"):
        scale = np.float32(high - low) / np.float32(255)
    if not np.isfinite(scale):
        raise check.refuse("x", "of a range that float32 holds", f"{low!s} to {high!s}")
    if scale == 0:
        return np.zeros(array.shape, np.uint8), 1.0, 0
    zero_point = int(np.clip(np.rint(-low / scale), 0, 255))
    return quantize_linear(array, scale, zero_point, np.uint8), float(scale), zero_point


def int_matmul(
    a: npt.ArrayLike, b: npt.ArrayLike, a_zero: npt.ArrayLike = 0, b_zero: npt.ArrayLike = 0
) -> npt.NDArray[np.int32]:
    """Return ``(a - a_zero) @ (b - b_zero)`` in int32, exactly, as ONNX's MatMulInteger.

    Integers have no BLAS. But products of 8-bit integers are small enough that float32 adds a
    thousand of them without rounding, so blocks of K go through the float path, exactly, and
    zero points are taken out by row and column sums. Sums beyond int32 wrap, as int32 does.

    Parameters
    ----------
    a, b : int8 or uint8 arrays
        Shapes (..., m, K) and (..., K, n), as for ``numpy.matmul``.
    a_zero : int, or array (m,)
        One for all of ``a``, or one a row; within the range of its type.
    b_zero : int, or array (n,)
        One for all of ``b``, or one a column; within the range of its type.

    Returns
    -------
    int32 array (..., m, n)

    Raises
    ------
    ValueError
        If types or shapes do not fit.

    References
    ----------
    ONNX operators, MatMulInteger-10.

    Examples
    --------
    >>> a = np.full((1, 1024), -128, np.int8)
    >>> int_matmul(a, a.T).item(), (a @ a.T).item()
    (16777216, 0)
    """
    left, right = _bytes("a", a), _bytes("b", b)
    if left.ndim < 2 or right.ndim < 2:
        raise check.refuse("a and b", "of two dimensions or more", f"{left.ndim}, {right.ndim}")
    if left.shape[-1] != right.shape[-2]:
        raise check.refuse("b", f"of {left.shape[-1]} rows", f"shape {right.shape}")
    try:
        np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    except ValueError:
        shapes = f"{left.shape} and {right.shape}"
        raise check.refuse("a and b", "broadcastable", shapes) from None
    row_zero = _zeros("a_zero", a_zero, left, left.shape[-2])
    column_zero = _zeros("b_zero", b_zero, right, right.shape[-1])
    product = _exact_product(left, right)
    if row_zero.any():
        sums = right.sum(axis=-2, keepdims=True, dtype=np.int64)
        product = product - row_zero[:, None] * sums
    if column_zero.any():
        sums = left.sum(axis=-1, keepdims=True, dtype=np.int64)
        product = product - sums * column_zero
        if row_zero.any():
            product = product + left.shape[-1] * row_zero[:, None] * column_zero
    return product.astype(np.int32)


def quantize(
    x: npt.ArrayLike,
    bits: int = 8,
    axis: int | None = None,
    group: int | None = None,
    symmetric: bool = True,
    clip: str | float = "absmax",
) -> Quantized:
    """Put an array on an integer grid, with one scale, one an index, or one a group.

    Symmetric: ``scale = clip / (2^(bits-1) - 1)``, values within ± that. Affine: the range from
    least to largest, widened to hold 0 and cut at ± clip, over ``2^bits - 1`` steps.

    Parameters
    ----------
    x : array
        Finite, at least one element; taken as float32.
    bits : int
        From 2 to 16.
    axis : int, optional
        The axis that keeps one scale an index: channels.
    group : int, optional
        Length of runs along the last axis that share a scale; a shorter last one is its own.
    symmetric : bool
        Whether 0 lies in the middle of the grid.
    clip : str or float
        Largest magnitude kept: ``absmax``, ``percentile`` (99.9), ``mse`` (the fraction of absmax,
        from 0.2 up, with the least squared error), or the magnitude itself.

    Returns
    -------
    Quantized

    Raises
    ------
    ValueError
        If an argument is out of range, or both ``axis`` and ``group`` are given.

    References
    ----------
    Nagel et al., "A white paper on neural network quantization", arXiv:2106.08295 (2021), §2;
    Wu et al., "Integer quantization for deep learning inference", arXiv:2004.09602 (2020), for
    clipping at a percentile.

    Examples
    --------
    >>> w = np.array([[0.1, -0.2], [10.0, 5.0]])
    >>> quantize(w, bits=4, axis=0).values.tolist()
    [[4, -7], [7, 4]]
    """
    array = _arrays.float32("x", x)
    bits = check.count("bits", bits, least=2, most=16)
    if not array.size:
        raise check.refuse("x", "of one element or more", "none")
    if not np.isfinite(array).all():
        raise check.refuse("x", "finite", array[~np.isfinite(array)].flat[0])
    if not isinstance(symmetric, bool | np.bool_):
        raise check.refuse("symmetric", "True or False", symmetric)
    if axis is not None and group is not None:
        raise check.refuse("group", "None where axis is given", group)
    if isinstance(clip, str):
        check.one_of("clip", clip, ("absmax", "percentile", "mse"))
    else:
        clip = check.number("clip", clip, least=LEAST_CLIP, most=float(LARGEST))
    if axis is not None:
        axis = _axis(axis, array)
        moved = np.moveaxis(array, axis, 0)
        rows = moved.reshape(moved.shape[0], -1)
        shape = tuple(n if i == axis else 1 for i, n in enumerate(array.shape))
    elif group is not None:
        group = check.count("group", group)
        if not array.ndim:
            raise check.refuse("x", "of one dimension or more where group is given", array.item())
        rows, shape = _arrays.grouped(array, group)
    else:
        rows, shape = array.reshape(1, -1), ()
    scale, zero_point = _grid(rows, bits, bool(symmetric), clip)
    values = _on_grid(rows, scale, zero_point, bits, bool(symmetric))
    if axis is not None:
        values = np.moveaxis(values.reshape(moved.shape), 0, axis)
    elif group is not None:
        padded = values.reshape(*array.shape[:-1], -1)
        values = padded[..., : array.shape[-1]]
    else:
        values = values.reshape(array.shape)
    return Quantized(
        values=np.asarray(values, order="C"),
        scale=scale.reshape(shape),
        zero_point=zero_point.reshape(shape),
        bits=bits,
        symmetric=bool(symmetric),
        group=group,
    )


def smooth_scales(
    activation_absmax: npt.ArrayLike, weight: npt.ArrayLike, alpha: float = 0.5
) -> FloatArray:
    """Return SmoothQuant's scale of each input channel: ``max|X|^α / max|W|^(1-α)``.

    Activations are divided by it and the rows of the weight multiplied, which leaves the product as
    it was and moves outliers from activations, where they hurt, to weights.

    Parameters
    ----------
    activation_absmax : array (k,)
        Largest magnitude of each input channel, at least 0.
    weight : array (k, n)
        Weights, a row for each input channel.
    alpha : float
        Share of the difficulty that is moved, 0 to 1.

    Returns
    -------
    array (k,)
        1 where a channel or its weights are all 0.

    Raises
    ------
    ValueError
        If an argument is out of range or shapes do not fit.

    References
    ----------
    Xiao et al., "SmoothQuant", ICML 2023, equation 4.

    Examples
    --------
    >>> smooth_scales([16.0, 1.0], [[1.0], [1.0]]).tolist()
    [4.0, 1.0]
    """
    weights = check.numbers("weight", weight)
    if weights.ndim != 2:
        raise check.refuse("weight", "two-dimensional", f"shape {weights.shape}")
    peak = check.sequence("activation_absmax", activation_absmax, size=weights.shape[0], least=0)
    alpha = check.number("alpha", alpha, least=0, most=1)
    reach = np.abs(weights).max(axis=1, initial=0.0)
    usable = (peak > 0) & (reach > 0)
    ones = np.ones_like(peak)
    log_scale = alpha * np.log(np.where(usable, peak, ones))
    log_scale -= (1 - alpha) * np.log(np.where(usable, reach, ones))
    return np.exp(np.clip(log_scale, -700, 700))


def sqnr_db(x: npt.ArrayLike, approximation: npt.ArrayLike) -> float:
    """Return the signal-to-quantization-noise ratio, ``10 log10(Σ x² / Σ (x - x̂)²)``.

    Parameters
    ----------
    x, approximation : arrays of one shape
        Finite; ``x`` not all 0.

    Returns
    -------
    float
        Decibels; ``inf`` where nothing is lost.

    Raises
    ------
    ValueError
        If shapes differ or ``x`` has no power.

    Examples
    --------
    >>> round(sqnr_db([1.0, 1.0], [0.9, 1.1]), 2)
    20.0
    """
    signal = check.numbers("x", x)
    other = check.numbers("approximation", approximation)
    if signal.shape != other.shape:
        raise check.refuse("approximation", f"of shape {signal.shape}", f"shape {other.shape}")
    if not signal.any():
        raise check.refuse("x", "of some power", "all 0")
    exponent = -np.frexp(np.abs(signal).max())[1]
    with np.errstate(over="ignore"):
        signal, other = np.ldexp(signal, exponent), np.ldexp(other, exponent)
        noise = signal - other
    if not noise.any():
        return math.inf
    return _decibels(signal) - _decibels(noise) if np.isfinite(noise).all() else -math.inf


def _decibels(x: FloatArray) -> float:
    """Return ``10 log10(Σ x²)``, whatever the magnitude."""
    peak = np.abs(x).max()
    return float(20 * np.log10(peak) + 10 * np.log10(((x / peak) ** 2).sum()))


def _grid(
    rows: Float32Array, bits: int, symmetric: bool, clip: str | float
) -> tuple[Float32Array, npt.NDArray[np.int32]]:
    """Return a scale and a zero point a row."""
    if clip == "mse":
        return _least_error(rows, bits, symmetric)
    peak = _absmax(rows)
    if clip == "percentile":
        peak = np.quantile(np.abs(rows), 0.999, axis=1).astype(np.float32)
    elif not isinstance(clip, str):
        peak = np.full(rows.shape[0], clip, np.float32)
    return _grid_for(rows, peak, bits, symmetric)


def _absmax(rows: Float32Array) -> Float32Array:
    """Return the largest magnitude of each row."""
    peak: Float32Array = np.maximum(rows.max(axis=1), -rows.min(axis=1))
    return peak


def _grid_for(
    rows: Float32Array, peak: Float32Array, bits: int, symmetric: bool
) -> tuple[Float32Array, npt.NDArray[np.int32]]:
    if symmetric:
        low, span, steps = np.zeros_like(peak), peak.astype(np.float64), 2 ** (bits - 1) - 1
    else:
        low = np.maximum(np.minimum(rows.min(axis=1), 0), -peak)
        high = np.minimum(np.maximum(rows.max(axis=1), 0), peak)
        span, steps = high.astype(np.float64) - low, 2**bits - 1
    exact = (span / steps).astype(np.float32)
    # A range too small for a normal scale is all but zero, and zero is on every grid.
    scale = np.where(exact >= np.finfo(np.float32).tiny, exact, np.float32(1))
    return scale, np.rint(-low / scale).astype(np.int32)


def _least_error(
    rows: Float32Array, bits: int, symmetric: bool
) -> tuple[Float32Array, npt.NDArray[np.int32]]:
    """Return, row by row, the fraction of absmax with the least squared error, the least of equals.

    The few values farthest out bound from below what a clip costs: a row whose bound is beyond the
    least error so far is not tried.
    """
    count, length = rows.shape
    scale, zero_point = np.empty(count, np.float32), np.empty(count, np.int32)
    least, most = _limits(bits, symmetric)
    tall = max(1, SEARCHED // length)
    for top in range(0, count, tall):
        block = rows[top : top + tall]
        peak, best = _absmax(block), np.full(len(block), np.inf)
        bottom_tail, top_tail = _tails(block)
        extremes = np.stack([block.min(axis=1), block.max(axis=1)], axis=1)
        for fraction in FRACTIONS[::-1]:
            tried, zero = _grid_for(extremes, (peak * fraction).astype(np.float32), bits, symmetric)
            step = tried[:, None].astype(np.float64)
            below = np.maximum((least - zero[:, None]) * step - bottom_tail, 0)
            above = np.maximum(top_tail - (most - zero[:, None]) * step, 0)
            bound = (below**2).sum(axis=1) + (above**2).sum(axis=1)
            open_rows = np.flatnonzero(bound * (1 - 1e-9) <= best)
            if not open_rows.size:
                continue
            part = block if open_rows.size == len(block) else block[open_rows]
            error = _squared_error(part, tried[open_rows], zero[open_rows], bits, symmetric)
            better = error <= best[open_rows]
            kept = open_rows[better]
            best[kept] = error[better]
            scale[top + kept], zero_point[top + kept] = tried[kept], zero[kept]
    return scale, zero_point


def _tails(rows: Float32Array) -> tuple[FloatArray, FloatArray]:
    """Return the least and the largest values of each row, the extremes outermost."""
    length = rows.shape[1]
    few = min(TAIL, length)
    if length > SEARCHED:  # Of a long row the extremes alone: a copy of it would cost memory.
        low, high = rows.min(axis=1, keepdims=True), rows.max(axis=1, keepdims=True)
        return low.astype(np.float64), high.astype(np.float64)
    ordered = np.partition(rows, sorted({0, few - 1, length - few, length - 1}), axis=1)
    return ordered[:, :few].astype(np.float64), ordered[:, length - few :].astype(np.float64)


def _squared_error(
    rows: Float32Array,
    scale: Float32Array,
    zero_point: npt.NDArray[np.int32],
    bits: int,
    symmetric: bool,
) -> FloatArray:
    """Return the squared error of each row, added in pairs, as numpy adds a whole row."""
    length = rows.shape[1]
    if length > SEARCHED:
        half = length // 2 - length // 2 % 8
        return _squared_error(rows[:, :half], scale, zero_point, bits, symmetric) + _squared_error(
            rows[:, half:], scale, zero_point, bits, symmetric
        )
    error = _rounded(rows, scale, zero_point, bits, symmetric).astype(np.float64, order="C")
    if not symmetric:
        np.subtract(error, zero_point[:, None], out=error)
    np.multiply(error, scale[:, None], out=error)
    np.subtract(error, rows, out=error)
    np.square(error, out=error)
    return np.asarray(error.sum(axis=1))


def _limits(bits: int, symmetric: bool) -> tuple[int, int]:
    """Return the least and the largest integer of a grid."""
    most = 2 ** (bits - 1) - 1
    return (-most, most) if symmetric else (0, 2**bits - 1)


def _rounded(
    rows: Float32Array,
    scale: Float32Array,
    zero_point: npt.NDArray[np.int32],
    bits: int,
    symmetric: bool,
) -> Float32Array:
    """Return the integers of a grid nearest to some rows, as floats."""
    with np.errstate(over="ignore"):
        rounded: Float32Array = rows / scale[:, None]
    np.rint(rounded, out=rounded)
    if not symmetric:
        np.add(rounded, zero_point[:, None], out=rounded, casting="same_kind")
    np.clip(rounded, *_limits(bits, symmetric), out=rounded)
    return rounded


def _on_grid(
    rows: Float32Array,
    scale: Float32Array,
    zero_point: npt.NDArray[np.int32],
    bits: int,
    symmetric: bool,
) -> AnyInteger:
    kind = np.dtype(("int" if symmetric else "uint") + ("8" if bits <= 8 else "16"))
    values: AnyInteger = np.empty(rows.shape, kind)
    for part in _tiles(rows):
        at = part[0]
        values[part] = _rounded(rows[part], scale[at], zero_point[at], bits, symmetric)
    return values


def _tiles(rows: npt.NDArray[Any]) -> list[tuple[slice, slice]]:
    """Return parts of a matrix small enough to stay in the processor's cache."""
    count, length = rows.shape
    wide = min(length, TILE)
    tall = max(1, TILE // wide)
    return [
        (slice(top, top + tall), slice(left, left + wide))
        for top in range(0, count, tall)
        for left in range(0, length, wide)
    ]


def _exact_product(left: AnyInteger, right: AnyInteger) -> npt.NDArray[np.int64]:
    largest = max(_reach(left) * _reach(right), 1)
    block = max(EXACT // largest, 1)
    total: Any = 0
    for first in range(0, left.shape[-1], block):
        a = left[..., first : first + block].astype(np.float32)
        b = right[..., first : first + block, :].astype(np.float32)
        part = np.matmul(a, b).astype(np.int32)
        total = part if first == 0 else total + part.astype(np.int64)
    if isinstance(total, int):
        batch = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
        return np.zeros((*batch, left.shape[-2], right.shape[-1]), np.int64)
    return np.asarray(total)


def _reach(array: AnyInteger) -> int:
    """Return the largest magnitude that the type can hold."""
    return 255 if array.dtype == np.uint8 else 128


def _blocks(array: npt.NDArray[Any], axis: int | None) -> list[Any]:
    """Return slices of the first axis small enough to stay in the processor's cache."""
    if array.ndim < 2 or array.size < 2**16:
        return [...]
    return [slice(first, first + ROWS) for first in range(0, array.shape[0], ROWS)]


def _rows_of(parameter: npt.NDArray[Any], rows: Any) -> npt.NDArray[Any]:
    """Return the part of a broadcast parameter that belongs to a slice of rows."""
    if rows is ... or not parameter.ndim or parameter.shape[0] == 1:
        return parameter
    part: npt.NDArray[Any] = parameter[rows]
    return part


def _bytes(name: str, value: npt.ArrayLike) -> AnyInteger:
    array = _arrays.integers(name, value)
    if array.dtype not in (np.int8, np.uint8):
        raise check.refuse(name, "an array of int8 or uint8", f"{array.dtype} array")
    return array


def _integer_type(dtype: npt.DTypeLike) -> np.dtype[Any]:
    try:
        kind = np.dtype(dtype)
    except (TypeError, ValueError):
        kind = np.dtype(object)
    if kind not in INTEGERS:
        raise check.refuse("dtype", "int8, uint8, int16 or uint16", dtype)
    return kind


def _axis(axis: int, array: npt.NDArray[Any]) -> int:
    index = check.number("axis", axis, least=-array.ndim, most=array.ndim - 1, whole=True)
    return int(index) % array.ndim


def _scale(scale: npt.ArrayLike, array: npt.NDArray[Any], axis: int | None) -> Float32Array:
    with np.errstate(over="ignore", under="ignore"):
        wanted = check.numbers("scale", scale, above=0).astype(np.float32)
    if not (np.isfinite(wanted) & (wanted > 0)).all():
        raise check.refuse("scale", "above 0 and finite in float32", scale)
    return _along("scale", wanted, array, axis)


def _zero_point(
    zero_point: npt.ArrayLike,
    kind: np.dtype[Any],
    array: npt.NDArray[Any],
    axis: int | None,
) -> npt.NDArray[np.int64]:
    limits = np.iinfo(kind)
    wanted = check.numbers(
        "zero_point", zero_point, least=limits.min, most=limits.max, whole=True
    ).astype(np.int64)
    return _along("zero_point", wanted, array, axis)


def _along(
    name: str, parameter: npt.NDArray[Any], array: npt.NDArray[Any], axis: int | None
) -> npt.NDArray[Any]:
    """Return a parameter shaped to broadcast along an axis of the array."""
    if not parameter.ndim:
        return parameter
    if parameter.size == 1 and axis is None:
        return parameter.reshape(())
    if axis is None:
        raise check.refuse(name, "a single number where axis is None", f"shape {parameter.shape}")
    place = _axis(axis, array)
    if parameter.shape != (array.shape[place],):
        raise check.refuse(name, f"of length {array.shape[place]}", f"shape {parameter.shape}")
    return parameter.reshape([-1 if i == place else 1 for i in range(array.ndim)])


def _zeros(name: str, zero: npt.ArrayLike, array: AnyInteger, length: int) -> npt.NDArray[np.int64]:
    limits = np.iinfo(array.dtype)
    wanted = check.numbers(name, zero, least=limits.min, most=limits.max, whole=True)
    if wanted.size == 1:
        return np.full(length, wanted.item(), dtype=np.int64)
    if wanted.shape != (length,):
        raise check.refuse(name, f"a single number or of length {length}", f"shape {wanted.shape}")
    return wanted.astype(np.int64)
