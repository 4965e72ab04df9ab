"""Checks of the exercises on hardware-aware scheduling."""

import math
from collections.abc import Callable, Mapping

import numpy as np

from labs import hardware, scheduling, simulation
from labs import validation as check
from labs.checks.answers import Verdict, choices, numbers
from labs.validation import FloatArray

SIDES = ("compute", "memory")
UNITS = {"TB/s": 1e12, "GB/s": 1e9, "TiB/s": 2.0**40, "GiB/s": 2.0**30}
DECIMAL = {"TB/s": 1e12, "GB/s": 1e9, "TiB/s": 1e12, "GiB/s": 1e9}
ROUTINGS = ("random", "power_of_two", "shortest_queue")

Sheet = tuple[float, str, float, str]
Step = tuple[float, float, str]


def ridge(answer: object, steps: Mapping[str, Step], sheets: Mapping[str, Sheet]) -> Verdict:
    """Check exercise 1: which steps are bound by compute and which by memory.

    Parameters
    ----------
    answer : object
        The learner's ``"compute"`` or ``"memory"`` for each step, in order or by name.
    steps : mapping of str to tuple
        Operations, bytes, and the card, by the name of the step.
    sheets : mapping of str to tuple
        Printed peak in operations a second, ``"dense"`` or ``"sparse"``, printed bandwidth, and its
        unit: TB/s, GB/s, TiB/s or GiB/s, by card.

    Returns
    -------
    Verdict

    Raises
    ------
    ValueError
        If anything but the answer is out of range.

    Examples
    --------
    >>> sheets = {"card": (4e14, "sparse", 1.0, "TB/s")}
    >>> ridge(["memory"], {"prefill": (3e14, 1e12, "card")}, sheets)
    FAIL  prefill: got memory, expected compute: a sparse peak is twice what dense work gets
    """
    cards = {}
    for card, (peak, kind, bandwidth, unit) in check.instance("sheets", sheets, dict).items():
        check.one_of("sheets", kind, ("dense", "sparse"))
        check.one_of("sheets", unit, tuple(UNITS))
        printed = check.number("sheets", peak, above=0), check.number("sheets", bandwidth, above=0)
        cards[card] = (*printed, kind, unit)
    work = {}
    for name, (operations, moved, card) in check.instance("steps", steps, dict).items():
        if card not in cards:
            raise check.refuse("steps", f"on one of {list(cards)}", card)
        done = check.number("steps", operations, above=0)
        work[name] = (done / check.number("steps", moved, above=0), card)

    def sides(sparse: bool = False, units: Mapping[str, float] = UNITS) -> dict[str, str]:
        found = {}
        for name, (intensity, card) in work.items():
            peak, bandwidth, kind, unit = cards[card]
            dense = peak if sparse or kind == "dense" else peak / 2
            found[name] = SIDES[intensity < dense / (bandwidth * units[unit])]
        return found

    right = sides()
    swapped = [SIDES[side == "compute"] for side in right.values()]
    mistakes = {
        "a sparse peak is twice what dense work gets": list(sides(sparse=True).values()),
        "GiB and TiB are powers of 2, larger than GB and TB": list(sides(units=DECIMAL).values()),
        "halve sparse peaks, and read GiB and TiB as powers of 2": list(
            sides(sparse=True, units=DECIMAL).values()
        ),
        "the other way round: above the ridge there is arithmetic to wait for": swapped,
    }
    return choices(answer, dict(right), SIDES, dict(mistakes))


def line(answer: object, arrival: FloatArray, service: FloatArray, deadline: FloatArray) -> Verdict:
    """Check exercise 2: mean waits of three orders, and the deadlines that the last one misses.

    Parameters
    ----------
    answer : object
        The learner's mean waits under FCFS, SJF and EDF in seconds, and how many jobs finish after
        their deadline under EDF; or by ``fcfs``, ``sjf``, ``edf``, ``late``.
    arrival, service, deadline : array (n,)
        Of each job, seconds; at least one.

    Returns
    -------
    Verdict

    Raises
    ------
    ValueError
        If anything but the answer is out of range.

    Examples
    --------
    >>> line([1.5, 1.0, 1.5, 0], [0, 0], [3.0, 2.0], [4.0, 9.0])
    PASS  1.5, 1, 1.5, 0
    """
    arrival = check.ascending("arrival", arrival)
    if not arrival.size:
        raise check.refuse("arrival", "of length 1 or more", "length 0")
    service = check.sequence("service", service, size=arrival.size, least=0)
    deadline = check.sequence("deadline", deadline, size=arrival.size, least=0)

    def finished(policy: str, came: FloatArray) -> FloatArray:
        return np.asarray(scheduling.order(came, service, policy, deadline=deadline).finish)

    def waits(came: FloatArray) -> list[float]:
        return [
            float((finished(policy, came) - came - service).mean())
            for policy in ("fcfs", "sjf", "edf")
        ]

    late = int((finished("edf", arrival) > deadline).sum())
    fcfs, sjf, edf = waits(arrival)
    longest = scheduling.order(arrival, service, "priority", priority=-service).finish
    srpt = scheduling.order(arrival, service, "srpt").finish
    together = waits(np.zeros(arrival.size))
    mean = float(service.mean())
    mistakes = {
        "the wait ends when service begins: that is the sojourn": [
            fcfs + mean,
            sjf + mean,
            edf + mean,
            late,
        ],
        "SJF takes the shortest first, not the longest": [
            fcfs,
            float((longest - arrival - service).mean()),
            edf,
            late,
        ],
        "no job is interrupted: that is SRPT": [
            fcfs,
            float((srpt - arrival - service).mean()),
            edf,
            late,
        ],
        "a job cannot be chosen before it has arrived": [*together, late],
        "those are the jobs in time": [fcfs, sjf, edf, arrival.size - late],
        "a job is late if it ends after its deadline, not if it begins after it": [
            fcfs,
            sjf,
            edf,
            int((finished("edf", arrival) - service > deadline).sum()),
        ],
    }
    right = {"fcfs": fcfs, "sjf": sjf, "edf": edf, "late": float(late)}
    return numbers(answer, right, mistakes=mistakes)


def fits(
    answer: object, model: str, device: str, context: int, query_heads: int, dtype: str = "bf16"
) -> Verdict:
    """Check exercise 3: the largest batch, and the time of its decode step.

    Parameters
    ----------
    answer : object
        The learner's batch and seconds.
    model, device : str
        Names in the catalogue; the weights fit the device.
    context : int
        Tokens that each sequence has in the cache.
    query_heads : int
        Attention heads of the model, of which several share keys and values.
    dtype : str
        Of weights and cache.

    Returns
    -------
    Verdict

    Raises
    ------
    ValueError
        If anything but the answer is out of range, or not even one sequence fits.

    Examples
    --------
    >>> fits([58, 0.0234], "Llama-3.1-8B", "H100", 8000, query_heads=32)
    FAIL  batch: got 58, expected 60
    """
    known, card = hardware.model_of(model), hardware.device_of(device)
    context = check.count("context", context)
    heads = check.count("query_heads", query_heads, least=known.kv_heads)
    batch = int(hardware.largest_batch(model, device, context, dtype))
    if not batch:
        raise check.refuse("context", "such that a sequence fits", context)
    size = hardware.decode_step(model, device, batch, context, dtype)
    width = {"bf16": 2, "fp16": 2, "int8": 1, "fp8": 1}.get(dtype, 4)
    weights = width * known.parameters
    token = 2 * known.layers * known.kv_heads * known.head_dim * width

    def counted(memory: float, held: float, each: float) -> list[float]:
        found = max(0.0, (memory - held) // (each * context))
        return [found, (weights + found * each * context) / card.bandwidth]

    gib = card.memory / 1e9 * 2**30
    mistakes = {
        "query heads share keys and values: only KV heads are in the cache": counted(
            card.memory, weights, token * heads / known.kv_heads
        ),
        "a token has keys and values: twice the bytes": counted(card.memory, weights, token / 2),
        "the weights are in the memory too": counted(card.memory, 0, token),
        "the card's gigabytes are powers of ten": counted(gib, weights, token),
        "that step reads the weights alone; it reads every cache too": [
            batch,
            weights / card.bandwidth,
        ],
        "that step reads the caches alone; it reads the weights too": [
            batch,
            batch * token * context / card.bandwidth,
        ],
    }
    return numbers(answer, {"batch": float(batch), "seconds": float(size)}, "", 2e-3, mistakes)


def looks(
    answer: object, arrival: FloatArray, service: FloatArray, limit: float, seed: int
) -> Verdict:
    """Check exercise 4: the fewest servers of three routings that keep p99 sojourn in a limit.

    Parameters
    ----------
    answer : object
        The learner's three numbers of servers, by ``random``, ``power_of_two`` and
        ``shortest_queue``, or in this order.
    arrival, service : array (n,)
        Of each request, seconds; at least one.
    limit : float
        On the 99th percentile of the sojourn, above that of the service time alone.
    seed : int
        Of the generator that each run draws its servers with.

    Returns
    -------
    Verdict

    Raises
    ------
    ValueError
        If anything but the answer is out of range, or 200 servers do not suffice.

    Examples
    --------
    >>> looks([1, 1, 2], [0.0, 5.0], [1.0, 1.0], limit=1.5, seed=7)
    FAIL  shortest_queue: got 2, expected 1: one too many
    """
    arrival = check.ascending("arrival", arrival)
    if not arrival.size:
        raise check.refuse("arrival", "of length 1 or more", "length 0")
    service = check.sequence("service", service, size=arrival.size, above=0)
    seed = check.count("seed", seed, least=0)
    limit = check.number("limit", limit, above=float(np.quantile(service, 0.99)))
    busy = float(service.sum() / max(arrival[-1] - arrival[0], service.max()))
    least = max(1, math.ceil(0.9 * busy))

    def fewest(routing: str, keeps: Callable[[FloatArray, FloatArray], bool]) -> int:
        for servers in range(least, 201):
            rng = np.random.default_rng(seed)
            path = simulation.routed(arrival, service, servers, routing, rng)
            if keeps(path.finish - arrival, path.finish - arrival - service):
                return servers
        raise check.refuse("limit", "within reach of 200 servers", limit)

    def count(keeps: Callable[[FloatArray, FloatArray], bool]) -> dict[str, int]:
        return {routing: fewest(routing, keeps) for routing in ROUTINGS}

    right = count(lambda sojourn, wait: bool(np.quantile(sojourn, 0.99) <= limit))
    on_average = count(lambda sojourn, wait: bool(sojourn.mean() <= limit))
    waiting = count(lambda sojourn, wait: bool(np.quantile(wait, 0.99) <= limit))
    load = math.floor(busy) + 1
    mistakes: dict[str, list[float]] = {
        "that keeps the mean within the limit, not the 99th percentile": [*on_average.values()],
        "a request waits and is served: the limit is on the sojourn, not on the wait": [
            *waiting.values()
        ],
        "enough for the load is not enough for the tail": [load] * 3,
    }
    expected = {routing: float(servers) for routing, servers in right.items()}
    return numbers(answer, expected, tolerance=1e-3, mistakes=mistakes)
