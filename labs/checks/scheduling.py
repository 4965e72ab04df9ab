"""Checks of the exercises on hardware-aware scheduling."""

import itertools
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from labs import hardware, scheduling, simulation, workload
from labs.checks.answers import Verdict, choices, numbers
from labs.checks.exercise import Givens, exercise
from labs.validation import FloatArray

SIDES = ("compute", "memory")
UNITS = {"TB/s": 1e12, "GB/s": 1e9, "TiB/s": 2.0**40, "GiB/s": 2.0**30}
DECIMAL = {"TB/s": 1e12, "GB/s": 1e9, "TiB/s": 1e12, "GiB/s": 1e9}
ROUTINGS = ("random", "power_of_two", "shortest_queue")

LLAMA = hardware.MODELS["Llama-3.1-8B"]


def _step(tokens: int, context: int, card: str, bits: int = 16) -> tuple[float, float, str]:
    """Return the operations, bytes and card of a step of Llama-3.1-8B."""
    cached = 2 * LLAMA.layers * LLAMA.kv_heads * LLAMA.head_dim * 2  # bytes a token
    moved = bits / 8 * LLAMA.parameters + tokens * context * cached
    return 2 * LLAMA.parameters * tokens, moved, card


@exercise(
    # Peak in op/s, for which matrices, bandwidth, unit.
    sheets={"L4": (242e12, "sparse", 300.0, "GB/s"), "H100": (989e12, "dense", 3120.0, "GiB/s")},
    steps={
        "prefill of 500": _step(500, 0, "L4"),
        "prefill of 350": _step(350, 0, "L4"),
        "prefill of 305": _step(305, 0, "H100"),
        "prefill of 280": _step(280, 0, "H100"),
        "decode of 256, 2,000 in cache": _step(256, 2000, "H100"),
        "decode of 256, 20 in cache, 8-bit weights": _step(256, 20, "H100", bits=8),
    },
)
def ridge(answer: object, given: Givens) -> Verdict:
    """Check exercise 1: which steps are bound by compute and which by memory.

    Examples
    --------
    >>> ridge(["compute"])
    FAIL  answer must be 6 of compute, memory, in order, got ['compute']
    """
    cards = given.sheets
    work = {name: (done / moved, card) for name, (done, moved, card) in given.steps.items()}

    def sides(sparse: bool = False, units: Mapping[str, float] = UNITS) -> dict[str, str]:
        found = {}
        for name, (intensity, card) in work.items():
            peak, kind, bandwidth, unit = cards[card]
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


@exercise(
    arrival=np.array([0, 1, 2, 3, 4, 5]),
    service=np.array([4, 6, 1, 3, 2, 1]),
    deadline=np.array([5, 12, 20, 9, 19, 7]),
)
def line(answer: object, given: Givens) -> Verdict:
    """Check exercise 2: mean waits of three orders, and the deadlines that the last one misses.

    Examples
    --------
    >>> line([1.0, 1.0, 1.0, 0])
    FAIL  fcfs: got 1: not right, and none of the usual slips
    """
    arrival, service = np.asarray(given.arrival), np.asarray(given.service)
    deadline = np.asarray(given.deadline)

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


@exercise(model="Llama-3.1-8B", card="A100-80", context=6000, query_heads=32)
def fits(answer: object, given: Givens) -> Verdict:
    """Check exercise 3: the largest batch in bf16, and the seconds of its decode step.

    Examples
    --------
    >>> fits([58, 0.0234])
    FAIL  batch: got 58: not right, and none of the usual slips
    """
    known, card = hardware.model_of(given.model), hardware.device_of(given.card)
    context, heads = given.context, given.query_heads
    batch = int(hardware.largest_batch(known, card, context, "bf16"))
    size = hardware.decode_step(known, card, batch, context, "bf16")
    weights, read = 2 * known.parameters, 2 * known.used_parameters
    token = 2 * known.layers * known.kv_heads * known.head_dim * 2

    def counted(memory: float, held: float, each: float) -> list[float]:
        found = max(0.0, (memory - held) // (each * context))
        return [found, (read + found * each * context) / card.bandwidth]

    printed = 1e9 * round(card.memory / 2**30)
    mistakes = {
        "query heads share keys and values: only KV heads are in the cache": counted(
            card.memory, weights, token * heads / known.kv_heads
        ),
        "a token has keys and values: twice the bytes": counted(card.memory, weights, token / 2),
        "the weights are in the memory too": counted(card.memory, 0, token),
        "the card's gigabytes are of 2³⁰ bytes: take what the driver reports": counted(
            printed, weights, token
        ),
        "the first embedding is looked up and not read": [
            batch,
            (weights + batch * token * context) / card.bandwidth,
        ],
        "that step reads the weights alone; it reads every cache too": [
            batch,
            read / card.bandwidth,
        ],
        "that step reads the caches alone; it reads the weights too": [
            batch,
            batch * token * context / card.bandwidth,
        ],
    }
    return numbers(answer, {"batch": float(batch), "seconds": float(size)}, "", 2e-3, mistakes)


def _minute(seed: int) -> Mapping[str, Any]:
    rng = np.random.default_rng(seed)
    arrival = workload.poisson(120.0, 4000, rng)
    service = rng.gamma(2.0, 0.03, size=arrival.size)
    return {"arrival": arrival, "service": service, "seed": seed}


@exercise(_minute, limit=0.5)
def looks(answer: object, given: Givens) -> Verdict:
    """Check exercise 4: the fewest servers of three routings that keep p99 sojourn in a limit.

    Each run draws its servers with a new generator of ``seed``.

    Examples
    --------
    >>> looks([8, 8, 8])
    FAIL  random: got 8: enough for the load is not enough for the tail
    """
    arrival, service = np.asarray(given.arrival), np.asarray(given.service)
    seed, limit = given.seed, given.limit
    busy = float(service.sum() / max(arrival[-1] - arrival[0], service.max()))
    least = max(1, math.ceil(0.9 * busy))

    def fewest(routing: str, keeps: Callable[[FloatArray, FloatArray], bool]) -> int:
        for servers in itertools.count(least):
            rng = np.random.default_rng(seed)
            path = simulation.routed(arrival, service, servers, routing, rng)
            if keeps(path.finish - arrival, path.finish - arrival - service):
                break
        return servers

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
