"""The facts of the traces, as recorded in labs/azure_chat.json and mooncake_conversation.json.

    python tests/labs/trace_facts.py AzureLLMInferenceTrace_conv.csv > labs/azure_chat.json
    python tests/labs/trace_facts.py mooncake_conversation_trace.jsonl \
        > labs/mooncake_conversation.json

Reads the traces by itself, so that it also checks the readers of `labs.workload`; only the tails at
half rate, whose engine tests/labs/reference_engine.py checks, and the caches, which test_caching.py
checks against peers, are computed with labs.
"""

import csv
import json
import re
import sys
from collections import OrderedDict
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from labs import caching
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
MOONCAKE = (
    "conversation_trace of kvcache-ai/Mooncake (FAST25-release), Apache-2.0; "
    "Qin et al., Mooncake, FAST 2025"
)
BLOCK = 512
CAPACITIES = (
    *(500, 700, 1000, 1400, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 10_000, 12_000, 14_000),
    *(16_000, 20_000, 24_000, 30_000, 36_000, 40_000, 50_000, 60_000, 70_000, 80_000),
    *(100_000, 120_000, 150_000),
)
POLICY_CAPACITIES = (1000, 2000, 5000, 10_000, 20_000, 30_000, 50_000)
FEW_LEVELS = np.array([0, 1, 2, 5, *range(10, 91, 10), 95, 98, 99, 100]) / 100
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


def read_mooncake(path: Path) -> list[dict[str, Any]]:
    """Return the requests as they are written: timestamp, input_length, output_length, hash_ids."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def mooncake_facts(path: Path) -> dict[str, Any]:
    """Return the statistics of the conversation trace in the form of the recorded file."""
    requests = read_mooncake(path)
    arrival = np.array([r["timestamp"] for r in requests]) / 1000
    prompt = np.array([r["input_length"] for r in requests])
    output = np.array([r["output_length"] for r in requests])
    blocks = [r["hash_ids"] for r in requests]
    times = np.unique(np.concatenate(blocks), return_counts=True)[1]
    capacities = (*CAPACITIES, times.size)
    return {
        "source": MOONCAKE,
        "requests": len(requests),
        "duration_s": float(arrival[-1]),
        "rate": round(float((arrival.size - 1) / arrival[-1]), 6),
        "block_tokens": BLOCK,
        "blocks": int(times.sum()),
        "distinct_blocks": int(times.size),
        "prompt_tokens": int(prompt.sum()),
        "output_tokens": int(output.sum()),
        "quantiles": {
            "prompt": _quantiles(prompt, FEW_LEVELS),
            "output": _quantiles(output, FEW_LEVELS),
        },
        "reuse": {
            "requested_once": round(float((times == 1).mean()), 6),
            "tail_first_visits": round(_tail_first_visits(prompt, blocks, times.size), 6),
            "seconds": _reuse_seconds(arrival, blocks),
        },
        "lru": _prefix_caches(prompt, blocks, capacities),
        "policies": _prefix_policies(blocks),
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


def _quantiles(lengths: np.ndarray, levels: np.ndarray = LEVELS) -> dict[str, list[float]]:
    return {
        "level": [round(float(level), 4) for level in levels],
        "tokens": [round(float(tokens), 2) for tokens in np.quantile(lengths, levels)],
    }


def _reuse_seconds(arrival: np.ndarray, blocks: list[list[int]]) -> dict[str, list[float]]:
    """Return quantiles of the time until a block is requested again, but for the common one."""
    common = set.intersection(*map(set, blocks))
    last: dict[int, float] = {}
    gaps = []
    for moment, request in zip(arrival.tolist(), blocks, strict=True):
        for block in request:
            if block in last:
                gaps.append(moment - last[block])
            if block not in common:
                last[block] = moment
    found = np.quantile(gaps, FEW_LEVELS)
    return {
        "level": [round(float(level), 4) for level in FEW_LEVELS],
        "seconds": [round(float(seconds), 3) for seconds in found],
    }


def _tail_first_visits(prompt: np.ndarray, blocks: list[list[int]], endless: int) -> float:
    """Return how many of the 1% with most left to prefill found the common block alone."""
    found = caching.prefix_hits(blocks, endless)
    uncached = _uncached(prompt, found)
    return float((found[uncached >= np.quantile(uncached, 0.99)] <= 1).mean())


def _uncached(prompt: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Return the tokens left to prefill; of a prompt found whole, the last."""
    left: np.ndarray = prompt - np.minimum(found * BLOCK, prompt - 1)
    return left


def _prefix_caches(
    prompt: np.ndarray, blocks: list[list[int]], capacities: tuple[int, ...]
) -> dict[str, list[float]]:
    total = sum(map(len, blocks))
    rows = []
    for capacity in capacities:
        found = caching.prefix_hits(blocks, capacity)
        uncached = _uncached(prompt, found)
        rows.append(
            {
                "capacity": int(capacity),
                "hit_ratio": round(float(found.sum() / total), 6),
                "tokens_cached": round(float(1 - uncached.sum() / prompt.sum()), 6),
                "own_hit": round(float((found > 1).mean()), 6),
                "uncached_mean": round(float(uncached.mean()), 2),
                "uncached_p50": round(float(np.quantile(uncached, 0.5)), 2),
                "uncached_p90": round(float(np.quantile(uncached, 0.9)), 2),
                "uncached_p99": round(float(np.quantile(uncached, 0.99)), 2),
            }
        )
    return {name: [row[name] for row in rows] for name in rows[0]}


def _prefix_policies(blocks: list[list[int]]) -> dict[str, list[float]]:
    """Return leading blocks found over all blocks, by policy and capacity."""
    stream = np.concatenate(blocks)
    starts = np.cumsum([0, *map(len, blocks[:-1])])
    found: dict[str, list[float]] = {"capacity": list(POLICY_CAPACITIES)}
    for policy in caching.POLICIES:
        found[policy] = []
        for capacity in POLICY_CAPACITIES:
            hit = caching.hits(stream, capacity, policy)
            runs = np.split(hit, starts[1:])
            leading = sum(len(run) if run.all() else int(run.argmin()) for run in runs)
            found[policy].append(round(leading / stream.size, 6))
    found["lru_leaves_first"] = [
        round(_leaves_first(blocks, capacity) / stream.size, 6) for capacity in POLICY_CAPACITIES
    ]
    return found


def _leaves_first(blocks: list[list[int]], capacity: int) -> int:
    """Return the leading blocks found where a request's last block is evicted before its first."""
    cached: OrderedDict[int, None] = OrderedDict()
    leading = 0
    for request in blocks:
        for block in request:
            if block not in cached:
                break
            leading += 1
        for block in reversed(request):
            cached[block] = None
            cached.move_to_end(block)
            if len(cached) > capacity:
                cached.popitem(last=False)
    return leading


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
    trace = Path(sys.argv[1])
    sys.stdout.write(as_json(mooncake_facts(trace) if trace.suffix == ".jsonl" else facts(trace)))
