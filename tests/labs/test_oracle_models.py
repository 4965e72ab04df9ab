"""Known answers of independent authorities on caches, numbers in few bits, drafts and budgets."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from shared_files import SHARED, oracle_cases, tolerance

from labs import caching, distillation, hardware, quantization, slo, workload

HOUR = 3600.0
CHECKS: dict[str, Any] = {}


def topic(*names: str) -> Callable[[Any], Any]:
    def register(check: Any) -> Any:
        for name in names:
            CHECKS[name] = check
        return check

    return register


def tensor(case: Any) -> Any:
    """Decode a tensor; FP8 values come as the numbers they stand for."""
    if "int4" in case["dtype"] or "int2" in case["dtype"]:
        pytest.skip(f"numpy holds no {case['dtype']} tensor")
    if case["dtype"].startswith("float8"):
        name = {"float8_e4m3fn": "float8_e4m3", "float8_e5m2": "float8_e5m2"}.get(case["dtype"])
        if name is None:
            pytest.skip(f"{case['dtype']} is none of our formats")
        given = np.array(case["data"], np.float32).reshape(case["shape"])
        held = quantization.cast(given, name)
        assert np.array_equal(held, given, equal_nan=True)
        return held
    return np.array(case["data"], case["dtype"]).reshape(case["shape"])


@topic("onnx_node_test")
def onnx_node(inputs: Any, expected: Any, near: Any) -> None:
    attributes = inputs["attributes"]
    if attributes.get("block_size"):
        pytest.skip("blocks along an axis are not in our QuantizeLinear")
    arrays = {name: tensor(case) for name, case in inputs["inputs"].items()}
    answers = {name: tensor(case) for name, case in expected["outputs"].items()}
    NODES[inputs["op"]](arrays, answers, attributes, near)


def quantize_node(arrays: Any, answers: Any, attributes: Any, near: Any) -> None:
    scale, wanted = arrays["y_scale"], answers["y"]
    axis = attributes.get("axis", 1) if scale.ndim else None
    if wanted.dtype.kind == "f":
        scaled = arrays["x"] / scale.reshape([-1 if i == axis else 1 for i in range(scale.ndim)])
        name = "float8_e4m3" if np.abs(wanted).max() <= 448 else "float8_e5m2"
        found = quantization.cast(scaled, name)
    else:
        zero = arrays.get("y_zero_point", 0)
        found = quantization.quantize_linear(arrays["x"], scale, zero, wanted.dtype, axis)
    assert found == near(wanted)


def dequantize_node(arrays: Any, answers: Any, attributes: Any, near: Any) -> None:
    values, scale = arrays["x"], arrays["x_scale"]
    axis = attributes.get("axis", 1) if scale.ndim else None
    if values.dtype.kind == "f":
        assert not arrays.get("zero_point", np.zeros(1)).any()
        found = values * scale
    else:
        found = quantization.dequantize_linear(values, scale, arrays.get("x_zero_point", 0), axis)
    assert found == near(answers["y"])


def matmul_node(arrays: Any, answers: Any, attributes: Any, near: Any) -> None:
    zeros = arrays.get("a_zero_point", 0), arrays.get("b_zero_point", 0)
    found = quantization.int_matmul(arrays["A"], arrays["B"], *zeros)
    assert np.array_equal(found, answers["Y"])


def dynamic_node(arrays: Any, answers: Any, attributes: Any, near: Any) -> None:
    values, scale, zero = quantization.dynamic_quantize_linear(arrays["x"])
    wanted, wanted_scale, wanted_zero = answers.values()
    assert np.array_equal(values, wanted)
    assert scale == near(wanted_scale.item())
    assert zero == wanted_zero


NODES = {
    "QuantizeLinear": quantize_node,
    "DequantizeLinear": dequantize_node,
    "MatMulInteger": matmul_node,
    "DynamicQuantizeLinear": dynamic_node,
}


@topic("quantize_linear_rounding")
def rounding(inputs: Any, expected: Any, near: Any) -> None:
    found = quantization.quantize_linear(**inputs)
    assert found.tolist() == expected["q"]


@topic("dynamic_quantize_linear")
def dynamic(inputs: Any, expected: Any, near: Any) -> None:
    values, scale, zero = quantization.dynamic_quantize_linear(inputs["x"])
    assert values.tolist() == expected["y"]
    assert scale == pytest.approx(expected["scale"], rel=1e-6)
    assert zero == expected["zero_point"]


def byte_array(values: Any) -> Any:
    whole = np.array(values)
    return whole.astype(np.int8 if whole.min(initial=0) < 0 else np.uint8)


@topic("matmul_integer")
def product(inputs: Any, expected: Any, near: Any) -> None:
    a, b = byte_array(inputs["a"]), byte_array(inputs["b"])
    found = quantization.int_matmul(a, b, inputs["a_zero"], inputs["b_zero"])
    assert found.tolist() == expected["y"]


@topic("int8_matmul_overflow")
def overflow(inputs: Any, expected: Any, near: Any) -> None:
    a = np.full((1, inputs["K"]), inputs["a_all"], np.int8)
    b = np.full((inputs["K"], 1), inputs["b_all"], np.int8)
    assert quantization.int_matmul(a, b).item() == expected["exact"]
    assert (a @ b).item() == expected["numpy_int8_matmul"]


@topic("int4_groupwise")
def int4(inputs: Any, expected: Any, near: Any) -> None:
    pytest.skip("torchao's symmetric scale is absmax / 7.5, ours absmax / 7")


@topic("kd_gradient")
def soft_gradient(inputs: Any, expected: Any, near: Any) -> None:
    found = distillation.distillation_loss(
        inputs["student"], inputs["teacher"], temperature=inputs["T"]
    )
    assert found.gradient == near(np.array(expected["grad_times_T2"]))
    assert found.loss == near(expected["kl"] * inputs["T"] ** 2)


@topic("kd_loss")
def mixed_loss(inputs: Any, expected: Any, near: Any) -> None:
    found = distillation.distillation_loss(
        inputs["student"], inputs["teacher"], inputs["labels"], inputs["T"], inputs["alpha_soft"]
    )
    assert found.loss == near(expected["loss"])
    assert found.gradient == near(np.array(expected["grad"]))


@topic("speculative_decoding")
def speculation(inputs: Any, expected: Any, near: Any) -> None:
    alpha, gamma = inputs["alpha"], inputs["gamma"]
    assert distillation.expected_tokens(alpha, gamma) == near(expected["expected_tokens"])
    found = distillation.speculative_speedup(alpha, gamma, inputs["c"])
    assert found == near(expected["walltime_speedup"])
    if expected.get("published_speed") is not None:
        assert found == pytest.approx(expected["published_speed"], abs=0.0051)


@topic("speculative_optimal_gamma")
def best_draft(inputs: Any, expected: Any, near: Any) -> None:
    best = distillation.best_draft(inputs["alpha"], inputs["c"])
    assert best == expected["gamma"]
    found = distillation.speculative_speedup(inputs["alpha"], best, inputs["c"])
    assert found == near(expected["speedup"])


@topic("che_lru_zipf")
def che(inputs: Any, expected: Any, near: Any) -> None:
    popularity = np.arange(1, inputs["objects"] + 1) ** -float(inputs["zipf_alpha"])
    estimate = caching.che(popularity, inputs["capacity"])
    assert estimate.hit_ratio == pytest.approx(expected["che_hit_ratio"], rel=1e-7)
    assert estimate.characteristic_time == pytest.approx(expected["characteristic_time"], rel=1e-6)
    assert estimate.hit_ratio == pytest.approx(expected["lru_hit_ratio_sim"], abs=0.001)


@topic("lru_exact_irm")
def exact_lru(inputs: Any, expected: Any, near: Any) -> None:
    assert caching.che(inputs["p"], inputs["capacity"]).hit_ratio == near(expected["che"])
    rng = np.random.default_rng(6)
    trace = rng.choice(len(inputs["p"]), 200_000, p=np.array(inputs["p"]) / sum(inputs["p"]))
    found = caching.hits(trace, inputs["capacity"])[1000:].mean()
    # Hits are all but independent here; five deviations of a fair coin's mean are .0056.
    assert found == pytest.approx(expected["hit_ratio"], abs=0.0056)


@topic("page_replacement_textbook")
def page_faults(inputs: Any, expected: Any, near: Any) -> None:
    for name, faults in expected["faults"].items():
        policy = {"OPT": "belady"}.get(name, name.lower())
        missed = ~caching.hits(inputs["trace"], inputs["capacity"], policy)
        assert missed.sum() == faults, name


@topic("belady_anomaly")
def anomaly(inputs: Any, expected: Any, near: Any) -> None:
    for name, faults in expected.items():
        policy, frames = name.lower().split("_")
        assert (~caching.hits(inputs["trace"], int(frames), policy)).sum() == faults, name


@topic("prefix_cache_mooncake_lru", "prefix_cache_mooncake_infinite")
def conversation(inputs: Any, expected: Any, near: Any) -> None:
    path = SHARED / "traces" / inputs["trace"]
    if not path.exists():
        pytest.skip(f"../shared/traces/{path.name} is not at hand")
    requests = workload.read_mooncake(path).blocks
    assert requests is not None
    total = sum(len(blocks) for blocks in requests)
    facts = expected.get("forward", expected)
    found = int(caching.prefix_hits(requests, inputs.get("capacity_blocks", 10**6)).sum())
    assert found == facts["prefix_hits"]
    assert found / total == near(facts.get("prefix_hit_ratio", facts.get("block_hit_ratio")))


@topic("kv_cache_bytes_per_token")
def kv_bytes(inputs: Any, expected: Any, near: Any) -> None:
    found = caching.kv_bytes_per_token(inputs["model"], inputs["bytes_per_element"])
    assert found == expected["bytes_per_token"]
    assert found * 4096 / 2**30 == pytest.approx(expected["gib_at_4096"])


@topic("gpu_roofline")
def roofline(inputs: Any, expected: Any, near: Any) -> None:
    for name, wanted in expected.items():
        if wanted is not None:
            found = hardware.ridge_point(inputs["gpu"], name.removeprefix("ridge_"))
            assert found == near(wanted), name


@topic("burn_rate")
def burn_rate(inputs: Any, expected: Any, near: Any) -> None:
    seconds = inputs["window_hours"] * HOUR
    rows = slo.alert_windows(inputs["slo_period_days"])
    row = next(row for row in rows if row.long_window == near(seconds))
    assert row.budget_share == near(inputs["budget_fraction"])
    assert row.burn_rate == near(expected["burn_rate"])
    units = {"m": 60, "h": HOUR}
    short = expected["short_window"]
    assert row.short_window == near(float(short[:-1]) * units[short[-1]])
    errors = expected["error_rate_threshold_at_99_9"]
    assert slo.burn_rate(errors, 0.999) == pytest.approx(expected["burn_rate"], rel=1e-9)
    lasts = inputs["slo_period_days"] * 24 / slo.burn_rate(errors, 0.999)
    assert lasts == pytest.approx(expected["hours_to_exhaust"], rel=1e-9)


@topic("time_to_exhaustion")
def exhaustion(inputs: Any, expected: Any, near: Any) -> None:
    # A budget in seconds of failing, spent at the error rate that burns that fast.
    objective = 1 - 2.0**-13
    errors = inputs["burn_rate"] * (1 - objective)
    assert slo.burn_rate(errors, objective) == near(inputs["burn_rate"])
    budget = slo.error_budget(objective, inputs["period_days"])
    assert budget / errors / HOUR == near(expected["hours"])


@topic("error_budget_downtime")
def downtime(inputs: Any, expected: Any, near: Any) -> None:
    assert slo.error_budget(inputs["slo"], inputs["days"]) / 60 == near(expected["minutes"])


CASES = oracle_cases(set(CHECKS))


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_known_answer(case: dict[str, Any]) -> None:
    CHECKS[case["topic"]](case["inputs"], case["expected"], tolerance(case))
