"""What was measured is whole and read as written; it lies where physics and counting say."""

import json
from importlib import resources
from typing import Any

import pytest

from labs.accelerators import MEASURED, TYPES, accelerator
from labs.devices import DEVICES
from labs.forecasts import _bound, forecast
from labs.models import MODELS
from labs.work import work_of

BATCHES = {1, 2, 4, 8, 16, 32, 64, 128, 256}
CONTEXTS = {128, 512, 2048, 8192, 32768}
PROMPTS = {16, 64, 256, 512, 1024, 2048, 4096, 8192, 16384}
#: Numbers in one of the three matrices of an expert.
EXPERT = {
    "Mixtral-8x7B": 4096 * 14336,
    "Qwen3-30B-A3B": 2048 * 768,
    "DeepSeek-V3": 7168 * 2048,
}
HELD = {
    "H100": {("Llama-3.1-8B", "bf16"), ("Llama-3.1-8B", "fp8")},
    "H200": {(model, dtype) for model in ("Llama-3.1-8B", "Llama-3.1-70B") for dtype in TYPES},
}


def raw(device: str) -> dict[str, list[dict[str, Any]]]:
    path = resources.files("labs").joinpath(f"accelerator_{device.lower()}.json")
    return json.loads(path.read_text("utf-8"))


@pytest.mark.parametrize("device", MEASURED)
def test_all_that_was_to_be_measured_was_often_enough(device: str) -> None:
    for name, cases in raw(device).items():
        if name == "machines":
            continue
        for case in cases:
            assert case["repeats"] >= 20
            assert 0 < case["low"] <= case["seconds"] <= case["high"]
        assert {case["graph"] for case in cases} == {True, False}
    found = accelerator(device)
    assert found.about["date"] == "2026-11-27"
    assert found.about["script"] == "python -m benchmarks.accelerator"
    for model, dtype in HELD[device]:
        for graph in (True, False):
            steps = found.chosen(model, dtype, graph=graph)
            decoded = {(step.batch, step.context) for step in steps if not step.prefill}
            assert {batch for batch, _ in decoded} == BATCHES
            assert {context for _, context in decoded} == CONTEXTS
            assert {step.prefill for step in steps if not step.batch} == PROMPTS
            # What is missing did not fit: whoever has room for it has room for all before.
            for batch, context in decoded:
                smaller = {b for b in BATCHES if b < batch}
                assert {(b, context) for b in smaller} <= decoded
    assert {(step.model, step.dtype) for step in found.steps} == {
        (model, TYPES[dtype]) for model, dtype in HELD[device]
    }


@pytest.mark.parametrize("device", MEASURED)
def test_no_rate_lies_above_the_datasheet_and_the_best_come_near(device: str) -> None:
    found, sheet = accelerator(device), DEVICES[device]
    copied = max(rate.rate.quantile for rate in found.copy) / sheet.bandwidth
    assert 0.85 < copied < 1
    for dtype in ("bf16", "fp16", "fp8", "int8", "fp32"):
        best = max(rate.rate.quantile for rate in found.matmul if rate.dtype == dtype)
        assert 0.45 < best / sheet.peak(dtype) < 1, dtype
    assert found.launches[False].quantile > 3 * found.launches[True].quantile


@pytest.mark.parametrize("device", MEASURED)
def test_no_step_is_shorter_than_physics_allows(device: str) -> None:
    for step in accelerator(device).steps:
        assert step.seconds.low > _bound(work_of(**step.asked)).item(), step


@pytest.mark.parametrize("device", MEASURED)
def test_steps_with_more_in_them_last_longer(device: str) -> None:
    """Up to the scatter of kernels that suit one size better than the next: 12%."""
    found = accelerator(device)
    for model, dtype in HELD[device]:
        steps = found.chosen(model, dtype, graph=True)
        for one in steps:
            for other in steps:
                if all(
                    getattr(one, name) <= getattr(other, name)
                    for name in ("batch", "context", "prefill")
                ):
                    assert one.seconds.quantile <= 1.12 * other.seconds.quantile, (one, other)


@pytest.mark.parametrize("device", MEASURED)
def test_with_few_sequences_python_takes_twice_as_long_as_the_card(device: str) -> None:
    found = accelerator(device)
    for dtype in {dtype for model, dtype in HELD[device] if model == "Llama-3.1-8B"}:
        for batch in (1, 2, 4, 8):
            few = {"batch": batch, "context": 128}
            replayed, queued = found.chosen("Llama-3.1-8B", dtype, **few)
            assert replayed.graph
            assert not queued.graph
            assert replayed.seconds.high * 2 < queued.seconds.low


def test_steps_of_fewer_layers_are_scaled_by_what_a_layer_takes() -> None:
    cases = raw("H200")["steps"]

    def seconds(layers: int, **asked: Any) -> float:
        kind = {"model": "Llama-3.1-70B", "dtype": "bf16", "graph": True, "layers": layers}
        [case] = [case for case in cases if (kind | asked).items() <= case.items()]
        return float(case["seconds"])

    for asked in (
        {"batch": 32, "context": 2048, "prefill": 0},
        {"batch": 0, "context": 0, "prefill": 4096},
        {"batch": 64, "context": 2048, "prefill": 512},
    ):
        rest = {"batch": asked["batch"], "prefill": 0 if asked["batch"] else asked["prefill"]}
        beside, ten = seconds(0, **rest), seconds(10, **asked)
        [step] = accelerator("H200").chosen("Llama-3.1-70B", "bf16", graph=True, **asked)
        assert step.layers == 10
        assert step.seconds.quantile == pytest.approx(beside + 8 * (ten - beside))
        assert step.seconds.low <= step.seconds.quantile <= step.seconds.high
        assert 0 < beside < ten / 2


@pytest.mark.parametrize("device", MEASURED)
def test_tokens_touch_as_many_experts_as_chance_has_it(device: str) -> None:
    for layer in accelerator(device).experts:
        model = MODELS[layer.model]
        chosen, experts = model.experts_per_token, model.experts
        expected = experts * (1 - (1 - chosen / experts) ** layer.tokens)
        assert layer.touched == pytest.approx(expected, rel=0.06), layer
        matrices = 3 * 2.0 * EXPERT[layer.model]
        least = layer.touched * matrices / DEVICES[device].bandwidth
        # A token or two touch so little that the card's last cache holds a part of it.
        assert layer.seconds.quantile > 0.85 * least, layer


@pytest.mark.parametrize("device", MEASURED)
def test_a_step_can_be_forecast_by_what_it_says_was_asked(device: str) -> None:
    [step] = accelerator(device).chosen(
        "Llama-3.1-8B", "bf16", batch=32, context=2048, prefill=0, graph=True
    )
    said = forecast(**step.asked)
    assert said.low < step.seconds.quantile < said.high
    assert set(step.asked) == {"model", "device", "batch", "context", "dtype", "prefill"}


def test_what_was_not_measured_is_refused() -> None:
    with pytest.raises(ValueError, match="device must be one of H100, H200, got 'A100-80'"):
        accelerator("A100-80")
    found = accelerator("H100")
    with pytest.raises(ValueError, match=r"model must be .*, got 'Llama-3.1-70B'"):
        found.chosen("Llama-3.1-70B", "bf16")
    with pytest.raises(ValueError, match="dtype must be one of bf16, fp8, int8, got 'fp4'"):
        found.chosen("Llama-3.1-8B", "fp4")
    with pytest.raises(ValueError, match=r"batch must be .*, got -1"):
        found.chosen("Llama-3.1-8B", "bf16", batch=-1)
    with pytest.raises(ValueError, match=r"graph must be .*, got 1"):
        found.chosen("Llama-3.1-8B", "bf16", graph=1)
    assert found.chosen("Llama-3.1-8B", "int8") == ()
