"""The LRU curve at every capacity against one run of cachetools and of libcachesim at one."""

from typing import Any

import cachetools
import numpy as np

from benchmarks.policies import CAPACITY, by_libcachesim
from benchmarks.timing import in_turn
from labs import caching, workload

TARGET = 2


def by_cachetools(trace: list[int]) -> int:
    """Return the hits of one cache of cachetools."""
    cache: cachetools.LRUCache[int, bool] = cachetools.LRUCache(CAPACITY)
    hits = 0
    for item in trace:
        if item in cache:
            cache[item]
            hits += 1
        else:
            cache[item] = True
    return hits


def run(requests: int = 1_000_000, rounds: int = 3) -> dict[str, Any]:
    """Time all capacities at once against one at a time."""
    trace = workload.zipf(100_000, 0.9, requests, np.random.default_rng(1))
    listed = trace.tolist()
    exact = {
        "cachetools": by_cachetools(listed) / requests,
        "libcachesim": by_libcachesim("lru", listed) / requests,
    }
    ours = float(caching.hit_ratio_curve(trace)[CAPACITY - 1])
    seconds = in_turn(
        {
            "labs, every capacity": lambda: caching.hit_ratio_curve(trace),
            "labs, one capacity": lambda: caching.hits(trace, CAPACITY),
            "cachetools, one": lambda: by_cachetools(listed),
            "libcachesim, one": lambda: by_libcachesim("lru", listed),
        },
        rounds,
    )
    ratio = seconds["labs, every capacity"] / seconds["cachetools, one"]
    return {
        "what": f"LRU, {requests:,} requests for 100,000 objects, Zipf 0.9",
        "seconds": seconds,
        "ratio": {"every capacity / cachetools at one": ratio},
        "exact": all(ours == hit for hit in exact.values()),
        "target": f"exact, every capacity within {TARGET} times cachetools at one",
        "met": all(ours == hit for hit in exact.values()) and ratio <= TARGET,
    }
