"""Time functions in turn, so that a change of the machine's speed falls on all of them."""

import json
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def in_turn(contenders: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Return each contender's median seconds over rounds in which all run once, one by one.

    Parameters
    ----------
    contenders : mapping of str to function
        What to time, by name; each is called once more first, uncounted.
    rounds : int
        Counted rounds.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for counted in range(-1, rounds):
        for name, run in contenders.items():
            start = time.perf_counter()
            run()
            if counted >= 0:
                seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(times) for name, times in seconds.items()}


def machine() -> dict[str, str | int]:
    """Return what a reader needs to judge the seconds: processor, cores, versions."""
    names = ("numpy", "scipy", "ciw", "simpy", "cachetools", "libcachesim", "onnxruntime")
    return {
        "processor": _processor(),
        "cores": _cores(),
        "system": platform.system(),
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in names},
    }


def save(name: str, result: dict[str, Any]) -> Path:
    """Write a result beside the machine's description and return where."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps({"machine": machine(), **result}, indent=1) + "\n", "utf-8")
    return path


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.machine()


def _cores() -> int:
    import os

    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
