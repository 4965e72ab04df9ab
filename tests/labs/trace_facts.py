"""The facts of the Azure chat trace, as recorded in labs/azure_chat.json.

    python tests/labs/trace_facts.py AzureLLMInferenceTrace_conv.csv > labs/azure_chat.json

Reads the trace by itself, so that it also checks `labs.workload.read_azure`; only the tails at
half rate are computed with labs, whose engine tests/labs/reference_engine.py checks.
"""

import csv
import json
import re
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from labs.engine import Engine, StepTime
from labs.workload import Workload

SOURCE = (
    "AzureLLMInferenceTrace_conv of Azure/AzurePublicDataset (2023-11-16), CC-BY-4.0; "
    "Patel et al., Splitwise, ISCA 2024"
)
ENGINE = (
    "base 7 ms, 90 us a prefill token, 30 us a sequence, 0.25 us a KV token; "
    "256 sequences, 110,000 KV tokens; chunks of 512"
)
SIXTEENTHS = 16
LEVELS = np.unique(
    np.concatenate(
        [
            [0, 0.001, 0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.04],
            np.arange(5, 96) / 100,
            [0.96, 0.97, 0.98, 0.985, 0.99, 0.995, 0.998, 0.999, 0.9995, 1],
        ]
    )
)


def read(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return arrival in seconds since the first request, prompt and output tokens."""
    ticks, prompt, output = [], [], []
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            seconds, _, fraction = row["TIMESTAMP"].partition(".")
            moment = datetime.fromisoformat(seconds + "+00:00")
            ticks.append(int(moment.timestamp()) * 10**7 + int(fraction.ljust(7, "0")))
            prompt.append(int(row["ContextTokens"]))
            output.append(int(row["GeneratedTokens"]))
    return (np.array(ticks) - ticks[0]) / 1e7, np.array(prompt), np.array(output)


def facts(path: Path) -> dict[str, Any]:
    """Return the statistics in the form of the recorded file."""
    arrival, prompt, output = read(path)
    gaps = np.diff(arrival)
    joint = np.zeros((SIXTEENTHS, SIXTEENTHS), dtype=int)
    np.add.at(joint, (_sixteenth(prompt), _sixteenth(output)), 1)
    return {
        "source": SOURCE,
        "requests": int(arrival.size),
        "duration_s": round(float(arrival[-1]), 6),
        "rate": round(float((arrival.size - 1) / arrival[-1]), 6),
        "interarrival_cv": round(float(gaps.std() / gaps.mean()), 6),
        "index_of_dispersion": {
            str(window): round(_dispersion(arrival, window), 6) for window in (1, 10, 60)
        },
        "correlation": round(float(np.corrcoef(prompt, output)[0, 1]), 6),
        "prompt_tokens": int(prompt.sum()),
        "output_tokens": int(output.sum()),
        "quantiles": {"prompt": _quantiles(prompt), "output": _quantiles(output)},
        "half_rate": _half_rate(Workload(2 * arrival, prompt, output)),
        "joint": joint.tolist(),
    }


def as_json(recorded: dict[str, Any]) -> str:
    """Return the text of the file, lists of numbers on one line."""

    def one_line(found: re.Match[str]) -> str:
        return "[" + re.sub(r"\s+", " ", found[1]) + "]"

    return re.sub(r"\[\s+([^\[\]]*?)\s+\]", one_line, json.dumps(recorded, indent=1)) + "\n"


def _sixteenth(lengths: np.ndarray) -> np.ndarray:
    """Return in which sixteenth of all requests each falls; equals in order of arrival."""
    rank = np.argsort(np.argsort(lengths, kind="stable"), kind="stable")
    return rank * SIXTEENTHS // lengths.size


def _dispersion(arrival: np.ndarray, window: int) -> float:
    """Return variance over mean of the arrivals in each whole window."""
    counts = np.bincount((arrival // window).astype(int))[:-1]
    return float(counts.var() / counts.mean())


def _quantiles(lengths: np.ndarray) -> dict[str, list[float]]:
    return {
        "level": [round(float(level), 4) for level in LEVELS],
        "tokens": [round(float(tokens), 2) for tokens in np.quantile(lengths, LEVELS)],
    }


def _half_rate(workload: Workload) -> dict[str, Any]:
    step = StepTime(base=7e-3, prefill_token=90e-6, sequence=30e-6, kv_token=0.25e-6)
    tails: dict[str, Any] = {"engine": ENGINE}
    for policy in ("mixed", "chunked"):
        served = Engine(step, 256, 110_000, policy, token_budget=512).run(workload)
        tails[policy] = {
            "p99_ttft": round(float(np.quantile(served.ttft, 0.99)), 6),
            "p99_tpot": round(float(np.nanquantile(served.tpot, 0.99)), 6),
        }
    return tails


if __name__ == "__main__":
    sys.stdout.write(as_json(facts(Path(sys.argv[1]))))
