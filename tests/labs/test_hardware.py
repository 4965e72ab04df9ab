"""The catalogue has sources and physics, the roofline its laws, this machine honest intervals."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shared_files import oracle_cases

from labs import caching, hardware
from labs.hardware import DEVICES, MODELS

# What the vendors print with sparsity, in TFLOP/s: the catalogue holds half of it.
SPARSE = {
    ("L4", "bf16"): 242,
    ("L4", "fp8"): 485,
    ("A100-40", "bf16"): 624,
    ("A100-80", "bf16"): 624,
    ("A100-80", "int8"): 1248,
    ("H100", "bf16"): 1979,
    ("H100", "fp8"): 3958,
    ("H200", "bf16"): 1979,
    ("H200", "fp8"): 3958,
    ("B200", "bf16"): 4500,
    ("B200", "fp8"): 9000,
    ("B200", "fp4"): 18_000,
}
devices = st.sampled_from(sorted(DEVICES))
models = st.sampled_from(sorted(MODELS))


def pairs() -> list[tuple[str, str]]:
    return [(name, dtype) for name, device in DEVICES.items() for dtype in device.flops]


# The catalogue


def test_the_devices_and_models_the_course_needs_are_there() -> None:
    assert {"T4", "L4", "A100-40", "A100-80", "H100", "H200", "B200", "v5e"} <= set(DEVICES)
    assert {"Llama-2-7B", "Llama-2-13B", "Llama-2-70B", "OPT-13B"} <= set(MODELS)


@pytest.mark.parametrize("name", [*DEVICES, *MODELS])
def test_every_entry_says_where_its_figures_were_read(name: str) -> None:
    entry: Any = DEVICES.get(name) or MODELS[name]
    assert entry.name == name
    assert len(entry.source) > 20
    assert name in MODELS or "price" in entry.source


@pytest.mark.parametrize("name", DEVICES)
def test_devices_are_within_what_physics_and_markets_allow(name: str) -> None:
    device = DEVICES[name]
    assert 1e11 < device.bandwidth < 1e13
    assert 1.5e10 < device.memory < 3e11
    assert 0.1 < device.price < 20
    # Emptying the memory once takes milliseconds to a tenth of a second on all of them.
    assert 0.01 < device.memory / device.bandwidth < 0.1
    by_bytes = sorted(device.flops, key=lambda dtype: -hardware.BYTES[dtype])
    rates = [device.flops[dtype] for dtype in by_bytes]
    assert rates == sorted(rates), "narrower types are never slower"
    assert all(1e12 < rate < 2e16 for rate in rates)
    assert device.flops.get("fp16", 0) == device.flops.get("bf16", device.flops.get("fp16", 0)) or (
        name in ("T4", "v5e")
    )


@pytest.mark.parametrize(("name", "dtype"), SPARSE)
def test_peaks_are_dense_half_of_what_is_printed_sparse(name: str, dtype: str) -> None:
    assert DEVICES[name].flops[dtype] == pytest.approx(SPARSE[name, dtype] * 1e12 / 2, rel=1e-3)


def test_half_the_bytes_compute_twice_as_fast() -> None:
    for device in DEVICES.values():
        half = device.flops.get("bf16", device.flops.get("fp16", 0))
        assert device.flops["int8"] == pytest.approx(2 * half, rel=0.01)


@pytest.mark.parametrize("name", MODELS)
def test_models_weigh_what_their_names_say(name: str) -> None:
    model = MODELS[name]
    printed = 46.7 if "x" in name else float(name.rpartition("-")[2].removesuffix("B"))
    assert model.parameters == pytest.approx(printed * 1e9, rel=0.1)
    assert 20 < model.layers < 200
    assert model.head_dim in (64, 128)
    assert model.kv_heads <= 64


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("Llama-2-7B", 524_288),  # 2 · 32 · 32 · 128 · 2
        ("Llama-2-13B", 819_200),  # 2 · 40 · 40 · 128 · 2
        ("OPT-13B", 819_200),
        ("Llama-2-70B", 327_680),  # 2 · 80 · 8 · 128 · 2
        ("Llama-3.1-8B", 131_072),
        ("Mistral-7B", 131_072),
        ("Qwen2.5-7B", 57_344),  # 2 · 28 · 4 · 128 · 2
    ],
)
def test_kv_bytes_of_a_token(name: str, size: int) -> None:
    assert caching.kv_bytes_per_token(name) == size
    assert caching.kv_bytes_per_token(name, 1) == size / 2


# The roofline


@pytest.mark.parametrize(
    ("name", "ridge"), [("v5e", 240), ("A100-80", 153), ("H100", 295), ("H200", 206)]
)
def test_published_ridge_points(name: str, ridge: float) -> None:
    assert hardware.ridge_point(name, "bf16") == pytest.approx(ridge, abs=0.6)
    assert hardware.ridge_point(DEVICES[name], "bf16") == hardware.ridge_point(name, "bf16")


ROOFLINES = oracle_cases({"gpu_roofline"})


@pytest.mark.parametrize("case", ROOFLINES, ids=[case["id"] for case in ROOFLINES])
def test_known_rooflines(case: dict[str, Any]) -> None:
    near = case["tolerance"]["rel"]
    name = case["inputs"]["gpu"]
    for key, ridge in case["expected"].items():
        if ridge is not None:
            dtype = key.removeprefix("ridge_")
            assert hardware.ridge_point(name, dtype) == pytest.approx(ridge, rel=near)
    assert DEVICES[name].memory == case["inputs"]["memory_gb"] * 1e9


@pytest.mark.parametrize(("name", "dtype"), pairs())
def test_the_roofline_is_the_lower_of_two_bounds_and_never_falls(name: str, dtype: str) -> None:
    device = DEVICES[name]
    intensity = np.geomspace(0.01, 1e5, 200)
    found = np.asarray(hardware.attainable(intensity, name, dtype))
    assert (np.diff(found) >= 0).all()
    assert found == pytest.approx(np.minimum(device.flops[dtype], intensity * device.bandwidth))
    ridge = hardware.ridge_point(name, dtype)
    assert hardware.attainable(ridge, name, dtype) == pytest.approx(device.flops[dtype])
    assert hardware.attainable(ridge / 2, name, dtype) == pytest.approx(device.flops[dtype] / 2)
    assert hardware.attainable(0, name, dtype) == 0


def test_reading_140_gb_takes_42_milliseconds_and_does_not_fit_one_h100() -> None:
    seventy = hardware.Model("70B", 80, 8, 128, 70e9, "140 GB in bf16, by arithmetic")
    h100 = DEVICES["H100"]
    assert 140e9 / h100.bandwidth == pytest.approx(41.8e-3, abs=5e-5)
    vast = replace(h100, memory=1e12)
    assert hardware.decode_step(seventy, vast, 1, 0, "bf16") == pytest.approx(41.8e-3, abs=5e-5)
    for call in (hardware.decode_step, hardware.prefill_time):
        with pytest.raises(ValueError, match=r"devices must be enough.*GB needed, 80\.0 GB"):
            call("Llama-2-70B", "H100", *((1,) if call is hardware.decode_step else ()), 1, "bf16")
    assert hardware.largest_batch("Llama-2-70B", "H100", 1000, "bf16") == 0
    two = hardware.decode_step("Llama-2-70B", "H100", 1, 0, "bf16", devices=2)
    assert two == pytest.approx(68_976_648_192 * 2 / 3.35e12 / 2)


@pytest.mark.parametrize(("batch", "milliseconds"), [(1, 4.98), (16, 20.30), (240, 249.09)])
def test_step_times_of_the_scaling_book(batch: int, milliseconds: float) -> None:
    # Llama-2-13B in bf16 at a context of 8,192 on eight v5e, had they the memory.
    vast = replace(DEVICES["v5e"], memory=1e15)
    found = hardware.decode_step("Llama-2-13B", vast, batch, 8192, "bf16", devices=8)
    assert found * 1e3 == pytest.approx(milliseconds, rel=0.01)


def test_the_scaling_books_batch_of_16_does_not_fit_its_eight_devices() -> None:
    assert hardware.largest_batch("Llama-2-13B", "v5e", 8192, "bf16", devices=8) == 15
    with pytest.raises(ValueError, match="devices must be enough"):
        hardware.decode_step("Llama-2-13B", "v5e", 16, 8192, "bf16", devices=8)


@given(models, devices, st.integers(1, 200_000), st.integers(1, 16), st.data())
def test_the_largest_batch_fits_and_one_more_does_not(
    model: str, device: str, context: int, count: int, data: Any
) -> None:
    dtype = data.draw(st.sampled_from(sorted(DEVICES[device].flops)))
    most = hardware.largest_batch(model, device, context, dtype, count)
    if most:
        assert hardware.decode_step(model, device, most, context, dtype, count) > 0
    with pytest.raises(ValueError, match="devices must be enough"):
        hardware.decode_step(model, device, most + 1, context, dtype, count)
    assert hardware.largest_batch(model, device, context, dtype, count + 1) >= most
    assert hardware.largest_batch(model, device, 2 * context, dtype, count) <= most / 2


@given(st.integers(1, 600), st.integers(0, 900))
def test_a_step_costs_the_cache_and_the_larger_of_weights_and_arithmetic(
    batch: int, context: int
) -> None:
    model, device = MODELS["Llama-3.1-8B"], DEVICES["H200"]
    cache = batch * context * 2 * 32 * 8 * 128 * 2 / 4.8e12
    weights = 2 * 8_030_261_248 / 4.8e12
    arithmetic = 2 * batch * 8_030_261_248 / 989e12
    step = hardware.decode_step(model, device, batch, context, "bf16")
    assert step == pytest.approx(cache + max(weights, arithmetic), rel=1e-12)
    more = hardware.decode_step(model, device, batch + 1, context, "bf16")
    assert more >= step
    assert more / (batch + 1) <= step / batch * (1 + 1e-12)
    assert (arithmetic > weights) == (batch > hardware.ridge_point(device, "bf16"))
    half = hardware.decode_step(model, device, batch, context, "bf16", devices=2)
    assert half == pytest.approx(step / 2)


def test_prefill_waits_for_memory_below_the_ridge_and_for_arithmetic_above() -> None:
    ridge = hardware.ridge_point("H100", "bf16")
    alone = hardware.decode_step("Llama-2-7B", "H100", 1, 0, "bf16")
    assert hardware.prefill_time("Llama-2-7B", "H100", 0.9 * ridge, "bf16") == alone
    long = hardware.prefill_time("Llama-2-7B", "H100", 10 * ridge, "bf16")
    assert long == pytest.approx(10 * alone)
    fp8 = hardware.prefill_time("Llama-2-7B", "H100", 10 * ridge, "fp8")
    assert fp8 == pytest.approx(long / 2, rel=1e-3)


def test_a_prompt_whose_cache_does_not_fit_beside_the_weights_is_refused() -> None:
    room = hardware.largest_batch("Llama-2-7B", "A100-80", 1, "bf16")
    assert hardware.prefill_time("Llama-2-7B", "A100-80", room, "bf16") > 0
    with pytest.raises(ValueError, match="devices must be enough"):
        hardware.prefill_time("Llama-2-7B", "A100-80", room + 1, "bf16")


def test_a_type_takes_the_bits_in_its_name() -> None:
    for dtype, size in hardware.BYTES.items():
        assert 8 * size == float(dtype.strip("bfpint")), dtype


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda: hardware.measure(0), "seconds"),
        (lambda: hardware.measure(1e9), "seconds"),
        (lambda: hardware.measure("long"), "seconds"),
        (lambda: hardware.ridge_point("H1000", "bf16"), "device"),
        (lambda: hardware.ridge_point("H100", "fp4"), "dtype"),
        (lambda: hardware.ridge_point("T4", "bf16"), "dtype"),
        (lambda: hardware.ridge_point("H100", "int3"), "dtype"),
        (lambda: hardware.attainable(-1, "H100", "bf16"), "intensity"),
        (lambda: hardware.decode_step("GPT-9", "H100", 1, 1, "bf16"), "model"),
        (lambda: hardware.decode_step("OPT-13B", "H100", 0, 1, "bf16"), "batch"),
        (lambda: hardware.decode_step("OPT-13B", "H100", 1, -1, "bf16"), "context"),
        (lambda: hardware.decode_step("OPT-13B", "H100", 1, 1, "bf16", 0), "devices"),
        (lambda: hardware.prefill_time("OPT-13B", "H100", 0, "bf16"), "tokens"),
        (lambda: hardware.largest_batch("OPT-13B", "H100", 0, "bf16"), "context"),
        (lambda: hardware.Device("mine", {"bf16": 0}, 1, 1, 1, "x"), "flops"),
        (lambda: hardware.Device("mine", [], 1, 1, 1, "x"), "flops"),
        (lambda: hardware.Device("mine", {}, 0, 1, 1, "x"), "bandwidth"),
        (lambda: hardware.Device("mine", {}, 1, 1, -1, "x"), "price"),
        (lambda: hardware.Device(3, {}, 1, 1, 1, "x"), "name"),
        (lambda: hardware.Model("mine", 0, 1, 1, 1, "x"), "layers"),
        (lambda: hardware.Device("mine", {"bf16": 1e31}, 1, 1, 1, "x"), "flops"),
        (lambda: hardware.Device("mine", {}, 1e31, 1, 1, "x"), "bandwidth"),
        (lambda: hardware.Device("mine", {}, 1, 0, 1, "x"), "memory"),
        (lambda: hardware.Device("mine", {}, 1, 1, 1e31, "x"), "price"),
        (lambda: hardware.Device("mine", {}, 1, 1, 1, None), "source"),
        (lambda: hardware.Model("mine", 1, 10**7, 1, 1, "x"), "kv_heads"),
        (lambda: hardware.Model("mine", 1, 1, 0.5, 1, "x"), "head_dim"),
        (lambda: hardware.Model("mine", 1, 1, 1, 0, "x"), "parameters"),
        (lambda: hardware.Model("mine", 1, 1, 1, 1e31, "x"), "parameters"),
        (lambda: hardware.Model("mine", 1, 1, 1, 1, None), "source"),
    ],
)
def test_bad_input_is_named(call: Any, argument: str) -> None:
    with pytest.raises(ValueError, match=rf"^{argument}\b.* must be"):
        call()
