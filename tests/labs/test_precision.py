"""Products, networks and blocks in few bits: exact where hardware is, and lossy by known laws."""

import itertools

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from onnx import TensorProto, helper

from labs import digits, precision, quantization
from labs.precision import Scheme

FLOATS = Scheme("float32", "float32")
INTEGER_KINDS = [f"int{bits}" for bits in range(2, 9)]

matrices = st.integers(1, 6).flatmap(
    lambda k: st.tuples(
        hnp.arrays(np.float64, st.tuples(st.integers(1, 5), st.just(k)), elements=st.floats(-9, 9)),
        hnp.arrays(np.float64, st.tuples(st.just(k), st.integers(1, 5)), elements=st.floats(-9, 9)),
    )
)
integer_schemes = st.builds(
    Scheme,
    weight=st.sampled_from(INTEGER_KINDS),
    activation=st.sampled_from(INTEGER_KINDS),
    per_channel=st.booleans(),
    per_token=st.booleans(),
    alpha=st.none() | st.floats(0, 1),
)


@pytest.fixture(scope="module")
def network() -> digits.Network:
    return digits.teach((32,), np.random.default_rng(3), epochs=30).network


@pytest.fixture(scope="module")
def block() -> precision.Block:
    return precision.outlier_block(np.random.default_rng(0), width=256)


@pytest.fixture(scope="module")
def tokens() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(48, 256))


def error(block: precision.Block, tokens: np.ndarray, **scheme: object) -> float:
    return precision.quantize_block(block, tokens, Scheme(**scheme)).error


@given(matrices)
def test_float32_operands_give_the_exact_product(operands: tuple) -> None:
    x, weight = (operand.astype(np.float32).astype(float) for operand in operands)
    np.testing.assert_allclose(precision.product(x, weight, FLOATS), x @ weight, rtol=1e-12)


@given(matrices, integer_schemes)
def test_an_integer_product_is_that_of_the_restored_operands(
    operands: tuple, scheme: Scheme
) -> None:
    x, weight = operands
    if scheme.alpha is not None:
        smooth = quantization.smooth_scales(np.abs(x).max(axis=0), weight, scheme.alpha)
        x, weight = x / smooth, weight * smooth[:, None]
    bits = int(scheme.activation[3:]), int(scheme.weight[3:])
    left = quantization.quantize(x, bits[0], axis=0 if scheme.per_token else None)
    right = quantization.quantize(weight, bits[1], axis=1 if scheme.per_channel else None)
    restored = [held.dequantize().astype(float) for held in (left, right)]
    room = np.abs(restored[0]) @ np.abs(restored[1])
    found = precision.product(*operands, scheme)
    assert (np.abs(found - restored[0] @ restored[1]) <= 1e-6 * room + 1e-30).all()


def test_an_int8_product_is_onnxruntimes_to_the_bit() -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=(33, 70)).astype(np.float32)
    weight = rng.normal(size=(70, 21)).astype(np.float32)
    left, right = (quantization.quantize(operand) for operand in (x, weight))
    integer = helper.make_node("MatMulInteger", ["a", "b"], ["c"])
    sides = [
        helper.make_tensor_value_info(name, kind, None)
        for name, kind in (("a", TensorProto.INT8), ("b", TensorProto.INT8))
    ]
    result = helper.make_tensor_value_info("c", TensorProto.INT32, None)
    model = helper.make_model(
        helper.make_graph([integer], "product", sides, [result]),
        opset_imports=[helper.make_opsetid("", 21)],
        ir_version=10,
    )
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    [exact] = session.run(None, {"a": left.values, "b": right.values})
    scale = left.scale.astype(float) * right.scale
    np.testing.assert_array_equal(precision.product(x, weight, Scheme()), exact * scale)


@given(matrices, st.sampled_from([*INTEGER_KINDS, *precision.SCALED]), st.integers(-8, 8))
def test_a_power_of_two_in_front_changes_nothing_but_the_size(
    operands: tuple, kind: str, power: int
) -> None:
    x, weight = operands
    x, weight = np.round(x, 1) + 1.0, np.round(weight, 1) + 1.0
    scheme = Scheme(kind, kind)
    plain = precision.product(x, weight, scheme)
    scaled = precision.product(np.ldexp(x, power), weight, scheme)
    np.testing.assert_allclose(scaled, np.ldexp(plain, power), rtol=1e-6, atol=1e-12)


@given(matrices, st.floats(0, 1))
def test_smoothing_alone_leaves_the_product_as_it_was(operands: tuple, alpha: float) -> None:
    x, weight = operands
    found = precision.product(x, weight, Scheme("float32", "float32", alpha=alpha))
    room = np.abs(x) @ np.abs(weight)
    assert (np.abs(found - x @ weight) <= 1e-6 * room + 1e-30).all()


def test_each_bit_of_both_operands_halves_the_error() -> None:
    rng = np.random.default_rng(2)
    x, weight = rng.normal(size=(64, 256)), rng.normal(size=(256, 64))
    noise = []
    for kind in INTEGER_KINDS[1:]:
        found = precision.product(x, weight, Scheme(kind, kind))
        noise.append(quantization.sqnr_db(x @ weight, found))
    gains = np.diff(noise)
    assert (np.abs(gains - 6.02) < 2.0).all(), gains


def test_finer_scales_lose_less_on_channels_of_unequal_size() -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=(64, 256))
    weight = rng.normal(size=(256, 64)) * np.geomspace(0.01, 1, 64)

    def lost(**options: object) -> float:
        found = precision.product(x, weight, Scheme("int8", "float32", **options))
        exact = x @ weight
        return float(np.mean(np.abs(found - exact).mean(axis=0) / np.abs(exact).mean(axis=0)))

    assert lost() > 3 * lost(per_channel=True) > 3 * lost(group=4)


def test_a_scale_a_token_keeps_a_loud_token_from_drowning_a_quiet_one() -> None:
    x = np.array([[100.0, -70.0], [0.01, 0.02]])
    weight = np.eye(2)
    quiet = [
        precision.product(x, weight, Scheme("float32", "int8", per_token=each))[1]
        for each in (False, True)
    ]
    assert not quiet[0].any()
    np.testing.assert_allclose(quiet[1], x[1], rtol=0.01)


def test_scaled_floats_reach_their_largest_value_and_never_saturate() -> None:
    x = np.array([[1e6, 5e5, -1e6]])
    for kind in precision.SCALED:
        scheme = Scheme("float32", kind)
        np.testing.assert_allclose(precision.product(x, np.eye(3), scheme), x, rtol=1e-6)


def test_groups_and_blocks_run_along_the_input_channels() -> None:
    x = np.eye(64)
    weight = np.ones((64, 1))
    weight[32:] = 1024.0
    for kind in ("mxfp4", "nvfp4", "int4"):
        scheme = Scheme(kind, "float32", group=32 if kind == "int4" else None)
        restored = precision.product(x, weight, scheme)
        np.testing.assert_allclose(restored, weight, rtol=0.1)


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [
        (FLOATS, 4 * 8192),
        (Scheme("float16", "float32"), 2 * 8192),
        (Scheme("int8", "int8"), 8192 + 4),
        (Scheme("int8", "int8", per_channel=True), 8192 + 4 * 64),
        (Scheme("int4", "int8", group=32), 4096 + 4 * 256),
        (Scheme("float8_e4m3", "float32", per_channel=True), 8192 + 4 * 64),
        (Scheme("mxfp4", "float32"), 4096 + 256),
        (Scheme("nvfp4", "float32"), 4096 + 512),
    ],
)
def test_bytes_are_packed_bits_and_scales(scheme: Scheme, expected: float) -> None:
    assert precision.stored_bytes(np.ones((128, 64)), scheme) == expected


def test_a_network_of_integers_is_the_layers_one_after_the_other(network: digits.Network) -> None:
    data, scheme = digits.load(), Scheme("int4", "int8", per_channel=True)
    loss = precision.quantize_network(network, scheme, data.test_x, data.test_y)
    hidden = precision.product(data.test_x, network.weights[0], scheme) + network.biases[0]
    logits = precision.product(np.maximum(hidden, 0), network.weights[1], scheme)
    said = (logits + network.biases[1]).argmax(axis=1)
    np.testing.assert_array_equal(loss.predictions, said)
    assert loss.accuracy == (said == data.test_y).mean()
    assert loss.agreement == (said == network.predict(data.test_x)).mean()
    assert loss.float_accuracy == (network.predict(data.test_x) == data.test_y).mean()
    exact = network.logits(data.test_x)
    assert loss.sqnr_db == quantization.sqnr_db(exact, logits + network.biases[1])
    assert loss.nbytes == 64 * 32 / 2 + 32 * 4 + 32 * 10 / 2 + 10 * 4 + 4 * 42
    assert loss.float_nbytes == 4 * (64 * 32 + 32 * 10 + 42)


def test_eight_bits_keep_the_digits_and_two_lose_them(network: digits.Network) -> None:
    data = digits.load()

    def agreement(bits: int) -> float:
        scheme = Scheme(f"int{bits}", "int8", per_channel=True)
        return precision.quantize_network(network, scheme, data.test_x, data.test_y).agreement

    assert agreement(8) > 0.99
    assert agreement(2) < 0.9 < agreement(4)


def test_a_block_in_float32_loses_nothing(block: precision.Block, tokens: np.ndarray) -> None:
    loss = precision.quantize_block(block, tokens, FLOATS)
    assert loss.error < 1e-5
    assert set(loss.products) == {"query", "key", "value", "out", "up", "down"}
    assert loss.nbytes == 4 * 12 * 256**2


def test_every_product_of_a_block_keeps_unit_variance(
    block: precision.Block, tokens: np.ndarray
) -> None:
    spread = {}

    def multiply(name: str, x: np.ndarray) -> np.ndarray:
        spread[name] = (x @ block.weights[name]).std()
        return x @ block.weights[name]

    block.run(tokens, multiply)
    assert all(0.7 < spread[name] < 1.3 for name in ("query", "key", "value", "up")), spread
    assert all(0.2 < spread[name] < 1.5 for name in ("out", "down")), spread


def test_a_token_attends_to_none_after_it(block: precision.Block, tokens: np.ndarray) -> None:
    def multiply(name: str, x: np.ndarray) -> np.ndarray:
        return x @ block.weights[name]

    changed = tokens.copy()
    changed[20:] = 7.0
    np.testing.assert_allclose(
        block.run(changed, multiply)[:20], block.run(tokens, multiply)[:20], rtol=1e-9
    )


def test_outlier_channels_cost_a_tenth_and_smoothing_halfway_wins_most_of_it_back(
    block: precision.Block, tokens: np.ndarray
) -> None:
    plain = precision.quantize_block(block, tokens, Scheme())
    by_alpha = {alpha: error(block, tokens, alpha=alpha) for alpha in (0.0, 0.5, 1.0)}
    assert 0.05 < plain.error < 0.2
    assert by_alpha[0.5] < 0.5 * min(plain.error, by_alpha[0.0], by_alpha[1.0])
    hurt = [plain.products[name] for name in ("query", "key", "value", "up")]
    assert min(hurt) > 2 * max(plain.products[name] for name in ("out", "down"))


def test_without_outliers_smoothing_has_nothing_to_mend(tokens: np.ndarray) -> None:
    calm = precision.outlier_block(np.random.default_rng(0), width=256, outliers=0)
    assert (calm.gain == 1).all()
    assert error(calm, tokens) < 0.05
    assert abs(error(calm, tokens, alpha=0.5) / error(calm, tokens) - 1) < 0.3


def test_formats_lose_less_the_more_bits_they_have(
    block: precision.Block, tokens: np.ndarray
) -> None:
    kinds = ("float16", "int8", "float8_e4m3", "float8_e5m2", "nvfp4")
    weights_only = [error(block, tokens, weight=kind, activation="float32") for kind in kinds]
    assert all(less < more for less, more in itertools.pairwise(weights_only)), weights_only


def test_the_largest_error_of_a_silent_block_is_none() -> None:
    loss = precision.quantize_block(
        precision.outlier_block(np.random.default_rng(0), width=8, heads=1),
        np.ones((1, 8)),
        FLOATS,
    )
    assert 0 <= loss.error < 1e-5


@settings(max_examples=10)
@given(st.integers(1, 4), st.integers(1, 8), st.integers(0, 4))
def test_a_block_has_the_shape_it_was_asked_for(heads: int, size: int, outliers: int) -> None:
    width = heads * size
    few = min(outliers, width)
    block = precision.outlier_block(np.random.default_rng(0), width, heads, few, 50.0)
    assert (block.gain == 50.0).sum() == few
    assert block.weights["down"].shape == (4 * width, width)
    assert block.run(np.ones((2, width)), lambda name, x: x @ block.weights[name]).shape == (
        2,
        width,
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weight": "int9"}, "weight must be one of .*, got 'int9'"),
        ({"activation": None}, "activation must be one of"),
        ({"per_channel": 1}, "per_channel must be a bool"),
        ({"per_token": "yes"}, "per_token must be a bool"),
        ({"group": 0}, "group must be"),
        ({"group": 32, "per_channel": True}, "group must be None where per_channel is True"),
        ({"group": 32, "weight": "mxfp4"}, "group must be None for mxfp4 weights"),
        ({"clip": "most"}, "clip must be one of"),
        ({"clip": -1.0}, "clip must be"),
        ({"alpha": 1.5}, "alpha must be"),
    ],
)
def test_a_scheme_that_cannot_be_is_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Scheme(**options)


def test_operands_that_do_not_fit_are_refused(network: digits.Network) -> None:
    block = precision.outlier_block(np.random.default_rng(0), width=8)
    refusals = [
        (
            lambda: precision.product(np.ones((2, 3)), np.ones((2, 3)), FLOATS),
            "weight must be of 3",
        ),
        (lambda: precision.product(np.ones(3), np.ones((3, 1)), FLOATS), "x must be a matrix"),
        (lambda: precision.product([[np.nan]], [[1.0]], FLOATS), "x must be"),
        (lambda: precision.product([[1.0]], [[1e13]], FLOATS), "weight must be"),
        (lambda: precision.product([[1.0]], [[1.0]], "int8"), "scheme must be a Scheme"),
        (lambda: precision.quantize_block(block, np.ones((2, 9)), FLOATS), "x must be of 8"),
        (lambda: precision.quantize_network(network, FLOATS, np.ones((2, 9)), [1, 2]), "images"),
        (lambda: precision.quantize_network(network, FLOATS, np.ones((2, 64)), [1]), "labels must"),
        (lambda: precision.outlier_block(np.random.default_rng(0), 9, 2), "width must be a mult"),
        (lambda: precision.Block(np.ones(9), 2, block.weights), "gain must be of a multiple of 2"),
        (lambda: precision.Block(np.ones(8), 2, {"query": 1}), "weights must be a mapping of"),
        (
            lambda: precision.Block(np.ones(4), 2, block.weights),
            r"weights\['query'\] must be of shape \(4, 4\)",
        ),
    ]
    for attempt, message in refusals:
        with pytest.raises(ValueError, match=message):
            attempt()
