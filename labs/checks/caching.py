"""Checks of the exercises on caching."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
from scipy import optimize, stats

from labs import caching, hardware, workload
from labs import validation as check
from labs.checks.answers import Verdict, choices, number, numbers, whole
from labs.validation import FloatArray, IntArray

COMBINATIONS = 100_000

Serve = Callable[..., object]


def misses(answer: object, trace: IntArray, slots: int) -> Verdict:
    """Check exercise 1: the misses of FIFO, LRU, CLOCK and Belady's policy.

    Parameters
    ----------
    answer : object
        The learner's four counts, in this order or by ``fifo``, ``lru``, ``clock``, ``belady``.
    trace : array (n,) of int
        The object of each request, at least one.
    slots : int
        Objects that fit; the cache starts empty.

    Returns
    -------
    Verdict

    Raises
    ------
    ValueError
        If anything but the answer is out of range.

    Examples
    --------
    >>> misses([2, 2, 1, 2], [1, 2, 1], slots=2)
    FAIL  clock: got 1, expected 2: one too few
    """
    slots = check.count("slots", slots)
    policies = ("fifo", "lru", "clock", "belady")
    missed = {policy: int((~caching.hits(trace, slots, policy)).sum()) for policy in policies}
    listed = np.asarray(trace).tolist()
    if not listed:
        raise check.refuse("trace", "of length 1 or more", "length 0")
    fifo, lru, clock, belady = missed.values()
    cold = len(set(listed))
    mistakes: dict[str, list[float]] = {
        "those are the hits: count the loads": [len(listed) - count for count in missed.values()],
        "the first load of each adapter counts too": [count - cold for count in missed.values()],
        "FIFO and LRU are swapped": [lru, fifo, clock, belady],
        "under FIFO a hit does not make an adapter younger": [lru, lru, clock, belady],
        "under LRU a hit does make an adapter younger": [fifo, fifo, clock, belady],
        "CLOCK's mark is set by a hit, not by the load": [
            fifo,
            lru,
            _marked(listed, slots),
            belady,
        ],
    }
    return numbers(answer, missed, tolerance=0, mistakes=mistakes)


def room(answer: object, popularity: FloatArray, target: float) -> Verdict:
    """Check exercise 2: the fewest objects with which an LRU cache reaches a hit ratio.

    Under Che's approximation: T from ``Σ p (1 - exp(-p T)) = target``, then
    ``Σ (1 - exp(-p T))``, rounded up.

    Parameters
    ----------
    answer : object
        The learner's number of objects.
    popularity : array (k,)
        Relative request rates, above 0, of two objects or more.
    target : float
        Hit ratio to reach, between 0 and 1.

    Returns
    -------
    Verdict

    Raises
    ------
    ValueError
        If anything but the answer is out of range.

    Examples
    --------
    >>> room(50, [1.0] * 100, target=0.5)
    PASS  50 objects
    """
    rates = check.sequence("popularity", popularity, least=check.LEAST, most=check.MOST)
    target = check.number("target", target, above=0, below=1)
    if rates.size < 2:
        raise check.refuse("popularity", "of length 2 or more", f"length {rates.size}")
    share = rates / rates.sum()

    def present(time: float) -> FloatArray:
        return np.asarray(-np.expm1(-share * time))

    def present_under_fifo(time: float) -> FloatArray:
        return np.asarray(share * time / (1 + share * time))

    time = _time_to(present, share, target)
    fifo_time = _time_to(present_under_fifo, share, target)
    ranked = np.cumsum(np.sort(share)[::-1])
    mistakes = {
        "that many would do if they were the most popular and never left; "
        "LRU also holds what is passing through": float(np.searchsorted(ranked, target) + 1),
        "that is the target times the number of texts, but texts are not equally popular": whole(
            target * share.size
        ),
        "that is the characteristic time, in requests; count the distinct texts in it": whole(time),
        "FIFO would need that many; under LRU a hit starts the clock anew": whole(
            present_under_fifo(fifo_time).sum()
        ),
        "rounded down, it falls just short: round up": whole(present(time).sum()) - 1,
    }
    expected = whole(present(time).sum())
    return number(answer, expected, "objects", tolerance=0, mistakes=mistakes)


def recipe(
    answer: object,
    serve: Serve,
    options: Mapping[str, Sequence[Any]],
    log: Sequence[Mapping[str, Any]],
) -> Verdict:
    """Check exercise 3: which fields of a request belong in the key of a response cache.

    A field does if some two requests that differ in it alone get different answers.

    Parameters
    ----------
    answer : object
        The learner's ``key`` or ``out`` for each field, in their order or by their names.
    serve : callable
        Takes the fields by name and returns an answer.
    options : mapping of str to sequence
        Values that each field can take, at most 100,000 combinations.
    log : sequence of mapping
        Requests of a day, at least one, each with exactly those fields.

    Returns
    -------
    Verdict

    Raises
    ------
    ValueError
        If anything but the answer is out of range, or ``serve`` fails on a combination.

    Examples
    --------
    >>> recipe(["key"], lambda prompt: prompt, {"prompt": ["a", "b"]}, [{"prompt": "a"}])
    PASS  key
    """
    fields = _fields(options)
    requests = _log(log, fields)
    said = _answers(serve, fields)
    expected = {field: _varies(said, place) for place, field in enumerate(fields)}

    def written(keys: Mapping[str, bool]) -> dict[str, str]:
        return {field: "key" if keys[field] else "out" for field in fields}

    seen = {field: [v for v in fields[field] if v in requests[field]] for field in fields}
    in_log = _answers(serve, seen)
    logged = {field: _varies(in_log, place) for place, field in enumerate(fields)}
    rows = [dict(zip(fields, row, strict=True)) for row in zip(*requests.values(), strict=True)]
    alone = {field: _varies_alone(serve, rows, field, fields[field]) for field in fields}
    first = next(iter(fields))
    patterns = {
        "what did not vary in the log may vary tomorrow: try every option": logged,
        "a field may matter only beside another: vary them together": alone,
        "then hardly any two requests share an entry": dict.fromkeys(fields, True),
        f"the answer depends on more than {first}": {field: field == first for field in fields},
        "key and out are swapped": {field: not expected[field] for field in fields},
    }
    for field, belongs in expected.items():
        told = (
            f"two requests that differ in {field} alone would share an answer that fits one"
            if belongs
            else f"{field} changes no answer, and keeps apart requests that could share"
        )
        patterns[told] = {**expected, field: not belongs}
    mistakes = {reason: list(written(keys).values()) for reason, keys in patterns.items()}
    return choices(answer, written(expected), ["key", "out"], mistakes)


def plan(
    answer: object,
    model: hardware.Model | str,
    tenants: int,
    dram: float,
    *,
    device: hardware.Device | str = "H100",
    cards: int = 4,
    reached: float = 0.5,
    busy: float = 0.75,
) -> Verdict:
    """Check exercise 4: the prefix cache with which prefill and memory cost least.

    Of the capacities recorded on the Mooncake conversation trace. Servers: ``⌈tenants · rate ·
    prefill time of the mean uncached prompt / busy⌉``; memory: ``tenants · capacity`` blocks.

    Parameters
    ----------
    answer : object
        The learner's blocks a tenant, servers, and dollars an hour.
    model : Model or str
        What is served, in 16 bits.
    tenants : int
        How many send the recorded hour, each with a cache of its own.
    dram : float
        US dollars for a GB (10⁹ bytes) of host memory and hour.
    device : Device or str
        Cards of the servers.
    cards : int
        Cards of a server.
    reached : float
        Share of the peak that prefill reaches.
    busy : float
        Share of the time that servers may be busy.

    Returns
    -------
    Verdict

    Raises
    ------
    ValueError
        If anything but the answer is out of range, or a prompt does not fit a server.

    Examples
    --------
    >>> plan([500, 1, 15.96], "Qwen2.5-7B", tenants=1, dram=0.01)
    FAIL  dollars: got 15.96, expected 16.1068
    """
    model, device = hardware.model_of(model), hardware.device_of(device)
    tenants = check.count("tenants", tenants, most=1_000_000)
    dram = float(check.amounts("dram", check.number("dram", dram)))
    cards = check.count("cards", cards)
    reached = check.number("reached", reached, least=0.01, most=1)
    busy = check.number("busy", busy, least=0.01, most=1)
    facts = workload.mooncake_facts()
    size = np.array(facts["lru"]["capacity"])
    block = facts["block_tokens"] * caching.kv_bytes_per_token(model) / 1e9
    if "bf16" not in device.flops:
        raise check.refuse("device", "one that computes in bf16", device.name)
    try:
        left = [
            hardware.prefill_time(model, device, tokens, "bf16", cards)
            for tokens in facts["lru"]["uncached_mean"]
        ]
    except ValueError:
        raise check.refuse("cards", "enough to hold weights and a prompt", cards) from None
    load = tenants * facts["rate"] * np.array(left) / reached
    rent = tenants * size * block * dram
    server = cards * device.price
    exact = load / busy
    servers = np.array([whole(one) for one in exact], dtype=np.float64)

    def cheapest(count: FloatArray, memory: FloatArray) -> list[float]:
        dollars = count * server + memory
        best = int(dollars.argmin())
        return [float(size[best]), float(count[best]), float(dollars[best])]

    def at(best: int) -> list[float]:
        return [float(size[best]), servers[best], servers[best] * server + rent[best]]

    at_peak = np.array([whole(one) for one in exact * reached], dtype=np.float64)
    all_busy = np.array([whole(one) for one in load], dtype=np.float64)
    mistakes = {
        "servers are whole: half a server less saves nothing": cheapest(exact, rent),
        "that is the memory of one tenant": cheapest(servers, rent / tenants),
        "keys and values both take memory": cheapest(servers, rent / 2),
        "prefill reaches only a share of the peak": cheapest(at_peak, rent),
        "the servers would be busy all the time": cheapest(all_busy, rent),
        "that cache spares the most prefill, whatever it costs": at(size.size - 1),
        "those are the fewest servers, whatever the memory costs": at(int(servers.argmin())),
    }
    expected = dict(zip(("blocks", "servers", "dollars"), cheapest(servers, rent), strict=True))
    return numbers(answer, expected, tolerance=2e-3, mistakes=mistakes)


def threshold(
    answer: object,
    cosine: FloatArray,
    stands: IntArray,
    thresholds: FloatArray,
    *,
    call: float,
    wrong: float,
    lookup: float,
) -> Verdict:
    """Check exercise 5: the threshold of a semantic cache that surely gains the most.

    With h the share of lookups that hit and u the upper end of the one-sided 95% interval for the
    share of hits that is wrong (Clopper and Pearson), a lookup gains
    ``h (call - u wrong) - lookup``.

    Parameters
    ----------
    answer : object
        The learner's threshold, and the gain it ensures in US dollars a thousand lookups.
    cosine : array (n,)
        Similarity of each lookup to the nearest entry, at least one.
    stands : array (n,) of int
        1 where that entry's answer was judged right, else 0.
    thresholds : array (k,)
        To choose from.
    call, wrong, lookup : float
        US dollars: a call saved, a wrong answer, a lookup.

    Returns
    -------
    Verdict

    Raises
    ------
    ValueError
        If anything but the answer is out of range.

    Examples
    --------
    >>> near, right = [0.9] * 100, [1] * 100
    >>> threshold([0.9, 4.0], near, right, [0.8, 0.9], call=0.01, wrong=0.1, lookup=0.003)
    FAIL  threshold: got 0.9, expected 0.8
    """
    near = check.sequence("cosine", cosine, least=-1, most=1)
    if not near.size:
        raise check.refuse("cosine", "of length 1 or more", "length 0")
    right = check.sequence("stands", stands, size=near.size, least=0, most=1, whole=True)
    levels = check.sequence("thresholds", thresholds, least=-1, most=1)
    if not levels.size:
        raise check.refuse("thresholds", "of length 1 or more", "length 0")
    call, wrong, lookup = (
        check.number(name, value, least=0, most=check.MOST)
        for name, value in (("call", call), ("wrong", wrong), ("lookup", lookup))
    )
    hits = np.array([(near >= level).sum() for level in levels])
    bad = np.array([((near >= level) & (right == 0)).sum() for level in levels])
    share = hits / near.size
    seen = bad / np.maximum(hits, 1)

    def most(bound: FloatArray, paid: FloatArray = share, cost: float = lookup) -> list[float]:
        gain = 1000 * (share * call - paid * bound * wrong - cost)
        best = int(gain.argmax())
        return [float(levels[best]), float(gain[best])]

    expected = most(_upper(bad, hits, 0.95))
    spread = stats.norm.ppf(0.95) * np.sqrt(seen * (1 - seen) / np.maximum(hits, 1))
    mistakes = {
        "that takes the share seen to be wrong for the true one; take its bound": most(seen),
        "2.5% lie above that end; one-sided at 95%, it is 5%": most(_upper(bad, hits, 0.975)),
        "the normal interval is too short where few hits are wrong": most(seen + spread),
        "only hits can be wrong: weigh the price of a mistake by the hit ratio": most(
            _upper(bad, hits, 0.95), np.ones_like(share)
        ),
        "the lookup is paid by every request too": most(_upper(bad, hits, 0.95), cost=0.0),
        "that is the gain of one lookup, not of a thousand": [expected[0], expected[1] / 1000],
    }
    named = dict(zip(("threshold", "dollars"), expected, strict=True))
    return numbers(answer, named, tolerance=3e-3, mistakes=mistakes)


def _marked(trace: list[int], slots: int) -> float:
    """Return the misses of a CLOCK that marks what it loads."""
    queue: deque[int] = deque()
    marks: set[int] = set()
    missed = 0
    for item in trace:
        if item not in queue:
            missed += 1
            if len(queue) == slots:
                while (oldest := queue.popleft()) in marks:
                    marks.remove(oldest)
                    queue.append(oldest)
            queue.append(item)
        marks.add(item)
    return missed


def _time_to(present: Callable[[float], FloatArray], share: FloatArray, target: float) -> float:
    """Return the characteristic time at which a share of requests finds its object present."""

    def short(log_time: float) -> float:
        return float(share @ present(np.exp(log_time))) - target

    least = np.log(target / 2)
    most = np.log(4 / (1 - target) / share.min())
    return float(np.exp(optimize.brentq(short, least, most, xtol=1e-14, rtol=1e-14)))


def _fields(options: object) -> dict[str, list[Any]]:
    if not isinstance(options, Mapping) or not options:
        raise check.refuse("options", "a mapping from fields, not empty", options)
    for field, values in options.items():
        if not isinstance(field, str) or not isinstance(values, list | tuple) or not values:
            raise check.refuse("options", "lists of values by field", options)
    listed = {field: list(values) for field, values in options.items()}
    combinations = np.prod([float(len(values)) for values in listed.values()])
    if combinations > COMBINATIONS:
        raise check.refuse("options", f"of at most {COMBINATIONS} combinations", combinations)
    return listed


def _log(log: object, fields: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Return the values of each field, request by request."""
    if not isinstance(log, list | tuple) or not log:
        raise check.refuse("log", "a list of requests, not empty", log)
    for request in log:
        if not isinstance(request, Mapping) or set(request) != set(fields):
            raise check.refuse("log", f"of requests with {', '.join(fields)}", request)
    return {field: [request[field] for request in log] for field in fields}


def _said(serve: Serve, request: Mapping[str, Any]) -> str:
    try:
        return repr(serve(**request))
    except Exception as problem:
        raise check.refuse("serve", "a function of the fields", problem) from None


def _answers(serve: Serve, fields: dict[str, list[Any]]) -> dict[tuple[int, ...], str]:
    """Return what is served for each combination of the fields' values, by their places."""
    return {
        places: _said(serve, {f: v[i] for (f, v), i in zip(fields.items(), places, strict=True)})
        for places in product(*(range(len(values)) for values in fields.values()))
    }


def _varies(said: dict[tuple[int, ...], str], field: int) -> bool:
    """Say whether answers differ between some two combinations that differ in one field alone."""
    known: dict[tuple[int, ...], str] = {}
    for places, text in said.items():
        rest = places[:field] + places[field + 1 :]
        if known.setdefault(rest, text) != text:
            return True
    return False


def _varies_alone(
    serve: Serve, requests: list[dict[str, Any]], field: str, values: list[Any]
) -> bool:
    """Say whether changing one field changes the answer to some logged request."""
    return any(
        len({_said(serve, {**request, field: value}) for value in [request[field], *values]}) > 1
        for request in requests
    )


def _upper(bad: IntArray, hits: IntArray, level: float) -> FloatArray:
    """Return the upper end of the one-sided interval for a share, 1 where all or none are bad."""
    good = np.maximum(hits - bad, 1)
    return np.where(hits > bad, stats.beta.ppf(level, bad + 1, good), 1.0)
