"""Costs found from a run: known ones come back, real servers are forecast, and doubt is said."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labs import calibration
from labs.engine import Engine, StepTime, Timeline
from labs.intervals import percentile
from labs.measured import Run, read
from labs.workload import Workload, azure_chat

TRUTH = StepTime(7e-3, 60e-6, 40e-6, 1e-7)
GUESS = StepTime(5e-3, 80e-6, 30e-6, 2e-7)
COSTS = ("base", "prefill_token", "sequence", "kv_token")


def engine(step: StepTime, **limits: Any) -> Engine:
    return Engine(step, policy="chunked", memory="paged", **{"token_budget": 2048, **limits})


def run_of(asked: Workload, seen: Timeline) -> Run:
    return Run(asked.arrival, asked.prompt, asked.output, seen.first_token, seen.finish)


def drawn(rate: float, seed: int, n: int = 300) -> Workload:
    return azure_chat(n, rate, np.random.default_rng(seed))


@pytest.mark.parametrize("rate", [1.0, 3.0, 6.0])
def test_costs_that_made_a_run_are_found_again(rate: float) -> None:
    asked = drawn(rate, 1)
    run = run_of(asked, engine(TRUTH, front=0.015).run(asked))
    found = calibration.fit(run, engine(GUESS), 100)
    assert found.step_time.base == pytest.approx(TRUTH.base, rel=0.01)
    assert found.step_time.prefill_token == pytest.approx(TRUTH.prefill_token, rel=0.01)
    assert found.front == pytest.approx(0.015, rel=0.05)
    for name in COSTS:
        low, high = found.interval[name]
        assert low * 0.99 <= getattr(TRUTH, name) <= high * 1.01
    assert found.residual < 0.002


def test_the_guess_does_not_matter_where_the_run_tells() -> None:
    asked = drawn(3.0, 2)
    run = run_of(asked, engine(TRUTH).run(asked))
    for guess in (StepTime(1e-2, 1e-5, 1e-4, 1e-8), StepTime(1e-3, 2e-4, 1e-6, 1e-6)):
        found = calibration.fit(run, engine(guess), 100).step_time
        assert found.base == pytest.approx(TRUTH.base, rel=0.02)
        assert found.prefill_token == pytest.approx(TRUTH.prefill_token, rel=0.03)


def test_weights_that_overlap_are_found() -> None:
    truth = StepTime(2e-3, 60e-6, 20e-6, 1e-7, weights=6e-3, overlap=4.0)
    asked = drawn(5.0, 3)
    run = run_of(asked, engine(truth).run(asked))
    start = StepTime(1e-3, 80e-6, 30e-6, 2e-7, weights=5e-3, overlap=4.0)
    found = calibration.fit(run, engine(start), 100)
    assert found.step_time.base + found.step_time.weights == pytest.approx(8e-3, rel=0.03)
    assert found.step_time.overlap == 4.0
    assert set(found.interval) == {*COSTS, "weights", "front"}


def test_another_load_and_another_limit_are_forecast() -> None:
    asked = drawn(4.0, 4)
    found = calibration.fit(run_of(asked, engine(TRUTH).run(asked)), engine(GUESS), 100)
    for rate, batch in ((8.0, 256), (6.0, 16)):
        later = drawn(rate, 5, 600)
        true = engine(TRUTH, max_batch=batch).run(later)
        ours = calibration.replace(found.engine, max_batch=batch).run(later)
        assert ours.latency.mean() == pytest.approx(true.latency.mean(), rel=0.02)


@pytest.mark.parametrize("seed", range(4))
def test_intervals_hold_what_a_noisy_server_does(seed: int) -> None:
    # A server whose steps are each off by a few percent, told by perturbing the answers' times.
    rng = np.random.default_rng(seed)
    asked = drawn(6.0, 10 + seed)
    seen = engine(TRUTH, front=0.01).run(asked)
    noise = rng.normal(1, 0.01, len(asked))
    finish = seen.first_token + (seen.finish - seen.first_token) * noise
    run = Run(asked.arrival, asked.prompt, asked.output, seen.first_token, finish)
    found = calibration.fit(run, engine(GUESS), 100)
    tails = found.tails(asked)
    held = [
        bool(low <= percentile(values, p) <= high)
        for name, values in (
            ("ttft", run.ttft),
            ("tpot", run.tpot[run.output > 1]),
            ("latency", run.latency),
        )
        for low, high, p in zip(tails[name].low, tails[name].high, (0.5, 0.9, 0.99), strict=True)
    ]
    assert np.mean(held) >= 7 / 9


def test_what_a_run_cannot_tell_is_said() -> None:
    # One user, prompts and answers alike: every step of decoding costs nearly the same.
    asked = Workload(np.arange(40) * 30.0, [200] * 40, [200] * 40)
    found = calibration.fit(run_of(asked, engine(TRUTH).run(asked)), engine(GUESS))
    assert "sequence" in found.unidentified
    assert "base" not in found.unidentified
    low, high = found.interval["sequence"]
    assert high - low > GUESS.sequence


@pytest.mark.parametrize(
    ("column", "factor", "message"),
    [
        ("prompt", np.nan, "records prompt"),
        ("first_token", np.nan, "records first_token"),
        ("finish", np.nan, "records finish"),
        ("output", 0, "12 answers"),
    ],
)
def test_a_run_that_cannot_tell_is_refused(column: str, factor: float, message: str) -> None:
    asked = drawn(3.0, 6, 30)
    run = run_of(asked, engine(TRUTH).run(asked))
    names = ("arrival", "prompt", "output", "first_token", "finish")
    given = {name: getattr(run, name) for name in names}
    given[column] = given[column] * factor + (1 if factor == 0 else 0)
    with pytest.raises(ValueError, match=rf"^run must be .*{message}"):
        calibration.fit(Run(**given), engine(GUESS))
    with pytest.raises(ValueError, match=r"^requests must"):
        calibration.fit(run, engine(GUESS), 5)
    with pytest.raises(ValueError, match=r"^run must"):
        calibration.fit(asked, engine(GUESS))


# Servers that were measured: the limits of each are its benchmark's own.
RUNS = {
    "RTXPRO6000": ({"max_batch": 128}, {"ttft": (5, 10), "tpot": (3, 5), "latency": (3, 5)}),
    "RTX4090": ({"kv_tokens": 41_408}, dict.fromkeys(("ttft", "tpot", "latency"), (5, 10))),
}


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("guess", [GUESS, StepTime(18e-3, 40e-6, 30e-6, 1e-7)])
def test_a_hundred_requests_of_a_real_run_forecast_the_rest(
    shared: Path, name: str, guess: StepTime
) -> None:
    limits, targets = RUNS[name]
    run = read(shared / "measured" / "runs" / f"{name}_Llama-3.1-8B.requests.jsonl")
    found = calibration.fit(run, engine(guess, **limits), 100)
    seen = found.forecast(run.workload)
    rest = np.ones(len(run), dtype=bool)
    rest[np.argsort(run.finish)[:100]] = False
    for metric, (mean, tail) in targets.items():
        kept = rest & (run.output > 1)
        ours, theirs = getattr(seen, metric)[kept], getattr(run, metric)[kept]
        assert abs(ours.mean() / theirs.mean() - 1) < mean / 100, metric
        assert abs(percentile(ours, 0.99) / percentile(theirs, 0.99) - 1) < tail / 100, metric
