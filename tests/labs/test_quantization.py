"""Quantization bit for bit with onnxruntime, small floats value by value, and the laws of grids."""

import bisect
import itertools
import math
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
import onnxruntime
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from onnx import TensorProto, helper
from peers import needs_torch, torch

from labs import quantization as q

pytestmark = pytest.mark.filterwarnings("error")

F32_MAX = float(np.finfo(np.float32).max)
ONNX_TYPES = {
    "float32": TensorProto.FLOAT,
    "int8": TensorProto.INT8,
    "uint8": TensorProto.UINT8,
    "int16": TensorProto.INT16,
    "uint16": TensorProto.UINT16,
    "int32": TensorProto.INT32,
}
INTEGERS = ["int8", "uint8", "int16", "uint16"]

float32s = st.floats(width=32, allow_nan=False)
scales = st.floats(2.0**-126, 2.0**100, width=32)
# Ranges whose scale would be subnormal count as zero, and have a test of their own.
small_arrays = hnp.arrays(
    np.float32,
    hnp.array_shapes(min_dims=1, max_dims=3, max_side=7),
    elements=st.floats(-1000, 1000, width=32).map(lambda value: value * (abs(value) > 1e-30)),
)


@cache
def session(op: str, inputs: tuple[str, ...], outputs: tuple[str, ...], axis: int | None) -> Any:
    names = [f"i{n}" for n in range(len(inputs))], [f"o{n}" for n in range(len(outputs))]
    attributes = {} if axis is None else {"axis": axis}
    sides = [
        [
            helper.make_tensor_value_info(name, ONNX_TYPES[kind], None)
            for name, kind in zip(side, kinds, strict=True)
        ]
        for side, kinds in zip(names, (inputs, outputs), strict=True)
    ]
    graph = helper.make_graph([helper.make_node(op, *names, **attributes)], "one", *sides)
    opsets = [helper.make_opsetid("", 21)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def onnx(op: str, *arrays: Any, outputs: tuple[str, ...], axis: int | None = None) -> Any:
    """Run one operator in onnxruntime."""
    given_arrays = [np.asarray(array) for array in arrays]
    kinds = tuple(array.dtype.name for array in given_arrays)
    feeds = {f"i{n}": array for n, array in enumerate(given_arrays)}
    found = session(op, kinds, outputs, axis).run(None, feeds)
    return found if len(outputs) > 1 else found[0]


def onnx_quantize(x: Any, scale: Any, zero: Any, dtype: str, axis: int | None = None) -> Any:
    arrays = np.asarray(x, np.float32), np.asarray(scale, np.float32), np.asarray(zero, dtype)
    return onnx("QuantizeLinear", *arrays, outputs=(dtype,), axis=axis)


def identical(found: Any, expected: Any) -> None:
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    assert found.tobytes() == expected.tobytes()


# QuantizeLinear


@pytest.mark.parametrize("dtype", INTEGERS)
@given(x=st.lists(float32s, min_size=1, max_size=30), scale=scales, end=st.sampled_from([0, 1, 2]))
def test_quantize_linear_is_onnxruntime_to_the_bit(
    dtype: str, x: list[float], scale: float, end: int
) -> None:
    limits = np.iinfo(dtype)
    zero = (0, limits.min, limits.max)[end]
    found = q.quantize_linear(x, scale, zero, dtype)
    identical(found, onnx_quantize(x, scale, zero, dtype))


@pytest.mark.parametrize("dtype", INTEGERS)
@given(
    steps=st.lists(st.integers(-140_000, 140_000), min_size=1, max_size=40),
    scale=st.sampled_from([1.0, 0.1, 0.3, 1 / 3, 0.007, 2.0**-20, 123.456, 1e-40, 3e-45]),
    share=st.floats(0, 1),
)
def test_ties_are_broken_as_onnxruntime_does(
    dtype: str, steps: list[int], scale: float, share: float
) -> None:
    limits = np.iinfo(dtype)
    zero = round(limits.min + share * (int(limits.max) - int(limits.min)))
    # Half steps, rounded to float32: exact ties and their neighbours, subnormal scales included.
    x = (np.array(steps) / 2 * np.float64(np.float32(scale))).astype(np.float32)
    identical(q.quantize_linear(x, scale, zero, dtype), onnx_quantize(x, scale, zero, dtype))


def test_ties_go_to_even_before_the_zero_point_is_added() -> None:
    x = [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5]
    assert q.quantize_linear(x, 1.0, 1).tolist() == [-1, -1, 1, 1, 3, 3]


def test_dividing_is_not_multiplying_by_the_reciprocal() -> None:
    scale = np.float32(0.007)
    x = ((np.arange(-254, 255, dtype=np.float64) / 2) * scale).astype(np.float32)
    wrong = np.rint(x * (np.float32(1) / scale)).clip(-128, 127).astype(np.int8)
    found = q.quantize_linear(x, scale)
    identical(found, onnx_quantize(x, scale, 0, "int8"))
    assert (found != wrong).any()


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2, -3])
def test_every_axis_agrees(dtype: str, axis: int) -> None:
    rng = np.random.default_rng(axis + 3)
    x = rng.normal(0, 300, (3, 4, 5)).astype(np.float32)
    length = x.shape[axis]
    scale = rng.uniform(0.01, 3, length).astype(np.float32)
    limits = np.iinfo(dtype)
    zero = rng.integers(limits.min, int(limits.max) + 1, length).astype(dtype)
    quantized = q.quantize_linear(x, scale, zero, dtype, axis)
    identical(quantized, onnx_quantize(x, scale, zero, dtype, axis))
    restored = onnx("DequantizeLinear", quantized, scale, zero, outputs=("float32",), axis=axis)
    identical(q.dequantize_linear(quantized, scale, zero, axis), restored)


@pytest.mark.parametrize("axis", [None, 0, 1, -1])
@pytest.mark.parametrize("shape", [(70, 1000), (33, 2048), (1, 70_000), (65_536, 1)])
def test_blocks_of_rows_change_nothing(axis: int | None, shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(0, 10, shape).astype(np.float32)
    length = () if axis is None else (shape[axis],)
    scale = rng.uniform(0.05, 0.2, length).astype(np.float32)
    zero = rng.integers(-128, 128, length).astype(np.int8)
    quantized = q.quantize_linear(x, scale, zero, np.int8, axis)
    identical(quantized, onnx_quantize(x, scale, zero, "int8", axis))
    restored = onnx("DequantizeLinear", quantized, scale, zero, outputs=("float32",), axis=axis)
    identical(q.dequantize_linear(quantized, scale, zero, axis), restored)


@pytest.mark.parametrize("shape", [(), (1,), (0,), (3, 0), (0, 4), (2, 1, 3)])
def test_every_shape_is_kept(shape: tuple[int, ...]) -> None:
    x = np.full(shape, 2.6, np.float32)
    quantized = q.quantize_linear(x, 0.5, 3, np.uint8)
    identical(quantized, onnx_quantize(x, 0.5, 3, "uint8"))
    restored = q.dequantize_linear(quantized, 0.5, 3)
    assert restored.shape == shape
    assert (restored == 2.5).all()


def test_no_rows_with_a_scale_for_each_column() -> None:
    found = q.quantize_linear(np.zeros((0, 2), np.float32), [1.0, 2.0], [1, 2], axis=1)
    assert (found.shape, found.dtype) == ((0, 2), np.int8)


def test_infinities_saturate() -> None:
    x = [math.inf, -math.inf, 1e300, -1e300]
    assert q.quantize_linear(x, 1e-40, 5).tolist() == [127, -128, 127, -128]
    assert q.quantize_linear(x, F32_MAX, 5, np.uint8).tolist() == [255, 0, 255, 0]


def test_a_scale_of_one_element_serves_all() -> None:
    assert q.quantize_linear([[4.0, 6.0]], [2.0], [1]).tolist() == [[3, 4]]
    # Not scalars in disguise where the axis is named.
    assert q.quantize_linear([[4.0], [6.0]], [2.0], [1], axis=1).tolist() == [[3], [4]]


def test_one_scale_with_many_zero_points_and_the_reverse() -> None:
    x = np.array([[4.0, 6.0]])
    assert q.quantize_linear(x, 2.0, [0, 1], axis=1).tolist() == [[2, 4]]
    assert q.quantize_linear(x, [2.0, 3.0], 1, axis=1).tolist() == [[3, 3]]


# DequantizeLinear


@pytest.mark.parametrize("dtype", INTEGERS)
@given(data=st.data(), scale=st.floats(2.0**-149, 2.0**100, width=32))
def test_dequantize_linear_is_onnxruntime_to_the_bit(
    dtype: str, data: st.DataObject, scale: float
) -> None:
    limits = np.iinfo(dtype)
    whole = st.integers(int(limits.min), int(limits.max))
    values = np.array(data.draw(st.lists(whole, min_size=1, max_size=20)), dtype)
    zero = np.array(data.draw(whole), dtype)
    expected = onnx("DequantizeLinear", values, np.float32(scale), zero, outputs=("float32",))
    identical(q.dequantize_linear(values, scale, zero), expected)


def test_int32_accumulators_dequantize_too() -> None:
    sums = np.array([2**31 - 1, -(2**31), 0, 16_777_217], np.int32)
    expected = onnx("DequantizeLinear", sums, np.float32(0.1), outputs=("float32",))
    identical(q.dequantize_linear(sums, 0.1), expected)


def test_what_float32_cannot_hold_is_infinite() -> None:
    assert q.dequantize_linear(np.array([127, -127], np.int8), 1e38).tolist() == [
        math.inf,
        -math.inf,
    ]


@given(values=hnp.arrays(np.int8, st.integers(0, 50)), scale=scales, zero=st.integers(-128, 127))
def test_integers_survive_the_round_trip(values: Any, scale: float, zero: int) -> None:
    restored = q.dequantize_linear(values, scale, zero)
    identical(q.quantize_linear(restored, scale, zero), values)


# DynamicQuantizeLinear


@given(
    x=hnp.arrays(
        np.float32,
        hnp.array_shapes(max_dims=3),
        elements=st.floats(-(2.0**100), 2.0**100, width=32),
    )
)
def test_dynamic_quantize_linear_is_onnxruntime_to_the_bit(x: Any) -> None:
    assume(not x.any() or np.ptp(np.append(x, 0)) > 1e-35)
    found = q.dynamic_quantize_linear(x)
    if not x.any():
        assert (found[1], found[2], found[0].any()) == (1.0, 0, False)
        return
    values, scale, zero = onnx("DynamicQuantizeLinear", x, outputs=("uint8", "float32", "uint8"))
    identical(found[0], values)
    assert (found[1], found[2]) == (float(scale), int(zero))


@pytest.mark.parametrize(
    "x", [[3.0], [-3.0], [1.0, 2.0], [-2.0, -1.0], [-1.0, 1.0], [0.5, -127.5], [1e-30, -1e-30]]
)
def test_the_dynamic_range_holds_zero(x: list[float]) -> None:
    values, scale, zero = q.dynamic_quantize_linear(x)
    expected = onnx("DynamicQuantizeLinear", np.float32(x), outputs=("uint8", "float32", "uint8"))
    identical(values, expected[0])
    assert (scale, zero) == (float(expected[1]), int(expected[2]))
    assert q.quantize_linear([0.0], scale, zero, np.uint8).tolist() == [zero]


def test_a_single_number_quantizes() -> None:
    values, scale, zero = q.dynamic_quantize_linear(-2.55)
    assert values.shape == ()
    assert (values.item(), zero) == (0, 255)
    assert scale == pytest.approx(0.01, rel=1e-6)


@pytest.mark.parametrize("x", [[0.0], [0.0, -0.0], [1e-45], [-1e-44, 1e-45]])
def test_all_zeros_have_scale_one(x: list[float]) -> None:
    values, scale, zero = q.dynamic_quantize_linear(x)
    assert (values.tolist(), scale, zero) == ([0] * len(x), 1.0, 0)


# MatMulInteger


def exact(a: Any, b: Any, a_zero: Any = 0, b_zero: Any = 0) -> Any:
    """The product in 64 bits, wrapped to 32 as a register would."""
    left, right = a.astype(np.int64), b.astype(np.int64)
    rows, columns = np.broadcast_to(a_zero, a.shape[-2]), np.broadcast_to(b_zero, b.shape[-1])
    whole = np.einsum("...mk,...kn->...mn", left - rows[:, None], right - columns)
    return whole.astype(np.int32)


def some(rng: np.random.Generator, dtype: str, shape: tuple[int, ...]) -> Any:
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max + 1, shape).astype(dtype)


BYTES = ["int8", "uint8"]


@pytest.mark.parametrize("right", BYTES)
@pytest.mark.parametrize("left", BYTES)
@pytest.mark.parametrize(
    ("m", "k", "n"), [(1, 1, 1), (3, 5, 4), (7, 300, 2), (4, 1025, 3), (2, 3000, 5), (9, 64, 33)]
)
def test_int_matmul_is_onnxruntime_to_the_bit(
    left: str, right: str, m: int, k: int, n: int
) -> None:
    rng = np.random.default_rng(m * k * n)
    a, b = some(rng, left, (m, k)), some(rng, right, (k, n))
    if left != right:
        # Processors without VNNI saturate mixed products in 16 bits; seven bits are safe on all.
        a, b = a // 2, b // 2
    a_zero, b_zero = some(rng, left, ()), some(rng, right, (n,))
    found = q.int_matmul(a, b, a_zero, b_zero)
    identical(found, exact(a, b, a_zero, b_zero))
    identical(found, onnx("MatMulInteger", a, b, a_zero, b_zero, outputs=("int32",)))
    plain = onnx("MatMulInteger", a, b, outputs=("int32",))
    identical(q.int_matmul(a, b), plain)


@given(
    data=st.data(),
    left=st.sampled_from(BYTES),
    right=st.sampled_from(BYTES),
    m=st.integers(0, 4),
    k=st.integers(0, 6),
    n=st.integers(0, 4),
)
def test_int_matmul_is_the_exact_product(
    data: st.DataObject, left: str, right: str, m: int, k: int, n: int
) -> None:
    a, b = data.draw(hnp.arrays(left, (m, k))), data.draw(hnp.arrays(right, (k, n)))
    a_zero = data.draw(hnp.arrays(left, (m,)) | hnp.arrays(left, ()))
    b_zero = data.draw(hnp.arrays(right, (n,)) | hnp.arrays(right, ()))
    identical(q.int_matmul(a, b, a_zero, b_zero), exact(a, b, a_zero, b_zero))


@pytest.mark.parametrize(
    ("left", "right", "k"),
    [("int8", "int8", k) for k in (1023, 1024, 1025, 5000)]
    + [("uint8", "uint8", k) for k in (257, 258, 259, 1024)]
    + [("uint8", "int8", k) for k in (514, 515, 1040)],
)
def test_the_worst_case_is_exact_around_every_block(left: str, right: str, k: int) -> None:
    for low in (True, False):
        ends = [np.iinfo(kind).min if low else np.iinfo(kind).max for kind in (left, right)]
        a = np.full((2, k), ends[0], left)
        b = np.full((k, 3), ends[1], right)
        # An odd product among them, which float32 above 2^24 would round away.
        a[0, 0] = b[0, 0] = 1
        identical(q.int_matmul(a, b), exact(a, b))


def test_sums_beyond_int32_wrap() -> None:
    a = np.full((1, 40_000), 255, np.uint8)
    b = np.full((40_000, 1), 255, np.uint8)
    assert q.int_matmul(a, b).item() == 40_000 * 255**2 - 2**32
    # Zero points at the far ends double the reach: 255 · 255 each once more.
    assert q.int_matmul(a, b, 0, 255).item() == 0


@pytest.mark.parametrize(
    ("a_shape", "b_shape"),
    [((2, 3, 4), (2, 4, 5)), ((2, 3, 4), (4, 5)), ((3, 4), (2, 1, 4, 5)), ((2, 1, 3, 4), (6, 4, 5)),
     ((0, 3, 4), (4, 5)), ((2, 3, 0), (0, 5)), ((2, 3, 0), (2, 0, 5)), ((2, 0, 4), (4, 0))],
)  # fmt: skip
def test_batches_broadcast_as_matmul_does(a_shape: Any, b_shape: Any) -> None:
    rng = np.random.default_rng(1)
    a, b = some(rng, "uint8", a_shape), some(rng, "int8", b_shape)
    a_zero, b_zero = some(rng, "uint8", a_shape[-2:-1]), some(rng, "int8", b_shape[-1:])
    identical(q.int_matmul(a, b, a_zero, b_zero), exact(a, b, a_zero, b_zero))
    identical(q.int_matmul(a, b), exact(a, b))


def test_a_quantized_product_is_near_the_true_one() -> None:
    rng = np.random.default_rng(2)
    x, w = rng.normal(size=(20, 300)), rng.normal(size=(300, 30))
    values, scale, zero = q.dynamic_quantize_linear(x)
    weight = q.quantize(w, axis=1)
    product = q.int_matmul(values, weight.values, zero) * scale * weight.scale
    assert np.linalg.norm(product - x @ w) < 0.02 * np.linalg.norm(x @ w)


# quantize


def spread(parameter: Any, x: Any, axis: int | None, group: int | None) -> Any:
    """Lay scales or zero points out over the array."""
    if group is None:
        return np.broadcast_to(parameter, x.shape)
    index = np.arange(x.shape[-1]) // group
    return np.take(parameter, index, axis=-1)


@pytest.mark.parametrize("symmetric", [True, False])
@settings(max_examples=300)
@given(bits=st.integers(2, 16), data=st.data(), x=small_arrays)
def test_inside_the_clip_the_error_is_half_a_step(
    symmetric: bool, bits: int, data: st.DataObject, x: Any
) -> None:
    kind = data.draw(st.sampled_from(["tensor", "axis", "group"]))
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1)) if kind == "axis" else None
    group = data.draw(st.integers(1, 9)) if kind == "group" else None
    found = q.quantize(x, bits, axis, group, symmetric)
    scale = spread(found.scale, x, axis, group)
    # Half a step, and what float32 loses in dividing and multiplying.
    slack = scale * 2.0 ** (bits - 24) + np.abs(x) * 2.0**-23
    error = np.abs(found.dequantize().astype(np.float64) - x)
    assert (error <= scale * 0.5 + slack).all()
    assert found.values.shape == found.dequantize().shape == x.shape


@given(bits=st.integers(2, 16), x=small_arrays)
def test_symmetric_grids_end_at_plus_and_minus_the_same(bits: int, x: Any) -> None:
    found = q.quantize(x, bits)
    most = 2 ** (bits - 1) - 1
    assert found.values.dtype == (np.int8 if bits <= 8 else np.int16)
    assert np.abs(found.values.astype(int)).max() == (most if x.any() else 0)
    assert found.scale == (np.float32(np.abs(x).max()) / np.float32(most) if x.any() else 1)
    assert not found.zero_point.any()
    assert (q.quantize(-x, bits).values == -found.values).all()


@given(bits=st.integers(2, 16), x=small_arrays)
def test_affine_ranges_hold_zero_exactly(bits: int, x: Any) -> None:
    found = q.quantize(x, bits, symmetric=False)
    zero = int(found.zero_point)
    assert 0 <= zero <= 2**bits - 1
    assert found.values.dtype == (np.uint8 if bits <= 8 else np.uint16)
    low, high = min(float(x.min()), 0), max(float(x.max()), 0)
    if high > low:
        assert found.scale == pytest.approx((high - low) / (2**bits - 1), rel=1e-6)
    with_zero = q.quantize(np.append(x, 0), bits, symmetric=False)
    assert with_zero.dequantize()[-1] == 0
    assert with_zero.scale == found.scale


@given(x=small_arrays, data=st.data())
def test_scales_along_an_axis_are_those_of_its_slices(x: Any, data: st.DataObject) -> None:
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    symmetric = data.draw(st.booleans())
    clip = data.draw(st.sampled_from(["absmax", "percentile", "mse", 3.0]))
    found = q.quantize(x, 6, axis=axis, symmetric=symmetric, clip=clip)
    assert found.scale.shape == tuple(n if i == axis % x.ndim else 1 for i, n in enumerate(x.shape))
    for index in range(x.shape[axis]):
        alone = q.quantize(np.take(x, index, axis), 6, symmetric=symmetric, clip=clip)
        assert (np.take(found.values, index, axis) == alone.values).all()
        assert found.scale.ravel()[index] == alone.scale
        assert found.zero_point.ravel()[index] == alone.zero_point


@given(x=small_arrays, group=st.integers(1, 9), symmetric=st.booleans())
def test_each_group_is_quantized_alone_and_a_shorter_last_one_too(
    x: Any, group: int, symmetric: bool
) -> None:
    found = q.quantize(x, 4, group=group, symmetric=symmetric)
    restored = found.dequantize()
    groups = math.ceil(x.shape[-1] / group)
    assert found.scale.shape == found.zero_point.shape == (*x.shape[:-1], groups)
    for row in np.ndindex(x.shape[:-1]):
        for number in range(groups):
            part = slice(number * group, (number + 1) * group)
            alone = q.quantize(x[row][part], 4, symmetric=symmetric)
            assert (found.values[row][part] == alone.values).all()
            assert found.scale[row][number] == alone.scale
            assert (restored[row][part] == alone.dequantize()).all()


def test_a_group_longer_than_the_axis_is_the_row() -> None:
    x = np.array([[1.0, -2.0, 4.0], [0.5, 0.25, 1.0]])
    endless, rows = q.quantize(x, group=2**53), q.quantize(x, axis=0)
    assert (endless.values == rows.values).all()
    assert (endless.dequantize() == rows.dequantize()).all()


@pytest.mark.parametrize(
    ("options", "nbytes"),
    [
        ({"bits": 8}, 6400 + 4),
        ({"bits": 4}, 3200 + 4),
        ({"bits": 3}, 2400 + 4),
        ({"bits": 16, "symmetric": False}, 12_800 + 4 + 2),
        ({"bits": 4, "axis": 0}, 3200 + 64 * 4),
        ({"bits": 4, "axis": 1, "symmetric": False}, 3200 + 100 * 4 + 50),
        ({"bits": 4, "group": 32}, 3200 + 64 * 4 * 4),  # groups of 32, 32, 32 and 4
        ({"bits": 5, "group": 100, "symmetric": False}, 4000 + 64 * 4 + 40),
    ],
)
def test_bytes_are_packed_bits_and_scales_and_zero_points(
    options: dict[str, Any], nbytes: int
) -> None:
    x = np.random.default_rng(0).normal(size=(64, 100))
    assert q.quantize(x, **options).nbytes == nbytes


def test_odd_bits_round_up_to_whole_bytes() -> None:
    assert q.quantize([1.0, 2.0, 3.0], bits=3).nbytes == 2 + 4


@pytest.mark.parametrize("symmetric", [True, False])
@given(bits=st.integers(2, 16), x=small_arrays)
def test_the_mse_clip_is_never_worse_than_absmax(symmetric: bool, bits: int, x: Any) -> None:
    wide = x.astype(np.float64)
    best, plain = (
        ((q.quantize(x, bits, symmetric=symmetric, clip=clip).dequantize() - wide) ** 2).sum()
        for clip in ("mse", "absmax")
    )
    assert best <= plain * (1 + 1e-5) + 1e-30


@pytest.mark.parametrize("size", [6, 40, 4000])
@pytest.mark.parametrize("seed", range(7, 12))
def test_the_mse_clip_finds_the_least_error_of_its_grid(seed: int, size: int) -> None:
    x = np.random.default_rng(seed).standard_t(3, size).astype(np.float32)
    best = ((q.quantize(x, 4, clip="mse").dequantize() - x) ** 2).sum()
    peak = float(np.abs(x).max())
    tried = [
        ((q.quantize(x, 4, clip=peak * share).dequantize() - x) ** 2).sum()
        for share in np.linspace(0.2, 1, 81)
    ]
    assert best == pytest.approx(min(tried), rel=1e-5)
    assert size < 4000 or best < 0.8 * tried[-1]


def test_the_percentile_clip_is_numpys_quantile() -> None:
    x = np.random.default_rng(8).normal(size=5000).astype(np.float32)
    found = q.quantize(x, clip="percentile")
    assert found.scale * 127 == pytest.approx(np.quantile(np.abs(x), 0.999), rel=1e-6)
    assert (np.abs(found.values) == 127).sum() >= 5


@pytest.mark.parametrize("symmetric", [True, False])
def test_a_clip_in_numbers_cuts_there(symmetric: bool) -> None:
    x = np.array([-5.0, -1.0, 0.5, 2.0, 9.0])
    found = q.quantize(x, 16, symmetric=symmetric, clip=1.5)
    assert found.dequantize() == pytest.approx([-1.5, -1.0, 0.5, 1.5, 1.5], abs=1e-4)
    # A clip wider than the data costs a symmetric grid its steps, an affine one nothing.
    wide = q.quantize(x, 8, symmetric=symmetric, clip=1000.0)
    assert wide.scale == pytest.approx(1000 / 127 if symmetric else 14 / 255, rel=1e-6)


@pytest.mark.parametrize("symmetric", [True, False])
def test_the_least_clip_is_the_least_whose_finest_grid_has_a_normal_scale(symmetric: bool) -> None:
    normal = float(np.finfo(np.float32).tiny)
    least = normal * 2**16
    scale = q.quantize([1.0], 16, symmetric=symmetric, clip=least).scale
    assert normal <= scale < 2.01 * normal
    with pytest.raises(ValueError, match=r"^clip must be"):
        q.quantize([1.0], 16, clip=least * (1 - 1e-9))


def test_int4_in_known_numbers() -> None:
    # absmax 7 over 7 steps: the scale is 1; halves go to even.
    found = q.quantize([-7.0, -2.5, 0.5, 1.5, 3.5, 6.6], bits=4)
    assert found.values.tolist() == [-7, -2, 0, 2, 4, 7]
    assert found.scale == 1


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("clip", ["absmax", "percentile", "mse"])
@pytest.mark.parametrize("bits", [2, 5, 8, 16])
def test_the_ends_of_float32_stay_finite(symmetric: bool, clip: str, bits: int) -> None:
    for peak in (F32_MAX, 1e-45, 1e-38, 0.0):
        x = np.float32([peak, -peak, peak / 3, 0])
        found = q.quantize(x, bits, symmetric=symmetric, clip=clip)
        assert np.isfinite(found.scale)
        assert found.scale > 0
        error = np.abs(found.dequantize().astype(np.float64) - x)
        assert (error <= float(found.scale) * 0.5001 + peak * (clip != "absmax")).all()


def test_a_single_number_and_a_column_order_keep_their_shape() -> None:
    assert q.quantize(3.0).dequantize().shape == q.quantize(3.0).values.shape == ()
    assert q.quantize(3.0).dequantize() == 3
    x = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    assert q.quantize(x, axis=1).values.flags.c_contiguous


def test_results_cannot_be_altered() -> None:
    found: Any = q.quantize([1.0])
    with pytest.raises(AttributeError):
        found.bits = 3


# What quantizing costs


def test_a_uniform_signal_has_six_decibels_a_bit() -> None:
    x = np.random.default_rng(0).uniform(-1, 1, 200_000)
    for bits in (4, 6, 8, 10):
        levels = 2 * (2 ** (bits - 1) - 1)
        # Noise of a step Δ = 2 / levels is Δ²/12; power is 1/3: 20 log10(levels).
        found = q.sqnr_db(x, q.quantize(x, bits).dequantize())
        assert found == pytest.approx(20 * math.log10(levels), abs=0.1)
    assert q.sqnr_db(x, q.quantize(x).dequantize()) == pytest.approx(48.1, abs=0.05)


@pytest.mark.parametrize("size", [10_000, 100_000, 1_000_000])
def test_a_gaussian_signal_loses_seven_to_ten_decibels_to_its_tails(size: int) -> None:
    found = [
        q.sqnr_db(x, q.quantize(x).dequantize())
        for x in (np.random.default_rng(seed).normal(size=size) for seed in range(5))
    ]
    assert 38 <= np.mean(found) <= 41


def test_a_full_sine_gains_1_76_decibels() -> None:
    x = np.sin(np.linspace(0, 2 * np.pi * 1001, 300_000))
    found = q.sqnr_db(x, q.quantize(x).dequantize())
    assert found == pytest.approx(20 * math.log10(254) + 1.76, abs=0.15)


def test_sqnr_in_closed_form() -> None:
    assert q.sqnr_db([3.0, 4.0], [3.0, 4.0]) == math.inf
    assert q.sqnr_db([3.0, 4.0], [3.0, 3.5]) == pytest.approx(10 * math.log10(25 / 0.25))
    assert q.sqnr_db([3.0, 4.0], [0.0, 0.0]) == 0
    assert q.sqnr_db(2.0, -2.0) == pytest.approx(-20 * math.log10(2))


@given(
    x=hnp.arrays(np.float64, 5, elements=st.floats(-100, 100)),
    noise=hnp.arrays(np.float64, 5, elements=st.floats(-1, 1)),
    exponent=st.integers(-900, 900),
)
def test_sqnr_knows_no_units(x: Any, noise: Any, exponent: int) -> None:
    assume(np.abs(x).max() > 1e-3)
    assume(np.abs(noise).max() > 1e-3)
    near = x + noise
    assume((near != x).any())
    plain = 10 * math.log10((x**2).sum() / ((near - x) ** 2).sum())
    assert q.sqnr_db(x, near) == pytest.approx(plain, abs=1e-9)
    scaled = np.ldexp(x, exponent), np.ldexp(near, exponent)
    assert q.sqnr_db(*scaled) == pytest.approx(plain, abs=1e-6)


def test_sqnr_neither_overflows_nor_calls_a_small_error_none() -> None:
    assert q.sqnr_db([1e308], [-1e308]) == pytest.approx(-20 * math.log10(2))
    assert q.sqnr_db([1.0, 1e-170], [1.0, 0.0]) == pytest.approx(3400)
    assert q.sqnr_db([5e-324], [1e308]) == -math.inf


# SmoothQuant


@given(
    x=hnp.arrays(np.float64, (6, 4), elements=st.floats(-100, 100)),
    w=hnp.arrays(np.float64, (4, 3), elements=st.floats(-10, 10)),
    alpha=st.floats(0, 1),
)
def test_smoothing_leaves_the_product_as_it_was(x: Any, w: Any, alpha: float) -> None:
    scale = q.smooth_scales(np.abs(x).max(axis=0), w, alpha)
    assert (scale > 0).all()
    floor = 1e-9 * (np.abs(x) @ np.abs(w)).max() + 1e-300
    assert (x / scale) @ (w * scale[:, None]) == pytest.approx(x @ w, rel=1e-9, abs=floor)


@given(
    peak=hnp.arrays(np.float64, 5, elements=st.floats(1e-3, 1e3)),
    w=hnp.arrays(np.float64, (5, 2), elements=st.floats(0.01, 10)),
    alpha=st.floats(0, 1),
)
def test_smooth_scales_is_equation_four(peak: Any, w: Any, alpha: float) -> None:
    expected = peak**alpha / w.max(axis=1) ** (1 - alpha)
    assert q.smooth_scales(peak, w, alpha) == pytest.approx(expected, rel=1e-12)


def test_half_alpha_gives_activations_and_weights_one_magnitude() -> None:
    peak, w = np.array([100.0, 1.0]), np.array([[0.5, -2.0], [4.0, 1.0]])
    scale = q.smooth_scales(peak, w)
    assert peak / scale == pytest.approx(np.abs(w).max(axis=1) * scale)


def test_a_silent_channel_is_left_alone() -> None:
    found = q.smooth_scales([0.0, 4.0, 9.0], [[1.0], [0.0], [1.0]])
    assert found == pytest.approx([1.0, 1.0, 3.0])
    assert q.smooth_scales([], np.zeros((0, 3))).shape == (0,)


def w8a8_error(seed: int, alpha: float | None) -> float:
    """Relative error of a product whose input has three channels of 512 a hundred times larger."""
    rng = np.random.default_rng(seed)
    x, w = rng.normal(size=(128, 512)), rng.normal(size=(512, 128))
    x[:, rng.choice(512, 3, replace=False)] *= 100
    scale = np.ones(512) if alpha is None else q.smooth_scales(np.abs(x).max(axis=0), w, alpha)
    a, b = q.quantize(x / scale), q.quantize(w * scale[:, None])
    product = q.int_matmul(a.values, b.values) * (a.scale * b.scale)
    return float(np.linalg.norm(product - x @ w) / np.linalg.norm(x @ w))


def test_outlier_channels_cost_a_tenth_and_smoothing_a_fiftieth() -> None:
    mean = {a: np.mean([w8a8_error(seed, a) for seed in range(6)]) for a in (None, 0, 0.5, 1)}
    assert 0.08 < mean[None] < 0.12
    assert 0.014 < mean[0.5] < 0.024
    assert 0.08 < mean[0] < 0.12
    assert 0.08 < mean[1] < 0.12


# Small floats, from the definitions of the formats

# Bits of exponent and mantissa, bias, and codes that are no finite number.
LAYOUTS = {
    "float16": (5, 10, 15, "ieee"),
    "bfloat16": (8, 7, 127, "ieee"),
    "float8_e5m2": (5, 2, 15, "ieee"),
    "float8_e4m3": (4, 3, 7, "top code is NaN"),
    "float4_e2m1": (2, 1, 1, "all finite"),
}
SATURATING = {"float8_e4m3": 448.0, "float8_e5m2": 57344.0, "float4_e2m1": 6.0}


@cache
def magnitudes(name: str) -> list[float]:
    """Every value of a format from 0 up, decoded bit by bit; a value's index is its code."""
    exponent_bits, mantissa_bits, bias, special = LAYOUTS[name]
    values = []
    for code in range(2 ** (exponent_bits + mantissa_bits)):
        exponent, mantissa = divmod(code, 2**mantissa_bits)
        if special == "ieee" and exponent == 2**exponent_bits - 1:
            break
        if special == "top code is NaN" and code == 2 ** (exponent_bits + mantissa_bits) - 1:
            break
        fraction = mantissa / 2**mantissa_bits
        if exponent:
            values.append((1 + fraction) * 2.0 ** (exponent - bias))
        else:
            values.append(fraction * 2.0 ** (1 - bias))
    return values


def nearest(x: float, name: str) -> float:
    """Round by comparing exact distances to the two neighbours; ties to the even code."""
    grid, size = magnitudes(name), abs(x)
    above = bisect.bisect_left(grid, size)
    if above == len(grid):
        beyond = SATURATING.get(name, math.inf)
        step = Fraction(grid[-1]) - Fraction(grid[-2])
        near = size < Fraction(grid[-1]) + step / 2 if math.isfinite(size) else False
        return math.copysign(grid[-1] if near else beyond, x)
    if grid[above] == size:
        return x
    down, up = Fraction(size) - Fraction(grid[above - 1]), Fraction(grid[above]) - Fraction(size)
    code = above - 1 if down < up or (down == up and (above - 1) % 2 == 0) else above
    return math.copysign(grid[code], x)


def same(found: Any, expected: Any) -> None:
    """Equal values and equal signs, zeros included."""
    identical(np.asarray(found), np.asarray(expected, np.float32))


@pytest.mark.parametrize(
    ("name", "count", "least", "least_normal", "largest"),
    [
        ("float16", 31_744, 2.0**-24, 2.0**-14, 65504.0),
        ("bfloat16", 32_640, 2.0**-133, 2.0**-126, 255 * 2.0**120),
        ("float8_e5m2", 124, 2.0**-16, 2.0**-14, 57344.0),
        ("float8_e4m3", 127, 2.0**-9, 2.0**-6, 448.0),
        ("float4_e2m1", 8, 0.5, 1.0, 6.0),
    ],
)
def test_every_value_of_a_format_is_its_own_cast(
    name: str, count: int, least: float, least_normal: float, largest: float
) -> None:
    grid = magnitudes(name)
    assert (len(grid), grid[1], grid[-1]) == (count, least, largest)
    assert least_normal in grid
    both = np.array(grid + [-value for value in grid])
    same(q.cast(both, name), both)


@pytest.mark.parametrize("name", LAYOUTS)
@given(
    share=st.floats(0, 1, exclude_max=True),
    nudge=st.sampled_from([-1, 0, 1]),
    narrow=st.booleans(),
    sign=st.sampled_from([1, -1]),
)
def test_ties_go_to_the_even_code_and_a_breath_decides(
    name: str, share: float, nudge: int, narrow: bool, sign: int
) -> None:
    grid = magnitudes(name)
    code = int(share * (len(grid) - 1))
    tie: Any = (grid[code] + grid[code + 1]) / 2
    kind: Any = np.float32 if narrow else np.float64
    if nudge:
        tie = np.nextafter(kind(tie), kind(nudge * np.inf))
    x = kind(sign * tie)
    same(q.cast([x], name), [nearest(float(x), name)])


@pytest.mark.parametrize("name", ["float8_e5m2", "float8_e4m3", "float4_e2m1"])
def test_every_tie_of_the_smallest_formats(name: str) -> None:
    grid = magnitudes(name)
    ties = np.array([(a + b) / 2 for a, b in itertools.pairwise(grid)])
    for x in (ties, -ties, np.nextafter(ties, 0), np.nextafter(ties, np.inf)):
        same(q.cast(x, name), [nearest(value, name) for value in x.tolist()])


@pytest.mark.parametrize("name", LAYOUTS)
@given(x=st.lists(st.floats(allow_nan=False), max_size=20))
def test_any_float_goes_to_the_nearest(name: str, x: list[float]) -> None:
    same(q.cast(np.array(x), name), [nearest(value, name) for value in x])


@pytest.mark.parametrize("name", LAYOUTS)
@given(data=st.data())
def test_floats_of_its_own_range_go_to_the_nearest(name: str, data: st.DataObject) -> None:
    largest = magnitudes(name)[-1]
    x = data.draw(st.lists(st.floats(-1.2 * largest, 1.2 * largest), max_size=20))
    same(q.cast(np.array(x), name), [nearest(value, name) for value in x])


@pytest.mark.parametrize(
    ("name", "x", "expected"),
    [
        ("float16", [65519.99, 65520.0, -1e9], [65504.0, math.inf, -math.inf]),
        ("bfloat16", [F32_MAX, 3.39e38, -1e300], [math.inf, 3.3895314e38, -math.inf]),
        ("float8_e4m3", [449.0, 464.0, 1e300, -math.inf], [448.0, 448.0, 448.0, -448.0]),
        ("float8_e5m2", [61440.0, 65536.0, math.inf], [57344.0, 57344.0, 57344.0]),
        ("float4_e2m1", [5.0, 7.0, -100.0, math.inf], [4.0, 6.0, -6.0, 6.0]),
        ("float16", [2.0**-25, np.nextafter(2.0**-25, 1), 5e-324], [0.0, 2.0**-24, 0.0]),
        ("float8_e4m3", [-(2.0**-10), 3 * 2.0**-10, -0.0], [-0.0, 2.0**-8, -0.0]),
    ],
)
def test_the_ends_of_the_formats(name: str, x: list[float], expected: list[float]) -> None:
    same(q.cast(x, name), expected)


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float8_e4m3", "float8_e5m2"])
def test_nan_stays_nan(name: str) -> None:
    found = q.cast([math.nan, 1.0], name)
    assert math.isnan(found[0])
    assert found[1] == 1


def test_float64_is_not_rounded_twice() -> None:
    # Just above a tie of bfloat16, by less than float32 can tell: through float32 it would be 1.
    x = 1 + 2.0**-8 + 2.0**-40
    assert np.float32(x) == 1 + 2.0**-8
    assert q.cast([x], "bfloat16").item() == 1 + 2.0**-7
    assert q.cast([1 + 2.0**-4 + 2.0**-45], "float8_e4m3").item() == 1.125
    assert q.cast([1 + 3 * 2.0**-4 - 2.0**-45], "float8_e4m3").item() == 1.125


TORCH = {
    "float16": "float16",
    "bfloat16": "bfloat16",
    "float8_e4m3": "float8_e4m3fn",
    "float8_e5m2": "float8_e5m2",
}


@needs_torch
@pytest.mark.parametrize("name", TORCH)
@given(x=hnp.arrays(np.float32, st.integers(1, 40), elements=float32s))
def test_casts_are_torchs_where_nothing_saturates(name: str, x: Any) -> None:
    largest = magnitudes(name)[-1]
    kept = x if name not in SATURATING else x[np.abs(x) <= largest]
    near = np.clip(x, -largest, largest) * np.float32(0.999)
    for values in (kept, near, near / np.float32(largest)):
        expected = torch.tensor(values).to(getattr(torch, TORCH[name])).to(torch.float32).numpy()
        same(q.cast(values, name), expected)


@needs_torch
@pytest.mark.parametrize("name", ["float8_e4m3", "float8_e5m2"])
def test_torch_decodes_the_same_values(name: str) -> None:
    codes = torch.arange(256, dtype=torch.int32).to(torch.uint8)
    values = codes.view(getattr(torch, TORCH[name])).to(torch.float32).numpy()
    finite = values[np.isfinite(values)]
    grid = magnitudes(name)
    assert sorted(finite.tolist()) == sorted(grid + [-value for value in grid])


@given(x=st.lists(st.floats(), max_size=30))
def test_float16_is_numpys(x: list[float]) -> None:
    with np.errstate(over="ignore"):
        expected = np.array(x, np.float64).astype(np.float16).astype(np.float32)
    found = q.cast(np.array(x, np.float64), "float16")
    assert np.array_equal(found, expected, equal_nan=True)


@pytest.mark.parametrize("name", [*LAYOUTS, "mxfp4", "nvfp4"])
@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (0, 5), (2, 33), (2, 3, 40)])
def test_casts_keep_the_shape(name: str, shape: tuple[int, ...]) -> None:
    x = np.full(shape, 3.0)
    found = q.cast(x, name)
    assert (found.shape, found.dtype) == (shape, np.float32)
    assert found == pytest.approx(x, rel=0.07)


def test_integers_are_cast_too() -> None:
    assert q.cast([17, 2049], "float16").tolist() == [17.0, 2048.0]


# Four bits with shared scales


def naive_mxfp4(row: list[float]) -> list[float]:
    """Block by block, as the OCP specification tells it."""
    out = []
    for start in range(0, len(row), 32):
        block = row[start : start + 32]
        absmax = max(abs(value) for value in block)
        exponent = max(-127, min(127, math.frexp(absmax)[1] - 1 - 2)) if absmax else 0
        scale = Fraction(2) ** exponent
        out += [
            math.copysign(float(Fraction(nearest_four(Fraction(v) / scale)) * scale), v)
            for v in block
        ]
    return out


def nearest_four(x: Fraction) -> float:
    grid = magnitudes("float4_e2m1")
    return min(grid, key=lambda value: (abs(abs(x) - Fraction(value)), grid.index(value) % 2))


def naive_nvfp4(rows: list[list[float]]) -> list[list[float]]:
    """Two levels: a float32 scale for the tensor, an E4M3 scale for each sixteen."""
    absmax = max(abs(value) for row in rows for value in row)
    tensor = float(np.float32(absmax / (6 * 448)))
    out: list[list[float]] = []
    for row in rows:
        out.append([])
        for start in range(0, len(row), 16):
            block = row[start : start + 16]
            peak = max(abs(value) for value in block)
            scale = nearest(peak / 6 / tensor, "float8_e4m3") * tensor if tensor else 0.0
            out[-1] += [
                math.copysign(nearest(abs(v) / scale, "float4_e2m1") * scale, v) if scale else 0.0
                for v in block
            ]
    return out


blocks = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 3), st.integers(1, 70)),
    elements=st.floats(-100, 100, width=32) | st.floats(-(2.0**100), 2.0**100, width=32),
)


@given(x=blocks)
def test_mxfp4_is_a_naive_reference(x: Any) -> None:
    expected = np.array([naive_mxfp4(row) for row in x.tolist()])
    assert np.array_equal(q.cast(x, "mxfp4"), expected.astype(np.float32))


@given(x=blocks)
def test_nvfp4_is_a_naive_reference(x: Any) -> None:
    expected = np.array(naive_nvfp4(x.tolist()))
    assert np.array_equal(q.cast(x, "nvfp4"), expected.astype(np.float32))


def test_mxfp4_in_known_numbers() -> None:
    # absmax 10: floor(log2 10) - 2 = 1, scale 2; 7 / 2 = 3.5 ties to 4; 13 / 2 saturates at 6.
    assert q.cast([10.0, 7.0, 1.0, 0.4, -3.0], "mxfp4").tolist() == [8.0, 8.0, 1.0, 0.0, -3.0]
    assert q.cast([13.0, 15.9], "mxfp4").tolist() == [12.0, 12.0]


def test_nvfp4_keeps_the_largest_value() -> None:
    # The block of the absmax has scale 448 tensor scales: 6 of them are the absmax again.
    assert q.cast([2688.0, 448.0, 1344.0], "nvfp4").tolist() == [2688.0, 448.0, 1344.0]


@pytest.mark.parametrize(("name", "size"), [("mxfp4", 32), ("nvfp4", 16)])
def test_a_block_shares_its_scale_with_none_but_its_own(name: str, size: int) -> None:
    x = np.random.default_rng(3).normal(size=(2, 3 * size)).astype(np.float32)
    x[1, -1] = 1000.0
    louder = x.copy()
    louder[0, size] = 500.0
    changed = (q.cast(x, name) != q.cast(louder, name)).any(axis=0)
    assert changed[size : 2 * size].sum() > size // 2
    assert not changed[:size].any()
    assert not changed[2 * size :].any()


@pytest.mark.parametrize(
    ("name", "size", "scale_bits", "bits"), [("mxfp4", 32, 8, 4.25), ("nvfp4", 16, 8, 4.5)]
)
def test_a_block_holds_so_few_values_that_bits_a_weight_follow(
    name: str, size: int, scale_bits: int, bits: float
) -> None:
    found = q.cast(np.random.default_rng(4).normal(size=(500, size)), name)
    # Sixteen codes, of which two are zero.
    assert max(len(set(row)) for row in found.tolist()) <= 15
    tops = {row.max() for row in np.abs(found)}
    assert len(tops) > 2
    assert 4 + scale_bits / size == bits


def test_nvfp4_errs_less_than_mxfp4_on_a_gaussian() -> None:
    x = np.random.default_rng(5).normal(size=(100, 320))
    mx, nv = (q.sqnr_db(x, q.cast(x, name)) for name in ("mxfp4", "nvfp4"))
    assert 17 < mx < 20 < nv < 22


@pytest.mark.parametrize("name", ["mxfp4", "nvfp4"])
@pytest.mark.parametrize("peak", [F32_MAX, 1e-45, 1e-38, 1e-300, 0.0])
def test_shared_scales_at_the_ends_of_float32(name: str, peak: float) -> None:
    found = q.cast([peak, -peak, 0.0], name)
    assert np.isfinite(found).all()
    assert found[0] == -found[1]
    # The scale of the tensor may be subnormal, with the precision of that.
    assert 0 <= found[0] <= np.float64(peak) * 1.001


# Bad input

NAN, INF = math.nan, math.inf
A, B = np.ones((2, 3), np.int8), np.ones((3, 4), np.int8)
NO_SCALES = [0.0, -1.0, NAN, INF, -INF, 1e-46, 1e39, "1", None, True, 1j]


@pytest.mark.parametrize("scale", NO_SCALES)
@pytest.mark.parametrize(
    "function", [q.quantize_linear, lambda x, s: q.dequantize_linear(np.int8(x), s)]
)
def test_a_scale_that_is_not_positive_and_finite_is_refused(function: Any, scale: Any) -> None:
    with pytest.raises(
        ValueError, match=r"^scale must be above 0|^scale must be a finite"
    ) as problem:
        function([1.0], scale)
    assert repr(scale) in str(problem.value)
    if not isinstance(scale, bool):
        with pytest.raises(ValueError, match=r"^scale must be"):
            q.quantize_linear([1.0, 2.0], [1.0, scale], axis=0)


@pytest.mark.parametrize(
    ("call", "argument", "shown"),
    [
        (lambda: q.quantize_linear([1.0, NAN], 1), "x", "nan"),
        (lambda: q.quantize_linear("1", 1), "x", "'1'"),
        (lambda: q.quantize_linear([True], 1), "x", "True"),
        (lambda: q.quantize_linear([[1], [1, 2]], 1), "x", "[[1], [1, 2]]"),
        (lambda: q.quantize_linear(None, 1), "x", "None"),
        (lambda: q.quantize_linear([1j], 1), "x", "1j"),
        (lambda: q.quantize_linear([1.0], 1, 128), "zero_point", "128"),
        (lambda: q.quantize_linear([1.0], 1, -129), "zero_point", "-129"),
        (lambda: q.quantize_linear([1.0], 1, -1, np.uint8), "zero_point", "-1"),
        (lambda: q.quantize_linear([1.0], 1, 0.5), "zero_point", "0.5"),
        (lambda: q.quantize_linear([1.0], 1, NAN), "zero_point", "nan"),
        (lambda: q.quantize_linear([1.0], 1, 0, np.int32), "dtype", "int32"),
        (lambda: q.quantize_linear([1.0], 1, 0, np.float32), "dtype", "float32"),
        (lambda: q.quantize_linear([1.0], 1, 0, "nonsense"), "dtype", "'nonsense'"),
        (lambda: q.quantize_linear([[1.0]], [1.0], axis=2), "axis", "2"),
        (lambda: q.quantize_linear([[1.0]], [1.0], axis=-3), "axis", "-3"),
        (lambda: q.quantize_linear([[1.0]], [1.0], axis=0.5), "axis", "0.5"),
        (lambda: q.quantize_linear(1.0, [1.0, 2.0], axis=0), "axis", "0"),
        (lambda: q.quantize_linear([[1.0, 2.0]], [1.0, 2.0]), "scale", "(2,)"),
        (lambda: q.quantize_linear([[1.0, 2.0]], [1.0, 2.0, 3.0], axis=1), "scale", "(3,)"),
        (lambda: q.quantize_linear([[1.0, 2.0]], [[1.0, 2.0]], axis=1), "scale", "(1, 2)"),
        (lambda: q.quantize_linear([1.0, 2.0], 1.0, [1, 2]), "zero_point", "(2,)"),
        (lambda: q.quantize_linear([1.0, 2.0], [1.0, 2.0], [1], axis=0), "zero_point", "(1,)"),
        (lambda: q.dequantize_linear([1.5], 1), "q", "[1.5]"),
        (lambda: q.dequantize_linear([True], 1), "q", "[True]"),
        (lambda: q.dequantize_linear([[1], [1, 2]], 1), "q", "[[1], [1, 2]]"),
        (lambda: q.dequantize_linear(np.int8([1]), 1, 300), "zero_point", "300"),
        (lambda: q.dequantize_linear(np.int8([1]), [1.0], axis=1), "axis", "1"),
        (lambda: q.dynamic_quantize_linear([]), "x", "none"),
        (lambda: q.dynamic_quantize_linear([1, NAN]), "x", "nan"),
        (lambda: q.dynamic_quantize_linear([1, -INF]), "x", "-inf"),
        (lambda: q.dynamic_quantize_linear([3e38, -3e38]), "x", "-3e+38"),
        (lambda: q.int_matmul([[1]], [[1]]), "a", "int64"),
        (lambda: q.int_matmul(A, B.astype(np.int16)), "b", "int16"),
        (lambda: q.int_matmul(A.astype(float), B), "a", "1."),
        (lambda: q.int_matmul([[1], [1, 2]], B), "a", "[[1], [1, 2]]"),
        (lambda: q.int_matmul(A[0], B), "a and b", "1, 2"),
        (lambda: q.int_matmul(A, B[0]), "a and b", "2, 1"),
        (lambda: q.int_matmul(A, A), "b", "(2, 3)"),
        (lambda: q.int_matmul(A[None].repeat(2, 0), B[None].repeat(3, 0)), "a and b", "(2, 2, 3)"),
        (lambda: q.int_matmul(A, B, 200), "a_zero", "200"),
        (lambda: q.int_matmul(A, B, [1, 2, 3]), "a_zero", "(3,)"),
        (lambda: q.int_matmul(A, B, 0, 0.5), "b_zero", "0.5"),
        (lambda: q.int_matmul(A, B, 0, [1, 2]), "b_zero", "(2,)"),
        (lambda: q.quantize([]), "x", "none"),
        (lambda: q.quantize([1, NAN]), "x", "nan"),
        (lambda: q.quantize([1, INF]), "x", "inf"),
        (lambda: q.quantize([1e39]), "x", "inf"),
        (lambda: q.quantize(["a"]), "x", "['a']"),
        (lambda: q.quantize([1.0], 1), "bits", "1"),
        (lambda: q.quantize([1.0], 17), "bits", "17"),
        (lambda: q.quantize([1.0], 4.5), "bits", "4.5"),
        (lambda: q.quantize([1.0], symmetric=1), "symmetric", "1"),
        (lambda: q.quantize([1.0], axis=1), "axis", "1"),
        (lambda: q.quantize(1.0, axis=0), "axis", "0"),
        (lambda: q.quantize([1.0], group=0), "group", "0"),
        (lambda: q.quantize([1.0], group=2.5), "group", "2.5"),
        (lambda: q.quantize([1.0], axis=0, group=2), "group", "2"),
        (lambda: q.quantize(1.0, group=2), "x", "1.0"),
        (lambda: q.quantize([1.0], clip="max"), "clip", "'max'"),
        (lambda: q.quantize([1.0], clip=0), "clip", "0"),
        (lambda: q.quantize([1.0], clip=-2.0), "clip", "-2.0"),
        (lambda: q.quantize([1.0], clip=NAN), "clip", "nan"),
        (lambda: q.quantize([1.0], clip=1e39), "clip", "1e+39"),
        (lambda: q.quantize([1.0], clip=1e-40), "clip", "1e-40"),
        (lambda: q.quantize([1.0], clip=None), "clip", "None"),
        (lambda: q.quantize([1.0], clip=[1.0]), "clip", "[1.0]"),
        (lambda: q.smooth_scales([1.0], [1.0]), "weight", "(1,)"),
        (lambda: q.smooth_scales([1.0], [[NAN]]), "weight", "nan"),
        (lambda: q.smooth_scales([1.0, 2.0], [[1.0]]), "activation_absmax", "length 2"),
        (lambda: q.smooth_scales([-1.0], [[1.0]]), "activation_absmax", "-1.0"),
        (lambda: q.smooth_scales([1.0], [[1.0]], 1.5), "alpha", "1.5"),
        (lambda: q.smooth_scales([1.0], [[1.0]], NAN), "alpha", "nan"),
        (lambda: q.sqnr_db([1.0, 2.0], [1.0]), "approximation", "(1,)"),
        (lambda: q.sqnr_db([1.0], [INF]), "approximation", "inf"),
        (lambda: q.sqnr_db([NAN], [1.0]), "x", "nan"),
        (lambda: q.sqnr_db([0.0], [1.0]), "x", "all 0"),
        (lambda: q.sqnr_db([], []), "x", "all 0"),
        (lambda: q.cast([1.0], "fp8"), "format", "'fp8'"),
        (lambda: q.cast([1.0], None), "format", "None"),
        (lambda: q.cast(["a"], "float16"), "x", "['a']"),
        (lambda: q.cast([[1], [1, 2]], "float16"), "x", "[[1], [1, 2]]"),
        (lambda: q.cast([NAN], "float4_e2m1"), "x", "nan"),
        (lambda: q.cast([NAN], "mxfp4"), "x", "nan"),
        (lambda: q.cast([NAN], "nvfp4"), "x", "nan"),
        (lambda: q.cast([1.0, -INF], "mxfp4"), "x", "-inf"),
        (lambda: q.cast([INF], "nvfp4"), "x", "inf"),
        (lambda: q.cast([1e39], "mxfp4"), "x", "1e+39"),
        (lambda: q.cast([-1e300], "nvfp4"), "x", "-1e+300"),
    ],
)  # fmt: skip
def test_bad_input_is_named(call: Any, argument: str, shown: str) -> None:
    with pytest.raises(ValueError, match=r"must be") as problem:
        call()
    assert str(problem.value).startswith(f"{argument} must be ")
    assert shown in str(problem.value).split("got", 1)[1]


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("symmetric", [True, False])
def test_the_clip_of_least_error_is_that_of_trying_every_fraction(
    bits: int, symmetric: bool
) -> None:
    rows = np.random.default_rng(bits).standard_cauchy((9, 301)).astype(np.float32)
    wanted = []
    for row in rows:
        clips = (np.abs(row).max() * np.linspace(0.2, 1.0, 81)).astype(np.float32)
        tried = [q.quantize(row, bits, symmetric=symmetric, clip=float(c)) for c in clips]
        squares = [
            (((t.values.astype(float) - t.zero_point) * t.scale - row) ** 2).sum() for t in tried
        ]
        wanted.append(tried[int(np.argmin(squares))].scale)
    found = q.quantize(rows, bits, axis=0, symmetric=symmetric, clip="mse")
    assert found.scale.ravel().tolist() == [float(scale) for scale in wanted]
