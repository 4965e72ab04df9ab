"""Caches against libCacheSim, naive references, brute force, simulation and a real trace."""

import itertools
import json
import math
from collections import deque
from functools import cache
from pathlib import Path
from typing import Any

import libcachesim
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs import caching, simulation, workload

pytestmark = pytest.mark.filterwarnings("error")

SIMULATED = {
    "lru": libcachesim.LRU,
    "fifo": libcachesim.FIFO,
    "lfu": libcachesim.LFU,
    "clock": libcachesim.Clock,
    "sieve": libcachesim.Sieve,
    "s3fifo": libcachesim.S3FIFO,
    "belady": libcachesim.Belady,
}
# libCacheSim's S3-FIFO admits nothing to a newcomers' queue as small as one object, so it holds
# nothing below 20; from there on a tenth of the room is two or more and both agree.
FROM = {"s3fifo": 20}

traces = st.lists(st.integers(0, 12), min_size=1, max_size=120)
capacities = st.integers(1, 15)


def zipf_trace(requests: int, objects: int, exponent: float, seed: int) -> np.ndarray:
    return workload.zipf(objects, exponent, requests, np.random.default_rng(seed))


def simulated(trace: Any, capacity: int, policy: str) -> list[bool]:
    """Hits by libCacheSim, objects numbered from 1; Belady is told each next request."""
    upcoming: dict[int, int] = {}
    next_use = []
    for index in range(len(trace) - 1, -1, -1):
        next_use.append(upcoming.get(int(trace[index]), 2**62))
        upcoming[int(trace[index])] = index
    running = SIMULATED[policy](cache_size=capacity, hashpower=12)
    request = libcachesim.Request()
    request.obj_size = 1
    found = []
    for item, later in zip(trace, reversed(next_use), strict=True):
        request.obj_id, request.next_access_vtime = int(item) + 1, later
        found.append(bool(running.get(request)))
    return found


# Naive references: a list or two, scanned in full


def naive_lru(trace: list[int], capacity: int) -> list[bool]:
    order: list[int] = []
    found = []
    for item in trace:
        found.append(item in order)
        order = [other for other in order if other != item][-(capacity - 1) :] * (capacity > 1)
        order.append(item)
    return found


def naive_fifo(trace: list[int], capacity: int) -> list[bool]:
    order: deque[int] = deque(maxlen=capacity)
    found = []
    for item in trace:
        found.append(item in order)
        if item not in order:
            order.append(item)
    return found


def naive_lfu(trace: list[int], capacity: int) -> list[bool]:
    held: dict[int, tuple[int, int]] = {}
    found = []
    for now, item in enumerate(trace):
        found.append(item in held)
        if item not in held and len(held) == capacity:
            del held[min(held, key=held.__getitem__)]
        held[item] = (held.get(item, (0, 0))[0] + 1, now)
    return found


def naive_clock(trace: list[int], capacity: int) -> list[bool]:
    """Frames in a circle and a hand, as textbooks draw it."""
    frames: list[int] = []
    used: list[bool] = []
    hand = 0
    found = []
    for item in trace:
        hit = item in frames
        found.append(hit)
        if hit:
            used[frames.index(item)] = True
        elif len(frames) < capacity:
            frames.append(item)
            used.append(False)
        else:
            while used[hand]:
                used[hand] = False
                hand = (hand + 1) % capacity
            frames[hand] = item
            hand = (hand + 1) % capacity
    return found


def naive_sieve(trace: list[int], capacity: int) -> list[bool]:
    """A list from the oldest to the newest; the hand is an index into it."""
    queue: list[int] = []
    visited: set[int] = set()
    hand = 0
    found = []
    for item in trace:
        found.append(item in queue)
        if item in queue:
            visited.add(item)
            continue
        if len(queue) == capacity:
            hand %= len(queue)
            while queue[hand] in visited:
                visited.discard(queue[hand])
                hand = (hand + 1) % len(queue)
            queue.pop(hand)
            hand = hand if hand < len(queue) else capacity
        queue.append(item)
        if hand == capacity:
            hand = 0
    return found


def naive_s3fifo(trace: list[int], capacity: int) -> list[bool]:
    """Three lists as in the paper, the main queue filled first while the cache is not yet full."""
    small_room = max(1, capacity // 10)
    small: list[list[int]] = []
    main: list[list[int]] = []
    ghost: list[int] = []
    evicted = False
    found = []
    for item in trace:
        entry = next((e for e in small + main if e[0] == item), None)
        found.append(entry is not None)
        if entry is not None:
            entry[1] += 1
            continue
        returning = item in ghost
        ghost = [other for other in ghost if other != item]
        while len(small) + len(main) == capacity:
            evicted = True
            if len(main) > capacity - small_room or not small:
                oldest = main.pop(0)
                if oldest[1]:
                    main.append([oldest[0], min(oldest[1], 3) - 1])
            else:
                oldest = small.pop(0)
                if oldest[1] >= 2:
                    main.append([oldest[0], 0])
                else:
                    ghost = ([*ghost, oldest[0]])[-int(0.9 * capacity) :] if capacity > 1 else []
        early = not evicted and len(small) >= small_room and capacity > 1
        (main if returning or early else small).append([item, 0])
    return found


def naive_belady(trace: list[int], capacity: int) -> list[bool]:
    held: set[int] = set()
    found = []
    for now, item in enumerate(trace):
        found.append(item in held)
        if item not in held and len(held) == capacity:
            rest = trace[now + 1 :]
            held.discard(max(held, key=lambda o: rest.index(o) if o in rest else math.inf))
        held.add(item)
    return found


NAIVE = {
    "lru": naive_lru,
    "fifo": naive_fifo,
    "lfu": naive_lfu,
    "clock": naive_clock,
    "sieve": naive_sieve,
    "s3fifo": naive_s3fifo,
    "belady": naive_belady,
}


def test_every_policy_has_two_references() -> None:
    assert set(caching.POLICIES) == set(SIMULATED) == set(NAIVE)


@pytest.mark.parametrize("policy", NAIVE)
@given(trace=traces, capacity=capacities)
def test_every_hit_is_that_of_a_naive_reference(
    policy: str, trace: list[int], capacity: int
) -> None:
    assert caching.hits(trace, capacity, policy).tolist() == NAIVE[policy](trace, capacity)


@pytest.mark.parametrize("policy", NAIVE)
@pytest.mark.parametrize("capacity", [10, 19, 20, 21, 35, 60])
def test_a_naive_reference_agrees_on_longer_traces(policy: str, capacity: int) -> None:
    trace = zipf_trace(1500, 120, 0.8, capacity).tolist()
    assert caching.hits(trace, capacity, policy).tolist() == NAIVE[policy](trace, capacity)


@pytest.mark.parametrize("policy", SIMULATED)
@pytest.mark.parametrize("exponent", [0.4, 0.8, 1.2])
def test_every_hit_is_that_of_libcachesim(policy: str, exponent: float) -> None:
    for capacity in (1, 2, 3, 7, 19, 20, 21, 29, 30, 55, 99, 100, 250, 600):
        if capacity >= FROM.get(policy, 1):
            trace = zipf_trace(4000, 500, exponent, capacity)
            found = caching.hits(trace, capacity, policy)
            assert found.tolist() == simulated(trace, capacity, policy), capacity


@pytest.mark.parametrize("policy", SIMULATED)
def test_shifting_popularity_agrees_with_libcachesim(policy: str) -> None:
    phases = [zipf_trace(3000, 200, 0.9, seed) + 100 * seed for seed in range(4)]
    scan = np.arange(5000, 5400)
    trace = np.concatenate([phases[0], scan, phases[1], phases[2], scan, phases[3]])
    for capacity in (25, 80, 200):
        found = caching.hits(trace, capacity, policy).tolist()
        assert found == simulated(trace, capacity, policy), capacity


# Laws of every policy


@pytest.mark.parametrize("policy", NAIVE)
@given(trace=traces)
def test_the_first_request_of_an_object_misses_and_with_room_for_all_the_rest_hit(
    policy: str, trace: list[int]
) -> None:
    repeat = [item in trace[:index] for index, item in enumerate(trace)]
    assert caching.hits(trace, len(set(trace)), policy).tolist() == repeat
    assert not (caching.hits(trace, 2, policy) & ~np.array(repeat)).any()


@pytest.mark.parametrize("policy", NAIVE)
@given(trace=traces, capacity=capacities)
def test_names_of_objects_do_not_matter(policy: str, trace: list[int], capacity: int) -> None:
    renamed = [(item * 7919 + 3) * (-1) ** item for item in trace]
    plain = caching.hits(trace, capacity, policy)
    assert caching.hits(renamed, capacity, policy).tolist() == plain.tolist()


@pytest.mark.parametrize("policy", NAIVE)
def test_room_for_one_hits_only_at_once(policy: str) -> None:
    trace = [1, 1, 2, 1, 2, 2, 2, 3, 3, 1]
    at_once = [False] + [a == b for a, b in itertools.pairwise(trace)]
    assert caching.hits(trace, 1, policy).tolist() == at_once


@pytest.mark.parametrize("policy", NAIVE)
def test_nothing_in_nothing_out(policy: str) -> None:
    found = caching.hits([], 3, policy)
    assert found.shape == (0,)
    assert found.dtype == np.bool_


@pytest.mark.parametrize("policy", NAIVE)
def test_a_cache_far_larger_than_the_trace_is_no_trouble(policy: str) -> None:
    assert caching.hits([4, 5, 4, 5], 2**53, policy).tolist() == [False, False, True, True]


def test_hashes_of_64_bits_stay_apart() -> None:
    near = [2**60, 2**60 + 1, 2**60, 2**60 + 1]
    assert caching.hits(near, 2).tolist() == [False, False, True, True]
    assert caching.hits(near, 1).tolist() == [False] * 4
    assert caching.hit_ratio_curve(near).tolist() == [0.0, 0.5]
    assert caching.prefix_hits([[2**60], [2**60 + 1], [2**60]], 5).tolist() == [0, 0, 1]
    assert caching.prefix_hits([], 5).dtype.kind == "i"


@given(trace=traces, capacity=st.integers(1, 14))
def test_a_larger_lru_hits_wherever_a_smaller_did(trace: list[int], capacity: int) -> None:
    smaller, larger = (caching.hits(trace, c) for c in (capacity, capacity + 1))
    assert not (smaller & ~larger).any()


def fewest_misses(trace: tuple[int, ...], capacity: int) -> int:
    """Try every eviction that demand paging could choose."""

    @cache
    def misses(now: int, held: frozenset[int]) -> int:
        if now == len(trace):
            return 0
        item = trace[now]
        if item in held:
            return misses(now + 1, held)
        if len(held) < capacity:
            return 1 + misses(now + 1, held | {item})
        return 1 + min(misses(now + 1, held - {victim} | {item}) for victim in held)

    return misses(0, frozenset())


@given(
    trace=st.lists(st.integers(0, 5), min_size=1, max_size=14).map(tuple),
    capacity=st.integers(1, 4),
)
def test_belady_misses_least_of_all_choices(trace: tuple[int, ...], capacity: int) -> None:
    missed = int((~caching.hits(trace, capacity, "belady")).sum())
    assert missed == fewest_misses(trace, capacity)


@pytest.mark.parametrize("policy", NAIVE)
@given(trace=traces, capacity=capacities)
def test_no_policy_beats_belady(policy: str, trace: list[int], capacity: int) -> None:
    best = caching.hits(trace, capacity, "belady").sum()
    assert caching.hits(trace, capacity, policy).sum() <= best


# The LRU curve


@given(trace=traces)
def test_the_curve_is_lru_at_every_capacity(trace: list[int]) -> None:
    curve = caching.hit_ratio_curve(trace)
    assert curve.shape == (len(set(trace)),)
    for capacity, ratio in enumerate(curve, start=1):
        assert ratio == caching.hits(trace, capacity).mean()


def test_the_curve_of_a_hundred_thousand_requests() -> None:
    trace = zipf_trace(100_000, 20_000, 0.8, 3)
    curve = caching.hit_ratio_curve(trace)
    assert curve.size == np.unique(trace).size
    assert (np.diff(curve) >= 0).all()
    for capacity in (1, 2, 10, 100, 1000, 5000, curve.size - 1, curve.size):
        assert curve[capacity - 1] == caching.hits(trace, capacity).mean(), capacity


def test_the_curve_ends_where_only_first_requests_miss() -> None:
    trace = zipf_trace(5000, 300, 1.0, 1)
    curve = caching.hit_ratio_curve(trace)
    assert curve[-1] == (trace.size - np.unique(trace).size) / trace.size


def test_a_loop_hits_all_or_nothing() -> None:
    # A loop over 7 objects misses always in an LRU of 6 and never again in one of 7.
    curve = caching.hit_ratio_curve(np.arange(70) % 7)
    assert curve.tolist() == [0.0] * 6 + [0.9]


@pytest.mark.parametrize("trace", [[5], [5, 6], [5, 5], [2, 1, 0]])
def test_the_shortest_curves(trace: list[int]) -> None:
    expected = [naive_lru(trace, c + 1) for c in range(len(set(trace)))]
    assert caching.hit_ratio_curve(trace).tolist() == [np.mean(found) for found in expected]


# Che's approximation


@pytest.mark.parametrize(("exponent", "capacity"), [(0.6, 50), (0.8, 300), (1.1, 20)])
def test_che_lies_within_the_interval_of_a_simulated_lru(exponent: float, capacity: int) -> None:
    popularity = np.arange(1, 2001.0) ** -exponent
    trace = zipf_trace(220_000, 2000, exponent, capacity)
    found = caching.hits(trace, capacity)[20_000:].astype(float)
    interval = simulation.mean_interval(found, 0.999)
    # The interval is widened by what the approximation itself may be off.
    error = 0.0005
    assert interval.low - error <= caching.che(popularity, capacity).hit_ratio
    assert caching.che(popularity, capacity).hit_ratio <= interval.high + error


def test_che_gives_each_object_its_share() -> None:
    weights = np.array([8.0, 4.0, 2.0, 1.0, 1.0, 0.0])
    estimate = caching.che(weights, 2.5)
    time = estimate.characteristic_time
    assert estimate.per_object == pytest.approx(1 - np.exp(-weights / 16 * time), rel=1e-12)
    assert estimate.per_object.sum() == pytest.approx(2.5, rel=1e-12)
    assert estimate.hit_ratio == pytest.approx(weights @ estimate.per_object / 16, rel=1e-12)


@given(
    weights=st.lists(st.floats(0, 1e308), min_size=1, max_size=20).filter(any),
    capacity=st.floats(0, 25, exclude_min=True),
)
def test_che_fills_the_cache_whatever_the_rates(weights: list[float], capacity: float) -> None:
    estimate = caching.che(weights, capacity)
    assert 0 <= estimate.hit_ratio <= 1 + 1e-12
    assert ((estimate.per_object >= 0) & (estimate.per_object <= 1)).all()
    if math.isfinite(estimate.characteristic_time):
        assert estimate.per_object.sum() == pytest.approx(capacity, rel=1e-9)
    else:
        assert estimate.hit_ratio == 1.0


@given(weight=st.floats(1e-3, 1e3), objects=st.integers(2, 50), share=st.floats(0.01, 0.99))
def test_che_of_equal_objects_is_the_part_that_fits(
    weight: float, objects: int, share: float
) -> None:
    estimate = caching.che([weight] * objects, share * objects)
    assert estimate.hit_ratio == pytest.approx(share, rel=1e-10)
    # 1 - exp(-T / k) = share
    assert estimate.characteristic_time == pytest.approx(-objects * np.log1p(-share), rel=1e-9)


def test_che_with_room_for_all_hits_always() -> None:
    estimate = caching.che([3.0, 0.0, 1.0], 2)
    assert (estimate.hit_ratio, estimate.characteristic_time) == (1.0, math.inf)
    assert estimate.per_object.tolist() == [1.0, 0.0, 1.0]


@pytest.mark.parametrize("capacity", [5e-324, 1e-300, 1e-20, 2.999999999999])
@pytest.mark.parametrize("rarest", [1.0, 1e-30, 1e-280])
def test_che_holds_at_its_extremes(capacity: float, rarest: float) -> None:
    estimate = caching.che([1.0, 0.5, rarest], capacity)
    assert estimate.per_object.sum() == pytest.approx(capacity, rel=1e-9)
    assert estimate.characteristic_time > 0


# Prefix caching


def naive_prefix(requests: list[list[int]], capacity: int) -> list[int]:
    recent: list[int] = []
    found = []
    for blocks in requests:
        hit = []
        for block in blocks:
            hit.append(block in recent)
            recent = [other for other in recent if other != block] + [block]
            recent = recent[-capacity:]
        found.append([*hit, False].index(False))
    return found


@given(
    requests=st.lists(st.lists(st.integers(0, 9), max_size=8), max_size=30),
    capacity=st.integers(1, 12),
)
def test_leading_hits_are_those_of_a_naive_reference(
    requests: list[list[int]], capacity: int
) -> None:
    assert caching.prefix_hits(requests, capacity).tolist() == naive_prefix(requests, capacity)


@given(requests=st.lists(st.lists(st.integers(0, 9), max_size=8), min_size=1, max_size=30))
def test_single_blocks_are_an_ordinary_lru(requests: list[list[int]]) -> None:
    trace = [block for blocks in requests for block in blocks]
    single = caching.prefix_hits([[block] for block in trace], 4)
    assert single.tolist() == caching.hits(trace, 4).astype(int).tolist()


def test_a_hit_after_a_miss_is_of_no_use() -> None:
    assert caching.prefix_hits([[1, 2, 3], [9, 2, 3], [1, 9, 3]], 10).tolist() == [0, 0, 3]


@cache
def conversation(path: Path) -> tuple[tuple[int, ...], ...]:
    """Block identities of the shared trace, read without our reader."""
    return tuple(tuple(json.loads(line)["hash_ids"]) for line in path.read_text().splitlines())


@pytest.mark.parametrize(
    ("capacity", "ratio"),
    [(1000, 0.0445), (5000, 0.1104), (10_000, 0.2112), (30_000, 0.3257), (50_000, 0.3546),
     (100_000, 0.3637), (10**6, 0.3664)],
)  # fmt: skip
def test_the_real_conversation_trace(mooncake_trace: Path, capacity: int, ratio: float) -> None:
    requests = conversation(mooncake_trace)
    found = caching.prefix_hits(requests, capacity)
    lengths = np.array([len(blocks) for blocks in requests])
    assert (found <= lengths).all()
    assert found.sum() / lengths.sum() == pytest.approx(ratio, abs=5e-5)


def test_with_endless_room_every_repeat_of_the_real_trace_hits(mooncake_trace: Path) -> None:
    trace = workload.read_mooncake(mooncake_trace)
    assert trace.blocks is not None
    blocks = np.concatenate(conversation(mooncake_trace))
    # Blocks there are named by all that stands before them, so a repeat is a leading hit.
    assert caching.prefix_hits(trace.blocks, 10**7).sum() == blocks.size - np.unique(blocks).size


@pytest.mark.parametrize(
    "trace",
    [
        np.array([2**64 - 59, 2**63 + 5, 2**64 - 59, 2**63 + 5], np.uint64),
        np.array([2**63 - 25, -(2**63) + 7, 2**63 - 25, -(2**63) + 7], np.int64),
        [2**127 + 1, 2**120 + 7, 2**127 + 1, 2**120 + 7],
    ],
)
def test_identities_are_of_any_size(trace: Any) -> None:
    assert caching.hits(trace, 4).tolist() == [False, False, True, True]
    assert caching.hit_ratio_curve(trace).tolist() == [0.0, 0.5]
    listed = [[int(block)] for block in trace]
    assert caching.prefix_hits(listed, 4).tolist() == [0, 0, 1, 1]


# Bad input

NAN = math.nan
NO_TRACES: list[Any] = [
    [1.5],
    [NAN],
    [math.inf],
    [[1, 2]],
    7,
    "ab",
    None,
    [True],
    [1 + 2j],
    [[1], [1, 2]],
    {"a": 1},
]


@pytest.mark.parametrize("function", [lambda t: caching.hits(t, 3), caching.hit_ratio_curve])
@pytest.mark.parametrize("trace", NO_TRACES)
def test_what_is_no_trace_is_named(function: Any, trace: Any) -> None:
    with pytest.raises(ValueError, match=r"^trace must be .*, got "):
        function(trace)


@pytest.mark.parametrize(
    ("call", "argument", "shown"),
    [
        (lambda: caching.hits([1], 0), "capacity", "0"),
        (lambda: caching.hits([1], -3), "capacity", "-3"),
        (lambda: caching.hits([1], 2.5), "capacity", "2.5"),
        (lambda: caching.hits([1], NAN), "capacity", "nan"),
        (lambda: caching.hits([1], math.inf), "capacity", "inf"),
        (lambda: caching.hits([1], [3, 4]), "capacity", "[3, 4]"),
        (lambda: caching.hits([1], "3"), "capacity", "'3'"),
        (lambda: caching.hits([1], 3, "LRU"), "policy", "'LRU'"),
        (lambda: caching.hits([1], 3, "mru"), "policy", "'mru'"),
        (lambda: caching.hits([1], 3, None), "policy", "None"),
        (lambda: caching.hits([1], 3, ["lru"]), "policy", "['lru']"),
        (lambda: caching.hit_ratio_curve([]), "trace", "length 0"),
        (lambda: caching.che([1, -2], 1), "popularity", "-2"),
        (lambda: caching.che([1, NAN], 1), "popularity", "nan"),
        (lambda: caching.che([math.inf], 1), "popularity", "inf"),
        (lambda: caching.che([0, 0], 1), "popularity", "[0.0, 0.0]"),
        (lambda: caching.che([], 1), "popularity", "[]"),
        (lambda: caching.che(3.0, 1), "popularity", "()"),
        (lambda: caching.che([[1.0]], 1), "popularity", "(1, 1)"),
        (lambda: caching.che([1, 2], 0), "capacity", "0"),
        (lambda: caching.che([1, 2], -1), "capacity", "-1"),
        (lambda: caching.che([1, 2], NAN), "capacity", "nan"),
        (lambda: caching.che([1, 2], [1]), "capacity", "[1]"),
        (lambda: caching.prefix_hits([[1]], 0), "capacity", "0"),
        (lambda: caching.prefix_hits([[1]], 1.5), "capacity", "1.5"),
        (lambda: caching.prefix_hits([[1], [2.5]], 3), "requests[1]", "2.5"),
        (lambda: caching.prefix_hits([[1], ["a"]], 3), "requests[1]", "'a'"),
        (lambda: caching.prefix_hits([1, 2], 3), "requests[0]", "()"),
        (lambda: caching.prefix_hits("ab", 3), "requests", "'ab'"),
        (lambda: caching.prefix_hits(None, 3), "requests", "None"),
        (lambda: caching.prefix_hits(5, 3), "requests", "5"),
        (lambda: caching.kv_bytes_per_token("GPT-9"), "model", "'GPT-9'"),
        (lambda: caching.kv_bytes_per_token(3), "model", "3"),
        (lambda: caching.kv_bytes_per_token("Llama-2-7B", 0), "bytes_per_element", "0"),
        (lambda: caching.kv_bytes_per_token("Llama-2-7B", NAN), "bytes_per_element", "nan"),
    ],
)
def test_bad_input_is_named(call: Any, argument: str, shown: str) -> None:
    with pytest.raises(ValueError, match=r"must be") as problem:
        call()
    assert str(problem.value).startswith(f"{argument} must be ")
    assert shown in str(problem.value).split("got", 1)[1]


def test_results_cannot_be_altered() -> None:
    estimate: Any = caching.che([1, 2], 1)
    with pytest.raises(AttributeError):
        estimate.hit_ratio = 0.0
