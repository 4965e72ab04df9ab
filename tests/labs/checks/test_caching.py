"""Exercise checks on caching: right answers pass, usual mistakes are named, nothing stumbles."""

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from hostile import HOSTILE
from scipy import optimize, stats

from labs import caching, checks, hardware, workload
from labs.checks import caching as check

TRACE, SLOTS = [1, 2, 3, 4, 2, 5, 1, 5, 1, 2, 4, 1, 5, 1], 3
BELADY_1969 = [1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5]
TARGET = 0.7
MODEL, TENANTS, DRAM = "Llama-3.1-70B", 3, 0.004
LEVELS = [0.84, 0.88, 0.9, 0.92, 0.94, 0.96]
PRICES = {"call": 0.004, "wrong": 0.12, "lookup": 0.0002}
OPTIONS: dict[str, list[Any]] = {
    "prompt": ["a", "b"],
    "model": ["v6", "v7"],
    "temperature": [0.0, 0.8],
    "seed": [1, 2],
    "tenant": ["acme", "bolt"],
    "trace": ["4f", "a7"],
}
LOG = [
    {"prompt": p, "model": "v6", "temperature": 0.0, "seed": s, "tenant": t, "trace": "4f"}
    for p in ("a", "b")
    for s in (1, 2)
    for t in ("acme", "bolt")
]


def serve(
    prompt: str, model: str, temperature: float, seed: int, tenant: str, trace: str
) -> list[object]:
    """Answer depends on the seed beside a temperature only, and never on the trace."""
    drawn = [temperature, seed] if temperature > 0 else []
    return [model, tenant, prompt, *drawn]


def asked(seed: int) -> np.ndarray:
    return 1 + np.rint(np.random.default_rng(seed).lognormal(2.0, 1.6, size=2000))


def audit(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    cosine = rng.beta(12, 1.3, size=1500)
    chance = 1 / (1 + np.exp(-35 * (cosine - 0.8)))
    return cosine, (rng.random(1500) < chance).astype(int)


COSINE, STANDS = audit(7)


def counted(answer: object, trace: list[int], slots: int) -> checks.Verdict:
    return check.misses.judge(answer, checks.Givens(adapters=trace, slots=slots))


def room_for(answer: object, popularity: np.ndarray, target: float) -> checks.Verdict:
    return check.room.judge(answer, checks.Givens(asked=popularity, target=target))


def keyed(answer: object, serve: Any = serve, options: Any = None, log: Any = None) -> Any:
    given = checks.Givens(serve=serve, options=options or OPTIONS, log=log or LOG)
    return check.recipe.judge(answer, given)


def audited(
    answer: object,
    cosine: Any,
    stands: Any,
    thresholds: Any = LEVELS,
    prices: dict[str, float] = PRICES,
) -> checks.Verdict:
    given = checks.Givens(cosine=cosine, stands=stands, thresholds=thresholds, prices=prices)
    return check.threshold.judge(answer, given)


def misses(answer: object) -> checks.Verdict:
    return check.misses(answer)


def room(answer: object) -> checks.Verdict:
    return room_for(answer, asked(7), TARGET)


def recipe(answer: object) -> checks.Verdict:
    return keyed(answer)


def plan(answer: object) -> checks.Verdict:
    return check.plan(answer)


def threshold(answer: object) -> checks.Verdict:
    return audited(answer, COSINE, STANDS)


# Right answers, found in another way


def loads(trace: list[int], slots: int, on_hit: str) -> int:
    """Misses of a queue that a hit leaves alone, renews in, or marks in (CLOCK)."""
    queue: list[int] = []
    marked: set[int] = set()
    missed = 0
    for item in trace:
        if item in queue:
            if on_hit == "renew":
                queue.append(queue.pop(queue.index(item)))
            if on_hit in ("mark", "mark loads too"):
                marked.add(item)
            continue
        missed += 1
        while len(queue) == slots:
            oldest = queue.pop(0)
            if oldest in marked:
                marked.discard(oldest)
                queue.append(oldest)
        queue.append(item)
        if on_hit == "mark loads too":
            marked.add(item)
    return missed


def fewest_loads(trace: list[int], slots: int) -> int:
    """Least number of misses of any choice of victims, by trying all of them."""

    @cache
    def rest(at: int, held: frozenset[int]) -> int:
        if at == len(trace):
            return 0
        item = trace[at]
        if item in held:
            return rest(at + 1, held)
        if len(held) < slots:
            return 1 + rest(at + 1, held | {item})
        return 1 + min(rest(at + 1, held - {out} | {item}) for out in held)

    return rest(0, frozenset())


def right_misses(trace: list[int], slots: int) -> list[int]:
    by_queue = [loads(trace, slots, on_hit) for on_hit in ("", "renew", "mark")]
    return [*by_queue, fewest_loads(trace, slots)]


def right_room(popularity: np.ndarray, target: float) -> int:
    sizes = range(1, popularity.size)
    low, high = 0, popularity.size
    while high - low > 1:
        middle = (low + high) // 2
        enough = caching.che(popularity, sizes[middle - 1]).hit_ratio >= target
        low, high = (low, middle) if enough else (middle, high)
    return high


def right_plan(
    whole: bool = True,
    rent: float = 1.0,
    end: str = "mid",
    busy: float = 0.75,
    pick: Callable[[list[list[float]]], list[float]] = lambda rows: min(rows, key=lambda r: r[2]),
) -> list[float]:
    facts = workload.mooncake_facts()
    card = hardware.DEVICES["H100"]
    rows = []
    for size, left in zip(facts["lru"]["capacity"], facts["lru"]["uncached_mean"], strict=True):
        asked = ("Llama-3.1-70B", "H100", 0, 0, "bf16", 4)
        seconds = float(getattr(hardware.forecast(*asked, prefill=left), end))
        servers = TENANTS * facts["rate"] * seconds / busy
        servers = math.ceil(servers) if whole else servers
        # 2 · 80 layers · 8 heads · 128 numbers · 2 bytes, 512 tokens
        gigabytes = rent * TENANTS * size * 512 * 327_680 / 1e9
        rows.append([size, servers, servers * 4 * card.price + gigabytes * DRAM])
    return pick(rows)


def right_threshold(
    cosine: np.ndarray,
    stands: np.ndarray,
    upper: Callable[[int, int], float] | None = None,
    lookup: float = 0.0002,
    weighed: bool = True,
) -> list[float]:
    def exact(k: int, n: int) -> float:
        test = stats.binomtest(k, n, alternative="less")
        return float(test.proportion_ci(0.95, method="exact").high)

    rows = []
    for level in LEVELS:
        hit = cosine >= level
        n, k = int(hit.sum()), int((hit & (stands == 0)).sum())
        h = n / cosine.size
        bad = (h if weighed else 1.0) * (upper or exact)(k, n)
        rows.append([level, 1000 * (h * 0.004 - bad * 0.12 - lookup)])
    return max(rows, key=lambda row: row[1])


RIGHT_RECIPE = ["key", "key", "key", "key", "key", "out"]
CHECKS = {
    "misses": misses,
    "room": room,
    "recipe": recipe,
    "plan": plan,
    "threshold": threshold,
}


@pytest.mark.parametrize("trace", [TRACE, TRACE[::-1], BELADY_1969])
@pytest.mark.parametrize("slots", [1, 3, 4])
def test_the_counts_made_by_hand_pass(trace: list[int], slots: int) -> None:
    assert counted(right_misses(trace, slots), trace, slots)


def test_the_counts_of_the_sheet_and_of_1969_are_known() -> None:
    assert misses({"fifo": 10, "lru": 8, "clock": 7, "belady": 6})
    assert counted([9, 10, 10, 7], BELADY_1969, 3)
    assert counted([10, 8, 8, 6], BELADY_1969, 4)


@pytest.mark.parametrize("seed", [7, 8])
@pytest.mark.parametrize("target", [0.05, 0.7, 0.95])
def test_the_room_found_by_bisection_passes(seed: int, target: float) -> None:
    popularity = asked(seed)
    found = right_room(popularity, target)
    assert room_for(found, popularity, target)
    assert room_for(np.int64(found), popularity, target)
    assert not room_for(found + 1, popularity, target)


def test_the_room_for_equals_is_their_share() -> None:
    # p = 1/k for all: the hit ratio is C/k.
    assert room_for(50, np.ones(200), 0.25)
    assert room_for(51, np.ones(200), 0.251)


def test_the_recipe_read_from_the_code_passes() -> None:
    assert recipe(RIGHT_RECIPE)
    assert recipe(dict(zip(OPTIONS, RIGHT_RECIPE, strict=True)))


def test_a_function_that_reads_nothing_needs_no_key() -> None:
    verdict = keyed(["out"] * 6, lambda **fields: "closed")
    assert verdict.passed


def test_the_plan_of_every_capacity_passes() -> None:
    blocks, servers, dollars = right_plan()
    assert plan({"blocks": blocks, "servers": servers, "dollars": dollars})
    assert plan((blocks, servers, dollars))


@pytest.mark.parametrize("seed", [7, 8, 9])
def test_the_threshold_with_the_exact_interval_passes(seed: int) -> None:
    cosine, stands = audit(seed)
    answer = right_threshold(cosine, stands)
    assert audited(answer, cosine, stands)


def test_a_threshold_that_no_lookup_reaches_pays_its_lookups() -> None:
    verdict = audited(
        [0.99, -0.2],
        np.full(20, 0.9),
        np.zeros(20, int),
        [0.8, 0.99],
        {"call": 0.004, "wrong": 0.1, "lookup": 0.0002},
    )
    assert verdict.passed


@pytest.mark.parametrize(
    ("exercise", "answer", "shown"),
    [
        ("misses", [11, 8, 7, 6], "fifo: got 11, expected 10: one too many"),
        ("room", 3, "got 3 objects"),
        ("recipe", RIGHT_RECIPE[::-1], "prompt: got out, expected key"),
        ("plan", [500, 8, 128.35], "blocks: got 500, expected 12000"),
        ("threshold", [0.96, 1.0], "threshold: got 0.96"),
    ],
)
def test_a_wrong_answer_fails_with_what_was_got_and_expected(
    exercise: str, answer: Any, shown: str
) -> None:
    verdict = CHECKS[exercise](answer)
    assert not verdict
    assert shown in verdict.message


# Mistakes


def test_each_mistake_about_the_policies_is_named() -> None:
    fifo, lru, clock, belady = right_misses(TRACE, SLOTS)
    marks_loads = loads(TRACE, SLOTS, "mark loads too")
    for answer, diagnosis in (
        ([14 - fifo, 14 - lru, 14 - clock, 14 - belady], "those are the hits"),
        ([fifo - 5, lru - 5, clock - 5, belady - 5], "first load"),
        ([lru, fifo, clock, belady], "swapped"),
        ([lru, lru, clock, belady], "does not make"),
        ([fifo, fifo, clock, belady], "does make"),
        ([fifo, lru, marks_loads, belady], "not by the load"),
    ):
        assert diagnosis in misses(answer).message, answer


def test_each_mistake_about_the_room_is_named() -> None:
    share = asked(7) / asked(7).sum()
    time = optimize.brentq(lambda t: share @ (1 - np.exp(-share * t)) - TARGET, 1, 1e8)
    fifo = optimize.brentq(lambda t: share @ (share * t / (1 + share * t)) - TARGET, 1, 1e8)
    popular = next(k for k in range(2000) if np.sort(share)[::-1][:k].sum() >= TARGET)
    for answer, diagnosis in (
        (popular, "never left"),
        (0.7 * 2000, "not equally popular"),
        (math.ceil(time), "characteristic time"),
        (math.ceil((share * fifo / (1 + share * fifo)).sum()), "FIFO"),
        (right_room(asked(7), TARGET) - 1, "round up"),
        (right_room(asked(7), TARGET) + 1, "one too many"),
    ):
        assert diagnosis in room(answer).message, answer


@pytest.mark.parametrize(
    ("keys", "diagnosis"),
    [
        ("prompt tenant", "did not vary in the log"),
        ("prompt model temperature tenant", "only beside another"),
        ("prompt model temperature seed tenant trace", "hardly any two"),
        ("prompt", "more than prompt"),
        ("trace", "swapped"),
        ("prompt model temperature seed", "differ in tenant alone"),
        ("prompt model seed tenant", "differ in temperature alone"),
    ],
)
def test_each_mistake_about_the_key_is_named(keys: str, diagnosis: str) -> None:
    answer = ["key" if field in keys.split() else "out" for field in OPTIONS]
    assert diagnosis in recipe(answer).message


def test_a_field_too_many_is_named() -> None:
    options = {**OPTIONS, "user": ["ann", "bob"]}
    log = [{**request, "user": "ann"} for request in LOG]
    answer = [*RIGHT_RECIPE, "key"]
    verdict = keyed(answer, lambda user, **fields: serve(**fields), options, log)
    assert "user changes no answer" in verdict.message


def test_each_mistake_about_the_plan_is_named() -> None:
    for answer, diagnosis in (
        (right_plan(whole=False), "servers are whole"),
        (right_plan(rent=1 / TENANTS), "memory of one tenant"),
        (right_plan(rent=1 / 2), "keys and values"),
        (right_plan(end="high"), "the high end"),
        (right_plan(busy=1.0), "busy all the time"),
        (right_plan(pick=lambda rows: rows[-1]), "spares the most"),
        (right_plan(pick=lambda rows: min(rows, key=lambda r: r[1])), "fewest servers"),
    ):
        assert diagnosis in plan(answer).message, answer


def test_each_mistake_about_the_threshold_is_named() -> None:
    def seen(k: int, n: int) -> float:
        return k / n

    def two_sided(k: int, n: int) -> float:
        return float(stats.binomtest(k, n).proportion_ci(0.95, method="exact").high)

    def normal(k: int, n: int) -> float:
        return k / n + 1.6449 * math.sqrt(k / n * (1 - k / n) / n)

    right = right_threshold(COSINE, STANDS)
    for answer, diagnosis in (
        (right_threshold(COSINE, STANDS, seen), "share seen"),
        (right_threshold(COSINE, STANDS, two_sided), "one-sided"),
        (right_threshold(COSINE, STANDS, normal), "normal interval"),
        (right_threshold(COSINE, STANDS, weighed=False), "only hits can be wrong"),
        (right_threshold(COSINE, STANDS, lookup=0.0), "paid by every request"),
        ([right[0], right[1] / 1000], "not of a thousand"),
    ):
        assert diagnosis in threshold(answer).message, answer


# Hostile answers


@pytest.mark.parametrize("exercise", CHECKS)
@pytest.mark.parametrize("answer", HOSTILE, ids=lambda a: type(a).__name__)
def test_no_answer_makes_a_check_stumble(exercise: str, answer: Any) -> None:
    verdict = CHECKS[exercise](answer)
    assert not verdict
    assert 0 < len(verdict.message) < 300
    assert "\n" not in verdict.message
    if answer is None or answer is ...:
        assert "no answer yet" in verdict.message


@pytest.mark.parametrize("exercise", ["misses", "recipe", "plan", "threshold"])
def test_no_member_of_an_answer_makes_a_check_stumble(exercise: str) -> None:
    size = {"misses": 4, "recipe": 6, "plan": 3, "threshold": 2}[exercise]
    for one in HOSTILE:
        verdict = CHECKS[exercise]([one] * size)
        assert not verdict
        assert 0 < len(verdict.message) < 300
