"""Every eviction policy against libcachesim's, request by request from Python."""

from collections.abc import Callable
from typing import Any

import libcachesim
import numpy as np

from benchmarks.timing import in_turn
from labs import caching, workload

CAPACITY = 10_000
PEERS: dict[str, Callable[..., Any]] = {
    "lru": libcachesim.LRU,
    "fifo": libcachesim.FIFO,
    "lfu": libcachesim.LFU,
    "clock": libcachesim.Clock,
    "sieve": libcachesim.Sieve,
    "s3fifo": libcachesim.S3FIFO,
}


def by_libcachesim(policy: str, trace: list[int]) -> int:
    """Return the hits of one cache of libcachesim."""
    cache = PEERS[policy](cache_size=CAPACITY)
    request = libcachesim.Request()
    request.obj_size = 1
    hits = 0
    for item in trace:
        request.obj_id = item
        hits += cache.get(request)
    return hits


def run(requests: int = 300_000, rounds: int = 3) -> dict[str, Any]:
    """Time both on the same requests, one capacity, one policy after the other."""
    trace = workload.zipf(100_000, 0.9, requests, np.random.default_rng(1))
    listed = trace.tolist()
    contenders: dict[str, Callable[[], Any]] = {}
    for policy in PEERS:
        contenders[f"{policy}, labs"] = lambda policy=policy: caching.hits(trace, CAPACITY, policy)
        contenders[f"{policy}, libcachesim"] = lambda policy=policy: by_libcachesim(policy, listed)
    exact = {
        policy: int(caching.hits(trace, CAPACITY, policy).sum()) == by_libcachesim(policy, listed)
        for policy in PEERS
    }
    seconds = in_turn(contenders, rounds)
    ratio = {
        f"{policy} / libcachesim": seconds[f"{policy}, labs"] / seconds[f"{policy}, libcachesim"]
        for policy in PEERS
    }
    return {
        "what": f"{requests:,} requests for 100,000 objects, Zipf 0.9, capacity {CAPACITY:,}",
        "seconds": seconds,
        "ratio": ratio,
        "exact": exact,
        "target": "as many hits as libcachesim, policy by policy",
        "met": all(exact.values()),
    }
