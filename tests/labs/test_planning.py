"""Plans say low, likely and high, by simulation; the impossible is refused at once."""

import time
from typing import Any

import numpy as np
import pytest

from labs import economics, planning
from labs.economics import replicas_for
from labs.engine import Engine
from labs.forecasts import Forecast, forecast, kv_room, step_time
from labs.planning import fleet, plan, service_rate
from labs.profiles import profile
from labs.scheduling import place
from labs.slo import Objective
from labs.workload import Workload, azure_chat

HOUR = azure_chat(1500, 25.0, np.random.default_rng(3))
CHAT = Objective(ttft=1.0, tpot=0.05)
HOW: dict[str, Any] = {"model": "Llama-3.1-8B", "device": "H100", "dtype": "bf16"}


def test_the_middle_is_what_the_likely_engine_needs() -> None:
    found = plan(HOUR, **HOW, objective=CHAT)
    context = float(HOUR.prompt.mean() + HOUR.output.mean() / 2)
    likely = step_time(**HOW, context=context)
    engine = Engine(likely, 256, kv_room(**HOW), "chunked", token_budget=2048)
    by_hand = replicas_for(HOUR, engine, CHAT.ttft, CHAT.tpot, CHAT.quantile)
    assert found.replicas.mid == by_hand.replicas
    assert found.replicas.low <= found.replicas.mid <= found.replicas.high
    assert found.dollars_per_hour == found.replicas * 6.88
    tokens = HOUR.output.sum() / (np.ptp(HOUR.arrival) * 1500 / 1499) * 3600
    assert found.dollars_per_million.mid == pytest.approx(found.dollars_per_hour.mid / tokens * 1e6)
    assert found.narrow.startswith(("a decode step of", "reading a prompt of", "the KV tokens"))
    assert economics.plan is plan


def test_what_is_known_of_the_engine_narrows_a_plan() -> None:
    strict = Objective(ttft=0.5, tpot=0.02)
    wide = plan(HOUR, **HOW, objective=strict)
    named = plan(HOUR, **HOW, objective=strict, engine="vllm 0.12")
    assert named.replicas.high - named.replicas.low < wide.replicas.high - wide.replicas.low
    with pytest.raises(ValueError, match=r"^engine must be left out where there is a profile"):
        plan(HOUR, **HOW, objective=CHAT, engine="vllm", profile=profile("H100"))


def test_memory_that_binds_is_what_to_measure() -> None:
    long = Workload(np.arange(40) * 0.5, np.full(40, 20_000), np.full(40, 50))
    how = {"model": "Llama-2-7B", "device": "A100-40", "dtype": "fp16"}
    found = plan(long, **how, objective=Objective(60.0, 10.0))
    assert "Llama-2-7B on 1 × A100-40" in found.narrow


def test_an_objective_below_the_bound_is_refused_at_once() -> None:
    began = time.process_time()
    found = plan(HOUR, **HOW, objective=Objective(ttft=1.0, tpot=1e-3))
    assert time.process_time() - began < 0.5
    assert found.replicas == Forecast(np.inf, np.inf, np.inf)
    assert found.narrow == "none: below what physics allows"


def test_what_only_a_fast_engine_reaches_has_no_high_end() -> None:
    found = plan(HOUR, **HOW, objective=Objective(ttft=2.0, tpot=0.0085))
    assert found.replicas.high == found.dollars_per_million.high == np.inf
    assert np.isfinite(found.replicas.low)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"workload": None}, "workload"),
        ({"workload": HOUR[:1]}, "workload"),
        ({"workload": Workload([0.0, 0.0], [1, 1], [1, 1])}, "workload"),
        ({"objective": None}, "objective"),
        ({"device": "RTX-4090"}, "device"),
        ({"model": "Llama-3.1-70B"}, "devices"),
        ({"devices": 0}, "devices"),
        ({"engine": "none"}, "engine"),
        ({"max_batch": 0}, "max_batch"),
        ({"routing": "best"}, "routing"),
    ],
)
def test_bad_input_is_named(changes: dict[str, Any], named: str) -> None:
    good = {"workload": HOUR[:20], **HOW, "objective": CHAT}
    with pytest.raises(ValueError, match=rf"^{named}\b.* must be"):
        plan(**good | changes)


# Rates and fleets


def test_a_rate_is_that_of_the_largest_batch_within_the_limits() -> None:
    limits = Objective(ttft=1.0, tpot=0.03)
    found = service_rate("Llama-3.1-8B", "H100", 1000, 200, "bf16", limits)
    rates = {}
    for end in ("low", "mid", "high"):
        best = 0.0
        for batch in range(1, min(256, kv_room(**HOW) // 1200) + 1):
            step = getattr(forecast("Llama-3.1-8B", "H100", batch, 1100, "bf16"), end)
            read = getattr(forecast("Llama-3.1-8B", "H100", 0, 0, "bf16", prefill=1000), end)
            tpot = step + batch * read / 200
            if tpot <= 0.03 and read <= 1.0:
                best = batch / (200 * tpot)
        rates[end] = best
    assert found.low == pytest.approx(rates["high"])
    assert found.mid == pytest.approx(rates["mid"])
    assert found.high == pytest.approx(rates["low"])


def test_what_cannot_keep_a_limit_serves_nothing() -> None:
    late = service_rate("Llama-3.1-8B", "L4", 8000, 200, "bf16", Objective(0.1, 1.0))
    assert late == Forecast(0.0, 0.0, 0.0)
    full = service_rate("Llama-3.1-8B", "H100", 10**6, 200, "bf16", Objective(1e3, 1e3))
    assert full.high == 0.0


def test_a_fleet_is_placed_at_each_end_and_carries_what_it_carries() -> None:
    rates = [[Forecast(2, 4, 5), Forecast(1, 2, 3)], [Forecast(5, 9, 12), Forecast(3, 5, 7)]]
    demand, price, room = [20.0, 10.0], [1.0, 2.2], [99, 99]
    found = fleet(demand, rates, price, room)
    for end, placed in (("high", found.low), ("mid", found.mid), ("low", found.high)):
        table = [[getattr(one, end) for one in row] for row in rates]
        assert placed.cost == place(demand, table, price, room).cost
    assert (found.cost.low, found.cost.high) == (found.low.cost, found.high.cost)
    slow = np.array([[2, 1], [5, 3]])
    carried = (found.mid.devices * slow).sum(axis=0) / demand
    assert found.carried.low == pytest.approx(carried.min())
    assert found.carried.mid >= 1


def test_rates_that_are_no_forecasts_are_named() -> None:
    with pytest.raises(ValueError, match=r"^rates must be rows of Forecasts"):
        fleet([1.0], [[2.0]], [1.0], [3])  # type: ignore[list-item]
    assert planning.ENDS == ("low", "mid", "high")
