"""Caches: which requests hit, under which policy, at which size, and what a KV cache weighs."""

from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np

from labs import validation as check
from labs.models import kv_bytes_per_token
from labs.validation import BoolArray, FloatArray, IntArray, Real

__all__ = [
    "POLICIES",
    "CheEstimate",
    "che",
    "hit_ratio_curve",
    "hits",
    "kv_bytes_per_token",
    "prefix_hits",
]

POLICIES = ("lru", "fifo", "lfu", "clock", "sieve", "s3fifo", "belady")
NEVER = 2**62
RAREST = 1e-290
END = -1


@dataclass(frozen=True)
class CheEstimate:
    """Che's approximation of an LRU cache under independent requests.

    Attributes
    ----------
    hit_ratio : float
        Fraction of requests that hit.
    characteristic_time : float
        Requests between which an object stays in the cache; ``inf`` if everything fits.
    per_object : array (k,)
        Fraction of each object's requests that hit.

    Examples
    --------
    >>> che([1.0, 1.0], capacity=2)
    CheEstimate(hit_ratio=1.0, characteristic_time=inf, per_object=array([1., 1.]))
    """

    hit_ratio: float
    characteristic_time: float
    per_object: FloatArray


def hits(trace: IntArray, capacity: int, policy: str = "lru") -> BoolArray:
    """Return which requests of a trace hit a cache that starts empty.

    ``lru`` evicts the least recently used, ``fifo`` the oldest, ``lfu`` the least often used
    since it came in (the oldest to reach that count among equals), ``clock`` the oldest not used
    since it was last passed over, ``sieve`` likewise by a hand that moves through a queue in order
    of insertion, ``s3fifo`` keeps a tenth of the room for newcomers and lets them into the main
    queue if used twice more, ``belady`` evicts what is needed last, which no policy can beat.

    Parameters
    ----------
    trace : array (n,) of int
        The object of each request; objects are of one size.
    capacity : int
        Objects that fit, at least 1.
    policy : str
        One of the seven.

    Returns
    -------
    array (n,) of bool

    Raises
    ------
    ValueError
        If an argument is out of range or the policy unknown.

    References
    ----------
    Belady, IBM Systems Journal 5 (1966); Zhang et al., "SIEVE is simpler than LRU", NSDI 2024;
    Yang et al., "FIFO queues are all you need for cache eviction", SOSP 2023 (S3-FIFO).

    Examples
    --------
    >>> belady_1969 = [1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5]
    >>> [int((~hits(belady_1969, frames, "fifo")).sum()) for frames in (3, 4)]
    [9, 10]
    """
    objects = _objects(trace)
    capacity = check.count("capacity", capacity)
    policy = check.one_of("policy", policy, POLICIES)
    return np.array(_RUNS[policy](objects, capacity), dtype=np.bool_)


def hit_ratio_curve(trace: IntArray) -> FloatArray:
    """Return the LRU hit ratio at every capacity at once.

    A request hits at capacity c exactly when fewer than c distinct others were requested since its
    object last was (Mattson's stack distance). All distances come from one count of inversions:
    of the requests since, those whose own previous request is later are repeats.

    Parameters
    ----------
    trace : array (n,) of int
        The object of each request, at least one.

    Returns
    -------
    array (distinct objects,)
        Hits over all requests at capacity 1, 2, …

    Raises
    ------
    ValueError
        If the trace is empty or holds anything but whole numbers.

    References
    ----------
    Mattson et al., "Evaluation techniques for storage hierarchies", IBM Systems J. 9 (1970).

    Examples
    --------
    >>> hit_ratio_curve([1, 2, 1, 3, 2, 1]).round(3).tolist()
    [0.0, 0.167, 0.5]
    """
    objects = _identities("trace", trace)
    if not objects.size:
        raise check.refuse("trace", "of length 1 or more", "length 0")
    order = np.argsort(objects, kind="stable")
    again = objects[order[1:]] == objects[order[:-1]]
    now, last = order[1:][again], order[:-1][again]
    in_time = np.argsort(now)
    now, last = now[in_time], last[in_time]
    distance = now - last - 1 - _greater_before(last)
    distinct = objects.size - now.size
    hits_at = np.bincount(distance, minlength=distinct)[:distinct]
    return np.cumsum(hits_at) / objects.size


def che(popularity: FloatArray, capacity: Real) -> CheEstimate:
    """Return the hit ratio of an LRU cache under independent requests, approximately.

    The characteristic time T solves ``Σ (1 - exp(-p T)) = capacity``; an object hits with
    probability ``1 - exp(-p T)``. Within .0005 for capacities of 10 and more among 1,000 objects,
    off by .005 at a capacity of 1 among 20.

    Parameters
    ----------
    popularity : array (k,)
        Relative request rates, at least 0, not all 0; a share below 1e-290 counts as 0.
    capacity : float
        Objects that fit, above 0.

    Returns
    -------
    CheEstimate

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    Che, Tung and Wang, IEEE J. Selected Areas in Communications 20 (2002).

    Examples
    --------
    >>> zipf = np.arange(1, 10_001) ** -0.8
    >>> round(che(zipf, 1000).hit_ratio, 4)
    0.4367
    """
    weights = check.sequence("popularity", popularity, least=0)
    capacity = check.number("capacity", capacity, above=0)
    if not weights.any():
        raise check.refuse("popularity", "of one positive rate or more", weights.tolist())
    share = weights / weights.max()
    share /= share.sum()
    share[share < RAREST] = 0.0
    wanted = np.count_nonzero(share)
    if capacity >= wanted:
        return CheEstimate(1.0, float("inf"), (share > 0).astype(np.float64))

    def spare(log_time: float) -> float:
        return float(-np.expm1(-share * np.exp(log_time)).sum()) - capacity

    least = np.log(capacity) - 1
    most = np.log(800 / share[share > 0].min())
    from scipy import optimize

    time = float(np.exp(optimize.brentq(spare, least, most, xtol=1e-14, rtol=1e-14)))
    per_object = -np.expm1(-share * time)
    return CheEstimate(float(share @ per_object), time, per_object)


def prefix_hits(requests: Sequence[Sequence[int]], capacity: int) -> IntArray:
    """Return how many leading blocks of each request a prefix cache already held.

    One LRU of blocks: each request's blocks are looked up and touched from first to last, a miss
    is inserted and the least recently used block evicted at once. Only the run of hits at the
    start counts, since a later block is of no use without the ones before it.

    Parameters
    ----------
    requests : sequence of sequences of int
        Per request the identities of its prompt's blocks, such as ``Workload.blocks``.
    capacity : int
        Blocks that fit, at least 1.

    Returns
    -------
    array (n,) of int

    Raises
    ------
    ValueError
        If the capacity is out of range or a block is no whole number.

    Examples
    --------
    >>> prefix_hits([[1, 2, 3], [1, 2, 4], [5, 1]], capacity=10).tolist()
    [0, 2, 0]
    """
    capacity = check.count("capacity", capacity)
    cached: OrderedDict[int, None] = OrderedDict()
    found = []
    for blocks in _requests(requests):
        leading, unbroken = 0, True
        for block in blocks:
            if block in cached:
                cached.move_to_end(block)
                leading += unbroken
            else:
                unbroken = False
                cached[block] = None
                if len(cached) > capacity:
                    cached.popitem(last=False)
        found.append(leading)
    return np.array(found, dtype=np.int64)


def _objects(trace: IntArray) -> list[int]:
    """Return the trace with objects renumbered 0, 1, 2, …"""
    numbered: list[int] = np.unique(_identities("trace", trace), return_inverse=True)[1].tolist()
    return numbered


def _identities(name: str, value: object) -> IntArray:
    """Return whole numbers as they are, or numbered where 64 bits do not hold them.

    A hash has more digits than a float holds, so none is made one on the way.
    """
    if isinstance(value, np.ndarray) and value.dtype.kind in "iu" and value.ndim == 1:
        return value
    if isinstance(value, list | tuple) and all(type(item) is int for item in value):
        try:
            return np.array(value, dtype=np.int64)
        except OverflowError:
            number: dict[int, int] = {}
            return np.array([number.setdefault(item, len(number)) for item in value])
    check.sequence(name, value, whole=True, least=-NEVER, most=NEVER)
    return np.asarray(value).astype(np.int64)


def _requests(requests: Sequence[Sequence[int]]) -> list[list[int]]:
    try:
        listed = list(requests)
    except TypeError:
        listed = None
    if listed is None or isinstance(requests, str):
        raise check.refuse("requests", "a sequence of sequences of blocks", requests)
    return [
        list(blocks)
        if isinstance(blocks, list | tuple) and all(type(block) is int for block in blocks)
        else _identities(f"requests[{index}]", blocks).tolist()
        for index, blocks in enumerate(listed)
    ]


def _greater_before(values: IntArray) -> IntArray:
    """Return for each of distinct values how many larger ones stand before it.

    A radix sort from the highest bit down: within a run of equal high bits, an element whose bit is
    0 has before it as many larger ones as elements whose bit is 1.
    """
    size = values.size
    if size < 2:
        return np.zeros(size, dtype=np.int64)
    rank = np.empty(size, dtype=np.int32)
    rank[np.argsort(values)] = np.arange(size, dtype=np.int32)
    count = np.zeros(size, dtype=np.int32)
    current = rank
    for bit in range((size - 1).bit_length() - 1, -1, -1):
        ones = (current >> bit) & 1
        before = np.cumsum(ones, dtype=np.int32) - ones
        run = (current >> (bit + 1)) << (bit + 1)
        before -= before[run]
        zero = ones == 0
        count[current[zero]] += before[zero]
        place = np.arange(size, dtype=np.int32) - before
        place[~zero] = run[~zero] + (1 << bit) + before[~zero]
        moved = np.empty_like(current)
        moved[place] = current
        current = moved
    return count[rank].astype(np.int64)


def _lru(objects: list[int], capacity: int) -> list[bool]:
    cached: OrderedDict[int, None] = OrderedDict()
    found = []
    for item in objects:
        hit = item in cached
        found.append(hit)
        if hit:
            cached.move_to_end(item)
        else:
            if len(cached) == capacity:
                cached.popitem(last=False)
            cached[item] = None
    return found


def _fifo(objects: list[int], capacity: int) -> list[bool]:
    cached: OrderedDict[int, None] = OrderedDict()
    found = []
    for item in objects:
        hit = item in cached
        found.append(hit)
        if not hit:
            if len(cached) == capacity:
                cached.popitem(last=False)
            cached[item] = None
    return found


def _lfu(objects: list[int], capacity: int) -> list[bool]:
    uses: dict[int, int] = {}
    by_uses: dict[int, OrderedDict[int, None]] = {}
    least = 1
    found = []
    for item in objects:
        count = uses.get(item)
        found.append(count is not None)
        if count is None:
            if len(uses) == capacity:
                del uses[by_uses[least].popitem(last=False)[0]]
            count, least = 0, 1
        else:
            del by_uses[count][item]
            if not by_uses[count] and least == count:
                least += 1
        uses[item] = count + 1
        by_uses.setdefault(count + 1, OrderedDict())[item] = None
    return found


def _clock(objects: list[int], capacity: int) -> list[bool]:
    used: OrderedDict[int, bool] = OrderedDict()
    found = []
    for item in objects:
        hit = item in used
        found.append(hit)
        if hit:
            used[item] = True
            continue
        if len(used) == capacity:
            oldest, again = used.popitem(last=False)
            while again:
                used[oldest] = False
                oldest, again = used.popitem(last=False)
        used[item] = False
    return found


def _sieve(objects: list[int], capacity: int) -> list[bool]:
    """A ring of objects by age, closed by END; the hand moves from the oldest to the newest."""
    newer, older = {END: END}, {END: END}
    visited: dict[int, bool] = {}
    hand = END
    found = []
    for item in objects:
        hit = item in visited
        found.append(hit)
        if hit:
            visited[item] = True
            continue
        if len(visited) == capacity:
            victim = newer[END] if hand == END else hand
            while visited[victim]:
                visited[victim] = False
                victim = newer[END] if newer[victim] == END else newer[victim]
            hand, behind = newer.pop(victim), older.pop(victim)
            newer[behind], older[hand] = hand, behind
            del visited[victim]
        newest = older[END]
        newer[newest] = older[END] = item
        older[item], newer[item] = newest, END
        visited[item] = False
    return found


def _s3fifo(objects: list[int], capacity: int) -> list[bool]:
    """Newcomers queue in a tenth of the room; those used twice there, or lately, move to main."""
    small_room = max(1, capacity // 10)
    main_room = capacity - small_room
    ghost_room = capacity * 9 // 10
    small: deque[int] = deque()
    main: deque[int] = deque()
    uses: dict[int, int] = {}
    ghosts: OrderedDict[int, None] = OrderedDict()
    found = []
    full = False

    def evict_from_main() -> None:
        while uses[item := main.popleft()]:
            uses[item] = min(uses[item], 3) - 1
            main.append(item)
        del uses[item]

    def evict_from_small() -> None:
        while small:
            item = small.popleft()
            if uses[item] < 2:
                del uses[item]
                ghosts[item] = None
                if len(ghosts) > ghost_room:
                    ghosts.popitem(last=False)
                return
            uses[item] = 0
            main.append(item)

    for item in objects:
        hit = item in uses
        found.append(hit)
        if hit:
            uses[item] += 1
            continue
        lately = item in ghosts
        if lately:
            del ghosts[item]
        while len(uses) == capacity:
            full = True
            if len(main) > main_room or not small:
                evict_from_main()
            else:
                evict_from_small()
        uses[item] = 0
        filling = not full and len(small) >= small_room and main_room > 0
        (main if lately or filling else small).append(item)
    return found


def _belady(objects: list[int], capacity: int) -> list[bool]:
    next_use = [NEVER] * len(objects)
    upcoming: dict[int, int] = {}
    for index in range(len(objects) - 1, -1, -1):
        next_use[index] = upcoming.get(objects[index], NEVER)
        upcoming[objects[index]] = index
    held: set[int] = set()
    furthest: list[tuple[int, int]] = []
    found = []
    for item, when in zip(objects, next_use, strict=True):
        found.append(item in held)
        # What past uses left in the heap lies below every use to come, so it never surfaces.
        if item not in held and len(held) == capacity:
            held.remove(heappop(furthest)[1])
        held.add(item)
        heappush(furthest, (-when, item))
    return found


_RUNS: dict[str, Callable[[list[int], int], list[bool]]] = {
    "lru": _lru,
    "fifo": _fifo,
    "lfu": _lfu,
    "clock": _clock,
    "sieve": _sieve,
    "s3fifo": _s3fifo,
    "belady": _belady,
}
