"""The engine on an hour of chat traffic: the real trace where it is at hand, else one like it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.timing import in_turn
from labs import workload
from labs.engine import Engine, StepTime

TRACE = Path(__file__).parents[2] / "shared" / "traces" / "AzureLLMInferenceTrace_conv.csv"
RESERVE, PAGED = 0.15, 0.5


def requests() -> tuple[str, workload.Workload]:
    """Return the requests and what they are."""
    if TRACE.exists():
        return "the Azure chat trace", workload.read_azure(TRACE)
    drawn = workload.azure_chat(19_366, 5.53, np.random.default_rng(1))
    return "requests drawn like the Azure chat trace", drawn


def run(rounds: int = 7) -> dict[str, Any]:
    """Time each policy at the full rate."""
    name, served = requests()
    step = StepTime(base=7e-3, prefill_token=90e-6, sequence=30e-6, kv_token=0.25e-6)
    engines = {
        policy: Engine(step, kv_tokens=110_000, policy=policy)
        for policy in ("mixed", "prefill_first", "chunked")
    }
    engines["paged"] = replace(engines["chunked"], memory="paged")
    seconds = in_turn(
        {policy: (lambda engine=engine: engine.run(served)) for policy, engine in engines.items()},
        rounds,
    )
    return {
        "what": f"engine, {name}, {len(served):,} requests",
        "seconds": seconds,
        "ratio": {f"{policy}/mixed": seconds[policy] / seconds["mixed"] for policy in engines},
        "target": f"at most {RESERVE} s a run with reserved memory (mixed), {PAGED} s in blocks",
        "met": seconds["mixed"] <= RESERVE and seconds["paged"] <= PAGED,
    }
