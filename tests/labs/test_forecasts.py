"""Forecasts have their laws, add up, never lie below a bound, and come as near as they say."""

import json
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from published_points import Point, Table, published

from labs import forecasts, profiles
from labs.devices import DEVICES
from labs.forecasts import Forecast, forecast, kv_room, step_time
from labs.models import MODELS
from labs.profiles import PROFILES, Profile, profile
from labs.step import pairs_before

models = st.sampled_from(["Llama-3.1-8B", "Mixtral-8x7B", "gemma-3-4b", "DeepSeek-V2-Lite"])
found = st.sampled_from(PROFILES)


def judged(point: Point, chosen: Profile) -> Forecast:
    """A published point as it is forecast: the sum of its steps."""
    placed: dict[str, Any] = {"devices": point.devices, "profile": chosen}
    total = Forecast(0.0, 0.0, 0.0)
    for step in point.steps:
        asked = (point.model, point.device, step.batch, step.context, point.dtype)
        one = forecast(*asked, prefill=step.prefill, prompt=step.prompt, **placed)
        total = total + step.times * one
    return total


# The law


@given(models, found, st.integers(0, 300), st.integers(0, 4000), st.integers(0, 4000))
def test_a_forecast_lies_between_its_ends_and_above_the_bound(
    model: str, chosen: Profile, batch: int, context: int, prefill: int
) -> None:
    step = forecast(model, "H100", batch, context, "bf16", 2, prefill=prefill, profile=chosen)
    work = forecasts.work_of(model, "H100", "bf16", 2, batch, context, prefill)
    assert 0 < step.low <= step.mid <= step.high
    assert float(forecasts._bound(work)) <= step.low * (1 + 1e-9)


@given(models, found, st.integers(0, 300), st.integers(0, 4000), st.integers(0, 4000))
def test_more_of_anything_takes_longer(
    model: str, chosen: Profile, batch: int, context: int, prefill: int
) -> None:
    def at(batch: int, context: int, prefill: int) -> float:
        asked = (model, "H100", batch, context, "bf16", 2)
        return float(forecast(*asked, prefill=prefill, prompt=500, profile=chosen).mid)

    here = at(batch, context, prefill)
    assert at(batch + 1, context, prefill) >= here
    assert at(batch, context, prefill + 1) >= here
    # A window once full, and an operation hidden behind a read, cost nothing.
    assert at(batch, 2 * context + 1, prefill) >= here * (1 - 1e-9)


def test_it_broadcasts_over_batch_context_prefill_and_prompt() -> None:
    step = forecast(
        "Llama-3.1-8B",
        "H100",
        np.array([1, 8, 64]),
        np.array([[100.5], [1000.0]]),
        "bf16",
        prefill=np.array([0.0, 0.25, 512.0]),
        prompt=np.array([1.0, 2048.0, 512.0]),
    )
    assert np.shape(step.mid) == (2, 3)
    one = forecast("Llama-3.1-8B", "H100", 8, 1000.0, "bf16", prefill=0.25, prompt=2048)
    assert isinstance(one.mid, float)
    assert step.mid[1, 1] == pytest.approx(one.mid)


@given(models, found, st.integers(1, 200), st.integers(1, 3000), st.integers(0, 3000))
def test_the_costs_for_an_engine_are_the_forecast(
    model: str, chosen: Profile, batch: int, context: int, prefill: int
) -> None:
    costs = step_time(model, "H100", "bf16", 4, chosen, context=context)
    whole = forecast(model, "H100", batch, context, "bf16", 4, profile=chosen)
    assert costs.seconds(decoding=batch, kv=batch * context) == pytest.approx(whole.mid)
    if prefill > 1 and model in ("Llama-3.1-8B", "Mixtral-8x7B"):  # no windows
        read = forecast(model, "H100", 0, context, "bf16", 4, prefill=prefill, profile=chosen)
        found = costs.seconds(prefill=prefill, pairs=pairs_before(prefill))
        assert found == pytest.approx(read.mid)


def test_what_the_weights_of_a_mixture_cost_depends_on_the_batch() -> None:
    chosen = profile("H100", "vllm 0.12.0")
    costs = step_time("Qwen3-30B-A3B-2507", "H100", "bf16", profile=chosen)
    assert costs.share == 8 / 128
    one, many = (float(costs.seconds(decoding=n)) for n in (1, 64))
    assert many > 3 * one


def test_several_cards_cost_their_all_reduces() -> None:
    chosen = profile("H100", "vllm 0.12.0")
    steps = [
        forecast("Llama-3.1-8B", "H100", 1, 1000, "bf16", n, profile=chosen).mid
        for n in (1, 2, 4, 8)
    ]
    gains = [first / later for first, later in pairwise(steps)]
    assert all(gain < 2 for gain in gains)
    assert gains[0] > gains[1] > gains[2], "each doubling brings less"


def test_weights_that_do_not_fit_are_refused_and_nothing_else_is() -> None:
    with pytest.raises(ValueError, match=r"^devices must be enough to hold the weights, got '141"):
        forecast("Llama-3.1-70B", "H100", 1, 100, "bf16")
    assert forecast("Llama-3.1-8B", "H100", 10_000, 100_000, "bf16").mid > 0
    with pytest.raises(ValueError, match=r"^devices must be enough"):
        step_time("Llama-3.1-70B", "H100", "bf16")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"model": "GPT-9"}, "model"),
        ({"device": "H1000"}, "device"),
        ({"batch": -1}, "batch"),
        ({"context": float("nan")}, "context"),
        ({"dtype": "fp4"}, "dtype"),
        ({"dtype": "int3"}, "dtype"),
        ({"devices": 0}, "devices"),
        ({"prefill": -1}, "prefill"),
        ({"prompt": 0}, "prompt"),
        ({"profile": "vllm"}, "profile"),
    ],
)
def test_bad_input_is_named(changes: dict[str, Any], named: str) -> None:
    good: dict[str, Any] = {
        "model": "Llama-3.1-8B",
        "device": "H100",
        "batch": 1,
        "context": 100,
        "dtype": "bf16",
        "prefill": 5,
    }
    with pytest.raises(ValueError, match=rf"^{named}\b.* must be"):
        forecast(**good | changes)


# Forecasts as numbers


def test_forecasts_add_and_multiply_end_by_end() -> None:
    one = Forecast(1.0, 2.0, 4.0)
    assert one + one == 2 * one == one * 2 == Forecast(2.0, 4.0, 8.0)
    assert sum([one, one]) == 2 * one
    assert one / 2 == Forecast(0.5, 1.0, 2.0)
    assert one + 1 == Forecast(2.0, 3.0, 5.0)
    assert one != 3
    spread = np.array([1.0, 2.0]) * one
    assert spread.high.tolist() == [4.0, 8.0]


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: Forecast(2.0, 1.0, 3.0), "low, mid and high must be in this order"),
        (lambda: Forecast("1", 1.0, 3.0), "low must be"),
        (lambda: -1 * Forecast(1.0, 2.0, 3.0), "factor must be"),
        (lambda: Forecast(1.0, 2.0, 3.0) / 0, "divisor must be"),
    ],
)
def test_what_is_no_forecast_is_named(call: Any, named: str) -> None:
    with pytest.raises(ValueError, match=f"^{named}"):
        call()


# Profiles


@pytest.mark.parametrize(
    ("device", "engine", "name"),
    [
        ("H100", "vllm 0.12.0", "vllm 0.12.0 on H100"),
        ("H100", "vllm 0.12", "vllm 0.12.0 on H100"),
        ("H100", "vllm 0.19", "vllm 0.12.0 on H100"),
        ("H100", "vllm 0.3", "vllm on H100"),
        ("H100", "vllm 2023", "vllm 2023 on H100"),
        ("H100", "vllm 2025", "vllm 2025-10 on H100"),
        ("H100", "vllm 2027", "vllm 2025-10 on H100"),
        ("H100", "tensorrt-llm 1.0", "tensorrt-llm 1.0.0rc3 on H100"),
        ("H100", "tensorrt-llm 1.0.0rc2", "tensorrt-llm 0.9 on H100"),
        ("H100", "sglang 0.5.6", "sglang 0.5.1.post1 on H100"),
        ("H100", "sglang 0.5.1", "sglang 0.5.1.post1 on H100"),
        ("H100", "vllm", "vllm on H100"),
        ("A100-80", "gpt-fast", "gpt-fast on A100-80"),
        ("H100", "llama.cpp", "any engine on H100"),
        ("H100", None, "any engine on H100"),
        ("MI300X", "vllm 0.12", "any engine on any device"),
        ("MI300X", None, "any engine on any device"),
    ],
)
def test_the_best_profile_there_is_is_found(device: str, engine: str | None, name: str) -> None:
    assert profile(device, engine).name == name


@pytest.mark.parametrize(
    ("device", "engine", "named"),
    [("H1000", None, "device"), ("H100", "ollama 1", "engine"), ("H100", 5, "engine")],
)
def test_an_unknown_engine_or_device_is_refused(device: str, engine: Any, named: str) -> None:
    with pytest.raises(ValueError, match=f"^{named} must be"):
        profile(device, engine)


@pytest.mark.parametrize("chosen", PROFILES, ids=[found.name for found in PROFILES])
def test_a_profile_says_what_it_stands_on(chosen: Profile) -> None:
    assert chosen.points >= 3
    assert chosen.sources
    assert 0.4 < chosen.low < 1 < chosen.high < 2.2
    assert 0 < chosen.errors["held out"] < 0.4
    assert chosen.measured.startswith("202")
    if chosen.engine is None and chosen.device is None:
        assert chosen.errors["device left out"] > chosen.errors["held out"]
    if chosen.engine is None:
        assert chosen.errors["source left out"] > chosen.errors["held out"]
    for share in ("bandwidth", "compute", "cache", "attention", "link"):
        assert 0 < getattr(chosen.law, share) <= 1


def test_one_own_measurement_rescales_and_six_refit() -> None:
    chosen = profile("H100", "vllm")
    truth = profile("H100", "vllm 2023")
    asked: list[dict[str, Any]] = [
        {"batch": batch, "context": context} for batch in (1, 8, 64) for context in (200, 2000)
    ]
    placed = ("Llama-2-70B", "H100")
    own = [
        float(forecast(*placed, **one, dtype="bf16", devices=4, profile=truth).mid) for one in asked
    ]

    def miss(own_profile: Profile) -> float:
        ratios = [
            forecast(
                *placed, batch, 900, "bf16", 4, prefill=prefill, prompt=900, profile=own_profile
            ).mid
            / forecast(
                *placed, batch, 900, "bf16", 4, prefill=prefill, prompt=900, profile=truth
            ).mid
            for batch, prefill in ((4, 0), (32, 0), (100, 0), (32, 128))
        ]
        return float(np.median(np.abs(np.array(ratios) - 1)))

    first = forecast(*placed, **asked[2], dtype="bf16", devices=4, profile=chosen)
    scaled = chosen.rescaled([own[2]], first)
    again = forecast(*placed, **asked[2], dtype="bf16", devices=4, profile=scaled)
    assert again.mid == pytest.approx(own[2])
    points = [
        {
            "model": "Llama-2-70B",
            "device": "H100",
            "dtype": "bf16",
            "devices": 4,
            "seconds": seconds,
            **one,
        }
        for seconds, one in zip(own, asked, strict=True)
    ]
    refitted = chosen.refit(points)
    assert (scaled.own, refitted.own) == (1, 6)
    assert miss(refitted) < miss(chosen) / 3
    assert miss(scaled) < miss(chosen)
    assert refitted.high / refitted.low < chosen.high / chosen.low


def test_a_factor_multiplies_every_step_and_stays_under_a_refit() -> None:
    chosen = profile("H100").rescaled([0.04], [0.02])
    plain = forecast("Llama-3.1-8B", "H100", 8, 500, "bf16").mid
    assert forecast("Llama-3.1-8B", "H100", 8, 500, "bf16", profile=chosen).mid == 2 * plain
    point = {"model": "Llama-3.1-8B", "device": "H100", "dtype": "bf16", "batch": 8, "context": 500}
    again = chosen.refit([{**point, "seconds": 2 * plain}])
    assert again.factor == 2
    mid = forecast("Llama-3.1-8B", "H100", 8, 500, "bf16", profile=again).mid
    assert mid == pytest.approx(2 * plain, rel=1e-3)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda p: p.rescaled([], []), "forecast must be"),
        (lambda p: p.rescaled([1.0], [1.0, 2.0]), "forecast must be"),
        (lambda p: p.rescaled([-1.0], [1.0]), "measured must be"),
        (lambda p: p.refit([]), "points must be one or more"),
        (lambda p: p.refit([3]), r"points\[0\] must be a mapping"),
        (
            lambda p: p.refit([{"model": "Llama-3.1-8B"}]),
            r"points\[0\] must be given device, dtype, seconds",
        ),
        (
            lambda p: p.refit(
                [{"model": "Llama-3.1-8B", "device": "H100", "dtype": "bf16", "seconds": 0}]
            ),
            r"points\[0\]\['seconds'\] must be",
        ),
    ],
)
def test_bad_own_measurements_are_named(call: Any, named: str) -> None:
    with pytest.raises(ValueError, match=f"^{named}"):
        call(profile("H100"))


# Room for the cache


def test_room_falls_with_weights_and_rises_with_memory() -> None:
    args = ("Llama-3.1-8B", "H100")
    assert kv_room(*args, "fp8") > 2 * kv_room(*args, "bf16") > 0
    assert kv_room(*args, "bf16", 2) > 2 * kv_room(*args, "bf16")
    assert kv_room(*args, "bf16", utilization=0.5) < kv_room(*args, "bf16")
    assert kv_room("Llama-3.1-70B", "H100", "bf16") == 0
    assert kv_room(*args, "bf16") % 16 == 0


def test_cards_beyond_the_kv_heads_hold_the_same_cache_again() -> None:
    # Latent attention keeps one latent: two cards hold it twice.
    vast = replace(DEVICES["H200"], memory=1e13, usable=None)
    one, two = (kv_room("DeepSeek-V2-Lite", vast, "bf16", n) for n in (1, 2))
    assert two == pytest.approx(one, rel=0.01)


@pytest.mark.parametrize(
    ("model", "device", "devices", "tokens", "near"),
    [
        # vLLM's own counts: inference-sim's test data (Apache-2.0); LLMServingSim's run (MIT)
        ("Qwen2.5-7B", "H100", 1, 1_045_632, 0.03),
        ("Llama-2-7B", "H100", 1, 119_408, 0.03),
        ("Llama-3.1-70B", "H100", 4, 486_800, 0.03),
        ("Mistral-Nemo-2407", "H100", 1, 308_016, 0.03),
        ("Llama-3.1-8B", "RTX-4090", 1, 41_408, 0.06),
    ],
)
def test_room_is_what_engines_found(
    model: str, device: str, devices: int, tokens: int, near: float
) -> None:
    assert kv_room(model, device, "bf16", devices) == pytest.approx(tokens, rel=near)


# Measured


def test_forecasts_come_as_near_to_what_was_published_as_profiles_say() -> None:
    points = published()
    for asked, most in ((None, 0.13), ("engine", 0.075)):
        chosen = [profile(p.device, p.engine if asked else None) for p in points]
        found = [judged(point, one) for point, one in zip(points, chosen, strict=True)]
        seconds = np.array([point.seconds for point in points])
        errors = np.abs(np.array([one.mid for one in found]) / seconds - 1)
        inside = [one.low <= s <= one.high for one, s in zip(found, seconds, strict=True)]
        # The fit has seen these points: what it had not seen is told by `errors`, checked below.
        assert np.median(errors) < most
        assert 0.85 < np.mean(inside) < 0.98


def test_the_errors_that_profiles_ship_are_those_of_points_left_out() -> None:
    points = published()
    sys.path.insert(0, str(Path(__file__).parent))
    import fit_profiles

    shipped = {found.name: found for found in PROFILES}
    kinds = {"device": 0.13, "version": 0.075}
    rng = np.random.default_rng(7)
    table = Table(points)
    fold = rng.integers(2, size=len(points))
    for kind, most in kinds.items():
        ratios = fit_profiles.unseen(kind, table, fold)
        misses = np.abs(1 / ratios - 1)
        assert np.median(misses) < most
        for device in ("A100-40", "H100"):
            mine = np.array([p.device == device for p in points])
            if kind == "device":
                told = shipped[f"any engine on {device}"].errors["held out"]
                assert np.median(misses[mine]) == pytest.approx(told, abs=0.02)


def test_the_shipped_profiles_know_how_many_points_they_stand_on() -> None:
    points = published()
    text = Path(profiles.__file__).with_name("profiles.json").read_text("utf-8")
    anywhere = next(found for found in PROFILES if found.device is None)
    assert anywhere.points == len(points)
    assert set(anywhere.sources) == {point.source for point in points}
    assert len(json.loads(text)["profiles"]) == len(PROFILES)
    assert all(name in MODELS for name in {point.model for point in points})
