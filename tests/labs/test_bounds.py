"""The roofline has its laws, and nothing believable that was measured lies below a bound."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from published_points import Point, published
from shared_files import oracle_cases

from labs import hardware
from labs.hardware import DEVICES, MODELS

devices = st.sampled_from(sorted(DEVICES))
models = st.sampled_from(sorted(MODELS))


def pairs() -> list[tuple[str, str]]:
    return [(name, dtype) for name, device in DEVICES.items() for dtype in device.flops]


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


# Steps and prefills


@given(st.integers(1, 600), st.integers(0, 900))
def test_a_step_is_the_larger_of_what_is_read_and_what_is_computed(
    batch: int, context: int
) -> None:
    model, device = MODELS["Llama-3.1-8B"], DEVICES["H200"]
    weights = 8_030_261_248 - 128_256 * 4096  # the first embedding is looked up
    cache = batch * context * 2 * 32 * 8 * 128 * 2
    operations = batch * (2 * weights + 4 * 32 * 32 * 128 * context)
    step = hardware.decode_step(model, device, batch, context, "bf16")
    assert step == pytest.approx(max((2 * weights + cache) / 4.8e12, operations / 989e12))
    more = hardware.decode_step(model, device, batch + 1, context, "bf16")
    assert more >= step
    assert more / (batch + 1) <= step / batch * (1 + 1e-12)
    assert hardware.decode_step(model, device, batch, context, "bf16", 2) == pytest.approx(step / 2)


def test_prefill_waits_for_memory_below_the_ridge_and_for_arithmetic_above() -> None:
    ridge = hardware.ridge_point("H100", "bf16")
    alone = hardware.decode_step("Llama-2-7B", "H100", 1, 0, "bf16")
    assert hardware.prefill_time("Llama-2-7B", "H100", 0.9 * ridge, "bf16") == alone
    long = hardware.prefill_time("Llama-2-7B", "H100", 10 * ridge, "bf16")
    assert long == pytest.approx(10 * alone, rel=0.03)
    assert long < 10 * alone, "the last layer works for the last token alone"
    fp8 = hardware.prefill_time("Llama-2-7B", "H100", 10 * ridge, "fp8")
    assert fp8 == pytest.approx(long / 2, rel=1e-3)


def test_a_known_prompt_adds_its_attention() -> None:
    parts = hardware.prefill_time("Llama-3.1-8B", "H100", 10_000, "bf16")
    one = hardware.prefill_time("Llama-3.1-8B", "H100", 10_000, "bf16", prompt=10_000)
    extra = float(MODELS["Llama-3.1-8B"].prompt_operations(10_000)) / 989e12
    assert one - parts == pytest.approx(extra)
    # A sixth at ten thousand tokens.
    assert 0.14 < (one - parts) / one < 0.19
    ten = hardware.prefill_time("Llama-3.1-8B", "H100", 10_000, "bf16", prompt=1000)
    assert parts < ten < one


def test_a_mixture_reads_what_one_token_uses() -> None:
    # gpt-fast's Mixtral decodes faster than all its weights could be read.
    step = hardware.decode_step("Mixtral-8x7B", "A100-80", 1, 0, "int8")
    assert step == pytest.approx((12.879925248e9 - 32_000 * 4096) / 2.039e12)
    assert step < 10.2e-3


def test_narrow_weights_move_the_bound_and_not_the_peak() -> None:
    wide = hardware.decode_step("Llama-3.1-70B", "H100", 1, 0, "bf16", 4)
    narrow = hardware.decode_step("Llama-3.1-70B", "H100", 1, 0, "w4a16", 4)
    assert narrow == pytest.approx(wide * 4.25 / 16)
    args = ("Llama-3.1-70B", "H100", 50_000)
    assert hardware.prefill_time(*args, "w4a16", 4) == hardware.prefill_time(*args, "bf16", 4)


def test_reading_140_gb_takes_42_milliseconds_and_does_not_fit_one_h100() -> None:
    seventy = hardware.Model("70B", 80, 8, 128, 70e9, "140 GB in bf16, by arithmetic")
    vast = replace(DEVICES["H100"], memory=1e12)
    assert hardware.decode_step(seventy, vast, 1, 0, "bf16") == pytest.approx(41.8e-3, abs=5e-5)
    for call in (hardware.decode_step, hardware.prefill_time):
        with pytest.raises(ValueError, match=r"devices must be enough.*GB needed, 85\.5 GB"):
            call("Llama-2-70B", "H100", *((1,) if call is hardware.decode_step else ()), 1, "bf16")
    assert hardware.largest_batch("Llama-2-70B", "H100", 1000, "bf16") == 0


@pytest.mark.parametrize(("batch", "milliseconds"), [(1, 4.98), (16, 20.30)])
def test_step_times_of_the_scaling_book(batch: int, milliseconds: float) -> None:
    # Llama-2-13B in bf16 at a context of 8,192 on eight v5e, had they the memory.
    vast = replace(DEVICES["v5e"], memory=1e15)
    found = hardware.decode_step("Llama-2-13B", vast, batch, 8192, "bf16", devices=8)
    assert found * 1e3 == pytest.approx(milliseconds, rel=0.015)


# What fits


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


def test_a_prompt_whose_cache_does_not_fit_beside_the_weights_is_refused() -> None:
    room = hardware.largest_batch("Llama-2-7B", "A100-80", 1, "bf16")
    assert hardware.prefill_time("Llama-2-7B", "A100-80", room, "bf16") > 0
    with pytest.raises(ValueError, match="devices must be enough"):
        hardware.prefill_time("Llama-2-7B", "A100-80", room + 1, "bf16")


# Measured


def bound(point: Point) -> float:
    """The sum of the bounds of a point's steps."""
    placed = (point.model, point.device)
    how = (point.dtype, point.devices)
    total = 0.0
    for step in point.steps:
        if step.batch:
            total += step.times * hardware.decode_step(*placed, int(step.batch), step.context, *how)
        if step.prefill:
            least = hardware.prefill_time(*placed, step.prefill, *how, prompt=step.prompt)
            total += step.times * least
    return total


def test_nothing_believable_that_was_measured_lies_below_a_bound() -> None:
    seen = [point for point in published() if point.metric != "tpot_closed"]
    assert len(seen) > 700
    below = {point.identity: bound(point) / point.seconds for point in seen}
    assert max(below.values()) < 1, max(below.items(), key=lambda item: item[1])
    # They are bounds and no more: half of what was measured took twice as long and longer.
    assert 0.3 < float(np.median(list(below.values()))) < 0.6


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda: hardware.ridge_point("H1000", "bf16"), "device"),
        (lambda: hardware.ridge_point("H100", "fp4"), "dtype"),
        (lambda: hardware.ridge_point("T4", "bf16"), "dtype"),
        (lambda: hardware.ridge_point("H100", "int3"), "dtype"),
        (lambda: hardware.attainable(-1, "H100", "bf16"), "intensity"),
        (lambda: hardware.decode_step("GPT-9", "H100", 1, 1, "bf16"), "model"),
        (lambda: hardware.decode_step("OPT-13B", "H100", 0, 1, "bf16"), "batch"),
        (lambda: hardware.decode_step("OPT-13B", "H100", 1, -1, "bf16"), "context"),
        (lambda: hardware.decode_step("OPT-13B", "H100", 1, 1, "bf16", 0), "devices"),
        (lambda: hardware.decode_step("OPT-13B", "A100-80", 1, 1, "fp8"), "dtype"),
        (lambda: hardware.prefill_time("OPT-13B", "H100", 0, "bf16"), "tokens"),
        (lambda: hardware.prefill_time("OPT-13B", "H100", 9, "bf16", prompt=0), "prompt"),
        (lambda: hardware.largest_batch("OPT-13B", "H100", 0, "bf16"), "context"),
        (lambda: hardware.measure(0), "seconds"),
        (lambda: hardware.measure(1e9), "seconds"),
        (lambda: hardware.measure("long"), "seconds"),  # type: ignore[arg-type]
    ],
)
def test_bad_input_is_named(call: Any, argument: str) -> None:
    with pytest.raises(ValueError, match=rf"^{argument}\b.* must be"):
        call()
