"""Checks of the exercises on caching."""

from collections import deque
from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

import numpy as np
from scipy import special

from labs import caching, hardware, workload
from labs.checks.answers import Verdict, choices, number, numbers, whole
from labs.checks.exercise import Givens, exercise
from labs.validation import FloatArray, IntArray

Serve = Callable[..., object]


@exercise(adapters=(1, 2, 3, 4, 2, 5, 1, 5, 1, 2, 4, 1, 5, 1), slots=3)
def misses(answer: object, given: Givens) -> Verdict:
    """Check exercise 1: the misses of FIFO, LRU, CLOCK and Belady's policy.

    Examples
    --------
    >>> misses([8, 10, 7, 6])
    FAIL  fifo: got 8: FIFO and LRU are swapped
    """
    trace, slots = np.array(given.adapters), given.slots
    listed = trace.tolist()
    policies = ("fifo", "lru", "clock", "belady")
    missed = {policy: int((~caching.hits(trace, slots, policy)).sum()) for policy in policies}
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


def _texts(seed: int) -> Mapping[str, Any]:
    rng = np.random.default_rng(seed)
    return {"asked": 1 + np.rint(rng.lognormal(mean=2.0, sigma=1.6, size=20_000))}


@exercise(_texts, target=0.7)
def room(answer: object, given: Givens) -> Verdict:
    """Check exercise 2: the fewest objects with which an LRU cache reaches a hit ratio.

    Under Che's approximation: T from ``Σ p (1 - exp(-p T)) = target``, then
    ``Σ (1 - exp(-p T))``, rounded up.

    Examples
    --------
    >>> room(14_000)
    FAIL  got 14000 objects: that is the target times the number of texts, but texts are not
    equally popular
    """
    rates, target = np.asarray(given.asked, dtype=float), given.target
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


RULES = {"v6": "Cite the page.", "v7": "Cite page and edition."}
PAGES = {("acme", 31): "A1", ("acme", 32): "A2", ("bolt", 31): "B1", ("bolt", 32): "B2"}
OPTIONS: dict[str, list[Any]] = {
    "prompt": ["Opening hours?", "Where is gate B?"],
    "model": ["v6", "v7"],
    "index": [31, 32],
    "temperature": [0.0, 0.8],
    "top_p": [0.9, 1.0],
    "seed": [1, 2],
    "tenant": ["acme", "bolt"],
    "user": ["ann", "bob"],
    "stream": [False, True],
    "trace": ["4f", "a7"],
}


def serve(
    prompt: str,
    model: str,
    index: int,
    temperature: float,
    top_p: float,
    seed: int,
    tenant: str,
    user: str,
    stream: bool,
    trace: str,
) -> str:
    """Return the answer of exercise 3's service to a request.

    Parameters
    ----------
    prompt, model, index, temperature, top_p, seed, tenant, user, stream, trace : object
        The request.

    Returns
    -------
    str

    Examples
    --------
    >>> serve("Opening hours?", "v6", 31, 0.0, 0.9, 1, "acme", "ann", False, "4f")
    'Cite the page. opening hours? A1'
    """
    words = [RULES[model], prompt.strip().lower(), PAGES[tenant, index]]
    if temperature > 0:
        words.append(f"draw {seed} of {temperature} within {top_p}")
    parts = words if stream else [" ".join(words)]
    return " ".join(parts)


def _yesterday() -> list[dict[str, Any]]:
    rng = np.random.default_rng(7)
    calm = {"model": "v6", "index": 31, "temperature": 0.0}
    return [
        {name: values[rng.integers(2)] for name, values in OPTIONS.items()} | calm
        for _ in range(200)
    ]


@exercise(serve=serve, options=OPTIONS, log=_yesterday())
def recipe(answer: object, given: Givens) -> Verdict:
    """Check exercise 3: which fields of a request belong in the key of a response cache.

    A field does if some two requests that differ in it alone get different answers.

    Examples
    --------
    >>> recipe(["key"] * 10)
    FAIL  got key, key, key, key, key, key, ...: then hardly any two requests share an entry
    """
    serve, fields = given.serve, dict(given.options)
    requests = {field: [request[field] for request in given.log] for field in fields}
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


@exercise(model="Llama-3.1-70B", tenants=3, dram=0.004, device="H100", cards=4, busy=0.75)
def plan(answer: object, given: Givens) -> Verdict:
    """Check exercise 4: the prefix cache with which prefill and memory are likely to cost least.

    Of the capacities recorded on the Mooncake conversation trace. Servers: ``⌈tenants · rate ·
    prefill time of the mean uncached prompt / busy⌉`` with the middle of the forecast; memory:
    ``tenants · capacity`` blocks.

    Examples
    --------
    >>> plan([500, 8, 128.35])
    FAIL  blocks: got 500: not right, and none of the usual slips
    """
    model, device = hardware.model_of(given.model), hardware.device_of(given.device)
    tenants, dram, cards = given.tenants, given.dram, given.cards
    facts = workload.mooncake_facts()
    size = np.array(facts["lru"]["capacity"])
    block = facts["block_tokens"] * caching.kv_bytes_per_token(model) / 1e9
    tokens = np.array(facts["lru"]["uncached_mean"])
    read = hardware.forecast(model, device, 0, 0, "bf16", cards, prefill=tokens)
    least = [hardware.prefill_time(model, device, left, "bf16", cards) for left in tokens]
    load = tenants * facts["rate"] * np.asarray(read.mid)
    rent = tenants * size * block * dram
    server = cards * device.price
    exact = load / given.busy
    servers = np.array([whole(one) for one in exact], dtype=np.float64)

    def cheapest(count: FloatArray, memory: FloatArray) -> list[float]:
        dollars = count * server + memory
        best = int(dollars.argmin())
        return [float(size[best]), float(count[best]), float(dollars[best])]

    def at(best: int) -> list[float]:
        return [float(size[best]), servers[best], servers[best] * server + rent[best]]

    arrivals = tenants * facts["rate"] / given.busy
    at_least, at_worst = (
        np.array([whole(arrivals * one) for one in seconds], dtype=np.float64)
        for seconds in (least, np.asarray(read.high))
    )
    all_busy = np.array([whole(one) for one in load], dtype=np.float64)
    mistakes = {
        "servers are whole: half a server less saves nothing": cheapest(exact, rent),
        "that is the memory of one tenant": cheapest(servers, rent / tenants),
        "keys and values both take memory": cheapest(servers, rent / 2),
        "that plans on the bound, which no system reaches": cheapest(at_least, rent),
        "that plans on the high end of the forecast": cheapest(at_worst, rent),
        "the servers would be busy all the time": cheapest(all_busy, rent),
        "that cache spares the most prefill, whatever it costs": at(size.size - 1),
        "those are the fewest servers, whatever the memory costs": at(int(servers.argmin())),
    }
    expected = dict(zip(("blocks", "servers", "dollars"), cheapest(servers, rent), strict=True))
    return numbers(answer, expected, tolerance=2e-3, mistakes=mistakes)


def _audit(seed: int) -> Mapping[str, Any]:
    rng = np.random.default_rng(seed)
    cosine = rng.beta(12, 1.3, size=1500)
    chance = 1 / (1 + np.exp(-35 * (cosine - 0.8)))
    return {"cosine": cosine, "stands": (rng.random(1500) < chance).astype(int)}


@exercise(
    _audit,
    thresholds=(0.84, 0.86, 0.88, 0.9, 0.91, 0.92, 0.93, 0.94, 0.95, 0.96, 0.97),
    prices={"call": 0.004, "wrong": 0.12, "lookup": 0.0002},
)
def threshold(answer: object, given: Givens) -> Verdict:
    """Check exercise 5: the threshold of a semantic cache that surely gains the most.

    With h the share of lookups that hit and u the upper end of the one-sided 95% interval for the
    share of hits that is wrong (Clopper and Pearson), a lookup gains
    ``h (call - u wrong) - lookup``.

    Examples
    --------
    >>> threshold(0.9)
    FAIL  answer must be 2 numbers: threshold, dollars, got 0.9
    """
    near, right = np.asarray(given.cosine), np.asarray(given.stands)
    levels = np.asarray(given.thresholds, dtype=float)
    call, wrong, lookup = (given.prices[name] for name in ("call", "wrong", "lookup"))
    hits = np.array([(near >= level).sum() for level in levels])
    bad = np.array([((near >= level) & (right == 0)).sum() for level in levels])
    share = hits / near.size
    seen = bad / np.maximum(hits, 1)

    def most(bound: FloatArray, paid: FloatArray = share, cost: float = lookup) -> list[float]:
        gain = 1000 * (share * call - paid * bound * wrong - cost)
        best = int(gain.argmax())
        return [float(levels[best]), float(gain[best])]

    expected = most(_upper(bad, hits, 0.95))
    spread = special.ndtri(0.95) * np.sqrt(seen * (1 - seen) / np.maximum(hits, 1))
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
    from scipy import optimize

    return float(np.exp(optimize.brentq(short, least, most, xtol=1e-14, rtol=1e-14)))


def _answers(serve: Serve, fields: dict[str, list[Any]]) -> dict[tuple[int, ...], str]:
    """Return what is served for each combination of the fields' values, by their places."""
    return {
        places: repr(serve(**{f: v[i] for (f, v), i in zip(fields.items(), places, strict=True)}))
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
        len({repr(serve(**{**request, field: value})) for value in [request[field], *values]}) > 1
        for request in requests
    )


def _upper(bad: IntArray, hits: IntArray, level: float) -> FloatArray:
    """Return the upper end of the one-sided interval for a share, 1 where all or none are bad."""
    good = np.maximum(hits - bad, 1)
    return np.where(hits > bad, special.betaincinv(bad + 1, good, level), 1.0)
