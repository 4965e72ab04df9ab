"""Queues run event by event, when no formula fits: exact sample paths, and honest intervals."""

from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from heapq import heappop, heappush, heapreplace
from itertools import repeat

import numpy as np

from labs import validation as check
from labs.intervals import Interval, mean_interval
from labs.validation import FloatArray, IntArray

__all__ = [
    "POLICIES",
    "BatchPath",
    "Interval",
    "RoutedPath",
    "SamplePath",
    "batching",
    "fcfs",
    "mean_interval",
    "routed",
]

POLICIES = ("random", "round_robin", "shortest_queue", "power_of_two")


@dataclass(frozen=True)
class SamplePath:
    """When each request waited, started and finished; arrays in arrival order, seconds.

    Attributes
    ----------
    wait : array (n,)
        From arrival to the start of service.
    start : array (n,)
        When service started.
    finish : array (n,)
        When service ended.

    Examples
    --------
    >>> path = fcfs([0.0, 1.0], [3.0, 1.0])
    >>> path.wait.tolist(), path.start.tolist(), path.finish.tolist()
    ([0.0, 2.0], [0.0, 3.0], [3.0, 4.0])
    """

    wait: FloatArray
    start: FloatArray
    finish: FloatArray


@dataclass(frozen=True)
class RoutedPath(SamplePath):
    """A `SamplePath` with the index of the server that each request was sent to.

    Attributes
    ----------
    server : array (n,) of int
        From 0; beside the attributes of `SamplePath`.

    Examples
    --------
    >>> routed([0.0, 0.0], [1.0, 1.0], 2, "shortest_queue", np.random.default_rng(1)).server
    array([0, 1])
    """

    server: IntArray


@dataclass(frozen=True)
class BatchPath:
    """When each request's batch started and finished, and which batch it was in.

    Attributes
    ----------
    start : array (n,)
        When its batch started, seconds.
    finish : array (n,)
        When its batch ended, seconds.
    batch : array (n,) of int
        Index of its batch, from 0.

    Examples
    --------
    >>> batching([0.0, 0.5, 0.6], lambda b: 1.0, max_batch=8).batch.tolist()
    [0, 1, 1]
    """

    start: FloatArray
    finish: FloatArray
    batch: IntArray


def fcfs(arrival: FloatArray, service: FloatArray, servers: int = 1) -> SamplePath:
    """Serve requests first come, first served by identical servers that share one line.

    Kiefer and Wolfowitz's recursion in absolute time: ``start = max(arrival, earliest free
    server)``, ``finish = start + service``. No arithmetic beyond it, so a path agrees to the
    last bit with any event simulation of the same sequences.

    Parameters
    ----------
    arrival : array (n,)
        Arrival times in seconds, never decreasing.
    service : array (n,)
        Service times in seconds, at least 0.
    servers : int
        From 1 to one million.

    Returns
    -------
    SamplePath
        Arrays (n,) in arrival order.

    Raises
    ------
    ValueError
        If lengths differ, a time is out of range or arrivals are out of order.

    References
    ----------
    Kiefer and Wolfowitz, Trans. American Mathematical Society 78 (1955).

    Examples
    --------
    >>> fcfs([0.0, 1.0, 2.0], [3.0, 1.0, 1.0]).wait
    array([0., 2., 2.])
    """
    arrival = check.ascending("arrival", arrival)
    service = check.sequence("service", service, size=arrival.size, least=0, most=check.MOST)
    servers = check.count("servers", servers, most=1_000_000)
    free = [-np.inf] * servers
    start: list[float] = []
    append = start.append
    for begins, lasts in zip(arrival.tolist(), service.tolist(), strict=True):
        earliest = free[0]
        if earliest > begins:
            begins = earliest
        append(begins)
        heapreplace(free, begins + lasts)
    return _path(arrival, service, np.array(start))


def batching(
    arrival: FloatArray,
    batch_time: Callable[[int], float],
    max_batch: int,
    max_delay: float = 0.0,
) -> BatchPath:
    """Serve requests in batches on one server: the dynamic batcher of a model server.

    A batch starts when the server is idle and either ``max_batch`` requests wait or the oldest
    has waited ``max_delay``; it takes the oldest ``max_batch`` at most, and nobody joins later.

    Parameters
    ----------
    arrival : array (n,)
        Arrival times in seconds, never decreasing.
    batch_time : callable
        Seconds that a batch takes, given the number of requests in it.
    max_batch : int
        Most requests in a batch, at least 1.
    max_delay : float
        Longest time in seconds that an idle server waits for company, at least 0.

    Returns
    -------
    BatchPath
        Arrays (n,) in arrival order; latency is ``finish - arrival``.

    Raises
    ------
    ValueError
        If an argument is out of range or ``batch_time`` returns no finite time of at least 0.

    Examples
    --------
    >>> path = batching([0.0, 0.1, 0.2, 5.0], lambda b: 1.0 + 0.1 * b, max_batch=2, max_delay=0.5)
    >>> path.batch.tolist(), path.start.tolist()
    ([0, 0, 1, 2], [0.1, 0.1, 1.3, 5.5])
    """
    arrival = check.ascending("arrival", arrival)
    max_batch = check.count("max_batch", max_batch)
    max_delay = check.number("max_delay", max_delay, least=0, most=check.MOST)
    if not callable(batch_time):
        raise check.refuse("batch_time", "a function of the batch size", batch_time)
    times = arrival.tolist()
    lasts: dict[int, float] = {}
    starts: list[float] = []
    sizes: list[int] = []
    first, free = 0, -np.inf
    while first < len(times):
        ready = times[first] + max_delay
        if first + max_batch <= len(times):
            ready = min(ready, times[first + max_batch - 1])
        start = max(free, ready)
        size = bisect_right(times, start, first, min(first + max_batch, len(times))) - first
        if size not in lasts:
            time = batch_time(size)
            lasts[size] = check.number(f"batch_time({size})", time, least=0, most=check.MOST)
        free = start + lasts[size]
        starts.append(start)
        sizes.append(size)
        first += size
    start_of = np.array(starts)
    lasts_of = np.array([lasts[size] for size in sizes])
    return BatchPath(
        start=np.repeat(start_of, sizes),
        finish=np.repeat(start_of + lasts_of, sizes),
        batch=np.repeat(np.arange(len(sizes)), sizes),
    )


def routed(
    arrival: FloatArray,
    service: FloatArray,
    servers: int,
    policy: str,
    rng: np.random.Generator,
) -> RoutedPath:
    """Send each request on arrival to one of several first-come-first-served servers.

    ``random`` draws a server, ``round_robin`` takes the next, ``shortest_queue`` the one with
    fewest requests present (the first of equals), ``power_of_two`` the better of two drawn.

    Parameters
    ----------
    arrival, service : array (n,)
        Arrival times, never decreasing, and service times, at least 0, in seconds.
    servers : int
        From 1 to one million.
    policy : str
        One of the four above.
    rng : numpy.random.Generator
        Source of the draws; the other two policies leave it untouched.

    Returns
    -------
    RoutedPath
        Arrays (n,) in arrival order.

    Raises
    ------
    ValueError
        If an argument is out of range or the policy unknown.

    References
    ----------
    Mitzenmacher, IEEE Trans. Parallel and Distributed Systems 12 (2001).

    Examples
    --------
    >>> path = routed([0.0, 0.0, 0.0], [1.0, 5.0, 1.0], 2, "round_robin", np.random.default_rng(1))
    >>> path.server.tolist(), path.wait.tolist()
    ([0, 1, 0], [0.0, 0.0, 1.0])
    """
    arrival = check.ascending("arrival", arrival)
    service = check.sequence("service", service, size=arrival.size, least=0, most=check.MOST)
    servers = check.count("servers", servers, most=1_000_000)
    policy = check.one_of("policy", policy, POLICIES)
    rng = check.generator("rng", rng)
    candidates = _candidates(policy, arrival.size, servers, rng)
    present = [0] * servers
    free = [-np.inf] * servers
    departures: list[tuple[float, int]] = []
    lines = [(0, server) for server in range(servers)]
    start: list[float] = []
    chosen: list[int] = []
    for begins, lasts, options in zip(arrival.tolist(), service.tolist(), candidates, strict=True):
        while departures and departures[0][0] <= begins:
            leaves = heappop(departures)[1]
            present[leaves] -= 1
            heappush(lines, (present[leaves], leaves))
        server = options[0] if options else _shortest(lines, present)
        if len(options) == 2 and present[options[1]] < present[server]:
            server = options[1]
        begins = max(begins, free[server])
        free[server] = begins + lasts
        present[server] += 1
        heappush(departures, (free[server], server))
        heappush(lines, (present[server], server))
        start.append(begins)
        chosen.append(server)
    path = _path(arrival, service, np.array(start))
    return RoutedPath(path.wait, path.start, path.finish, np.array(chosen, dtype=np.int64))


def _path(arrival: FloatArray, service: FloatArray, start: FloatArray) -> SamplePath:
    return SamplePath(wait=start - arrival, start=start, finish=start + service)


def _candidates(
    policy: str, requests: int, servers: int, rng: np.random.Generator
) -> Iterable[tuple[int, ...]]:
    """Return for each request the servers to look at; none means all of them."""
    if policy == "shortest_queue":
        return repeat((), requests)
    if policy == "round_robin":
        return ((index % servers,) for index in range(requests))
    first = rng.integers(servers, size=requests)
    if policy == "random" or servers == 1:
        return ((server,) for server in first.tolist())
    second = (first + rng.integers(1, servers, size=requests)) % servers
    return zip(first.tolist(), second.tolist(), strict=True)


def _shortest(lines: list[tuple[int, int]], present: list[int]) -> int:
    """Return the server with fewest present, dropping entries that are out of date."""
    while lines[0][0] != present[lines[0][1]]:
        heappop(lines)
    return lines[0][1]
