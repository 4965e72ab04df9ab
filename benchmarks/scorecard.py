"""Forecast and calibration of public runs: their errors, as the scorecard has them, and seconds."""

import json
from importlib import metadata
from pathlib import Path
from typing import Any

import labs
from benchmarks.timing import in_turn
from labs import calibration, measured
from labs.engine import Engine, StepTime

ROOT = Path(__file__).parents[1]
RUN = ROOT.parent / "shared/measured/runs/RTXPRO6000_Llama-3.1-8B.requests.jsonl"
TARGET = 0.03


def megabytes(*packages: str) -> float:
    """Return what labs and the packages that it needs take on disk."""
    files = [path for path in Path(labs.__file__).parent.rglob("*") if path.is_file()]
    for package in packages:
        files += [Path(str(file.locate())) for file in metadata.files(package) or []]
    return sum(path.stat().st_size for path in files if path.exists()) / 1e6


def run(rounds: int = 7) -> dict[str, Any] | None:
    """Time a run's 300 requests, and finding the costs of a step in its first hundred."""
    if not RUN.exists():
        return None
    seen = measured.read(RUN)
    start = Engine(
        StepTime(base=3e-3, prefill_token=5e-5, sequence=1e-5, kv_token=1e-7, weights=0.01),
        max_batch=128,
        policy="chunked",
        token_budget=2048,
        memory="paged",
    )
    engine = calibration.fit(seen, start, requests=100).engine
    seconds = in_turn(
        {
            "300 requests": lambda: engine.run(seen.workload),
            "calibration": lambda: calibration.fit(seen, start, requests=100),
        },
        rounds,
    )
    errors = {
        f"{card['run']}, {method['name']}, {metric}": ", ".join(
            f"{place} {error:+.1f}%" for place, error in places.items()
        )
        for card in json.loads((ROOT / "book" / "scorecard.json").read_text("utf-8"))
        for method in card["methods"]
        for metric, places in method["errors"].items()
    }
    return {
        "what": f"calibration, {len(seen)} requests to {RUN.name.partition('_')[0]}",
        "seconds": seconds,
        "megabytes": {"labs and numpy": megabytes("numpy")},
        "errors": errors,
        "target": f"at most {TARGET} s for the run's requests",
        "met": seconds["300 requests"] <= TARGET,
    }
