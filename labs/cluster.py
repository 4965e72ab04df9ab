"""Several engines behind a router: who gets a request, who refuses it, and how many there are.

A router counts what is in flight, answers that are still coming included, as routers do. It knows
nothing of the time that a request will take, and remembers itself which prompt it sent where.
"""

import math
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field

import numpy as np

from labs import _stepwise
from labs import validation as check
from labs._replica import Replica
from labs.engine import Engine
from labs.routers import Router, Scaling
from labs.timeline import Timeline
from labs.validation import FloatArray, IntArray
from labs.workload import Workload


@dataclass(frozen=True)
class Served:
    """What became of a workload on a cluster; arrays in the workload's order.

    Attributes
    ----------
    first_token : array (n,)
        As in `labs.timeline.Timeline`, like those that follow; NaN where rejected or shed.
    finish : array (n,)
        Likewise.
    ttft : array (n,)
        Likewise.
    tpot : array (n,)
        Likewise.
    latency : array (n,)
        Likewise.
    replica : array (n,) of int
        Which served it; -1 where shed.
    shed : array (m,) of int
        Indices of requests that were turned away.
    rejected : array (m,) of int
        Indices of requests that could never fit.
    cached : array (n,) of int
        Prompt tokens found in the prefix cache.
    replicas : tuple of Timeline
        What each replica did, in the order of its own requests.
    started : array (k, 2)
        When each came, ready or not, and when it went: what is paid for.

    Examples
    --------
    >>> from labs.engine import StepTime
    >>> two = Cluster(Engine(StepTime(1.0, 0.0, 0.0, 0.0)), replicas=2)
    >>> served = two.run(Workload([0.0, 0.0, 0.5], [10] * 3, [3] * 3))
    >>> served.replica.tolist(), served.finish.tolist(), served.replica_seconds
    ([0, 1, 0], [3.0, 3.0, 4.0], 8.0)
    """

    first_token: FloatArray
    finish: FloatArray
    ttft: FloatArray
    tpot: FloatArray
    latency: FloatArray
    replica: IntArray
    shed: IntArray
    rejected: IntArray
    cached: IntArray
    replicas: tuple[Timeline, ...]
    started: FloatArray

    @property
    def replica_seconds(self) -> float:
        """Seconds of replicas that are paid for, from their start to their end."""
        return float((self.started[:, 1] - self.started[:, 0]).sum())


@dataclass(frozen=True)
class Cluster:
    """Replicas of one engine behind a router.

    Attributes
    ----------
    engine : Engine
        Each replica; first come, first served.
    replicas : int
        How many at the start.
    router : Router
        Who gets a request.
    limit : int or None
        Requests in flight on a replica at which the router sends it none; where all are at theirs a
        request is shed. None for no limit.
    scaling : Scaling or None
        How the number follows the load; None for a fixed number.

    Raises
    ------
    ValueError
        If an attribute is out of range.

    Examples
    --------
    >>> from labs.engine import StepTime
    >>> one = Engine(StepTime(1.0, 0.0, 0.0, 0.0), max_batch=1)
    >>> served = Cluster(one, limit=1).run(Workload([0.0, 0.5], [10] * 2, [1] * 2))
    >>> served.shed.tolist()
    [1]
    """

    engine: Engine
    replicas: int = 1
    router: Router = field(default_factory=Router)
    limit: int | None = None
    scaling: Scaling | None = None

    def __post_init__(self) -> None:
        check.instance("engine", self.engine, Engine)
        if self.engine.order != "fcfs":
            raise check.refuse("engine", "of order 'fcfs' in a cluster", self.engine.order)
        check.count("replicas", self.replicas, most=10_000)
        check.instance("router", self.router, Router)
        if self.limit is not None:
            check.count("limit", self.limit)
        if self.scaling is not None:
            check.instance("scaling", self.scaling, Scaling)

    def run(self, workload: Workload, rng: np.random.Generator | None = None) -> Served:
        """Serve a workload from empty replicas until the last request is out.

        Parameters
        ----------
        workload : Workload
            Requests; with ``blocks`` for routers that look at prefixes.
        rng : numpy.random.Generator or None
            Source of the draws of ``random``, which needs it, as does an engine that speculates.

        Returns
        -------
        Served

        Raises
        ------
        ValueError
            If an argument is no workload, or no generator where one is needed.

        Examples
        --------
        >>> from labs.engine import StepTime
        >>> three = Cluster(Engine(StepTime(1.0, 0.0, 0.0, 0.0)), 3, Router("least_requests"))
        >>> three.run(Workload([0.0, 0.1, 0.2], [10] * 3, [3] * 3)).replica.tolist()
        [0, 1, 2]
        """
        check.instance("workload", workload, Workload)
        if self.router.name == "random":
            rng = check.generator("rng", rng)
        work = start(self, rng)
        blocks = [()] * len(workload) if workload.blocks is None else workload.blocks
        asked = zip(
            workload.arrival.tolist(),
            workload.prompt.tolist(),
            workload.output.tolist(),
            blocks,
            strict=True,
        )
        for request in asked:
            work.arrive(*request)
        return work.served(workload)


class _Member:
    """A replica of a cluster and what its router knows of it."""

    def __init__(
        self, engine: Engine, starts: float, ready: float, rng: np.random.Generator | None
    ) -> None:
        self.replica: Replica = _stepwise.replica_of(engine, rng)
        self.front = engine.front
        self.starts, self.ready, self.ends = starts, ready, math.inf
        self.closing = False
        self.ours: list[int] = []
        self.tokens = 0
        self.flying: dict[int, int] = {}
        self.known: OrderedDict[Hashable, None] = OrderedDict()

    def look(self, now: float) -> None:
        """Take the steps until now, and count as out what is out."""
        self.replica.advance(now)
        finish, rejected = self.replica.finish, set(self.replica.rejected)
        for index in [i for i in self.flying if finish[i] + self.front <= now or i in rejected]:
            self.tokens -= self.flying.pop(index)
        if self.closing and not self.flying and math.isinf(self.ends):
            self.ends = max(now, self.ready)

    def send(
        self, number: int, request: tuple[float, int, int, Sequence[Hashable]], held: int
    ) -> None:
        arrival, prompt, output, blocks = request
        self.flying[len(self.ours)] = prompt
        self.ours.append(number)
        self.tokens += prompt
        self.replica.offer(arrival, prompt, output, blocks, held)

    def found(self, blocks: Sequence[Hashable]) -> float:
        """Return the share of a prompt's blocks that were sent here before."""
        for place, block in enumerate(blocks):
            if block not in self.known:
                return place / len(blocks)
        return float(bool(blocks))

    def remember(self, blocks: Sequence[Hashable], most: int) -> None:
        for block in blocks:
            self.known[block] = None
            self.known.move_to_end(block)
        while len(self.known) > most:
            self.known.popitem(last=False)


def start(cluster: Cluster, rng: np.random.Generator | None = None) -> "Work":
    """Return a cluster at work, to which requests come one by one.

    Parameters
    ----------
    cluster : Cluster
        What serves.
    rng : numpy.random.Generator or None
        As `Cluster.run` takes it.

    Returns
    -------
    Work

    Examples
    --------
    >>> from labs.engine import StepTime
    >>> work = start(Cluster(Engine(StepTime(1.0, 0.0, 0.0, 0.0))))
    >>> work.arrive(0.0, 10, 2, ())
    >>> work.served(Workload([0.0], [10], [2])).finish.tolist()
    [2.0]
    """
    return Work(cluster, rng)


class Work:
    """A cluster at work.

    Parameters
    ----------
    cluster : Cluster
        What serves.
    rng : numpy.random.Generator or None
        As `Cluster.run` takes it.

    Examples
    --------
    See `start`.

    >>> from labs.engine import StepTime
    >>> work = Work(Cluster(Engine(StepTime(1.0, 0.0, 0.0, 0.0))), None)
    >>> len(work.members)
    1
    """

    def __init__(self, cluster: Cluster, rng: np.random.Generator | None) -> None:
        self.cluster, self.rng = cluster, rng
        self.members = [
            _Member(cluster.engine, -math.inf, -math.inf, rng) for _ in range(cluster.replicas)
        ]
        blind = cluster.router.name in ("random", "round_robin")
        self.looks = not blind or cluster.limit is not None or cluster.scaling is not None
        self.next_look = math.nan
        self.turn = 0
        self.number = 0
        self.shed: list[int] = []
        choose: dict[str, Callable[[list[_Member], Sequence[Hashable]], _Member]] = {
            "random": lambda open_, _: open_[int(self.rng.integers(len(open_)))],  # type: ignore[union-attr]
            "round_robin": self._next,
            "least_requests": lambda open_, _: min(open_, key=lambda one: len(one.flying)),
            "least_tokens": lambda open_, _: min(open_, key=lambda one: one.tokens),
            "prefix_score": self._score,
            "prefix_threshold": self._threshold,
        }
        self.choose = choose[cluster.router.name]

    def arrive(
        self,
        arrival: float,
        prompt: int,
        output: int,
        blocks: Sequence[Hashable],
        held: int = 0,
    ) -> None:
        """Let a request come: look at all replicas, scale, choose one or turn it away.

        Parameters
        ----------
        arrival : float
            Seconds, not before the last one.
        prompt : int
            Tokens.
        output : int
            Tokens.
        blocks : sequence
            Identities of the prompt's blocks.
        held : int
            Tokens of the prompt whose cache comes with it.

        Examples
        --------
        >>> from labs.engine import StepTime
        >>> work = start(Cluster(Engine(StepTime(1.0, 0.0, 0.0, 0.0))))
        >>> work.arrive(0.0, 10, 2, ())
        >>> work.number
        1
        """
        if not self.number:
            for member in self.members:
                member.starts = member.ready = arrival
            self.next_look = arrival
        while self.cluster.scaling is not None and self.next_look <= arrival:
            self._scale(self.next_look, self.cluster.scaling)
            self.next_look += self.cluster.scaling.every
        if self.looks:
            self._look(arrival)
        limit = self.cluster.limit
        serving = [one for one in self.members if not one.closing and one.ready <= arrival]
        open_ = [one for one in serving if limit is None or len(one.flying) < limit]
        if open_:
            chosen = self.choose(open_, blocks)
            chosen.remember(blocks, self.cluster.router.memory)
            chosen.send(self.number, (arrival, prompt, output, blocks), held)
        else:
            self.shed.append(self.number)
        self.number += 1

    def _look(self, now: float) -> None:
        for member in self.members:
            if math.isinf(member.ends):
                member.look(now)

    def _scale(self, now: float, scaling: Scaling) -> None:
        """Start what is missing; close the emptiest of what is too many."""
        self._look(now)
        staying = [one for one in self.members if not one.closing]
        flying = sum(len(one.flying) for one in self.members)
        wanted = min(max(math.ceil(flying / scaling.target), scaling.least), scaling.most)
        for _ in range(wanted - len(staying)):
            ready = now + scaling.cold_start
            self.members.append(_Member(self.cluster.engine, now, ready, self.rng))
        serving = [one for one in staying if one.ready <= now]
        # One that serves stays, whatever is still to come.
        many = min(len(staying) - wanted, len(serving) - 1)
        for member in sorted(serving, key=lambda one: len(one.flying))[: max(0, many)]:
            member.closing = True
            member.look(now)

    def _next(self, open_: list[_Member], blocks: Sequence[Hashable]) -> _Member:
        self.turn += 1
        return open_[(self.turn - 1) % len(open_)]

    def _score(self, open_: list[_Member], blocks: Sequence[Hashable]) -> _Member:
        router = self.cluster.router
        most = max(max(len(one.flying) for one in open_), 1)
        return max(
            open_,
            key=lambda one: (
                router.prefix * one.found(blocks) - router.load * len(one.flying) / most
            ),
        )

    def _threshold(self, open_: list[_Member], blocks: Sequence[Hashable]) -> _Member:
        router = self.cluster.router
        loads = [len(one.flying) for one in open_]
        if max(loads) - min(loads) > router.apart and max(loads) > router.times * min(loads):
            return open_[loads.index(min(loads))]
        best = max(open_, key=lambda one: one.found(blocks))
        if best.found(blocks) > router.threshold:
            return best
        return min(open_, key=lambda one: len(one.known))

    def served(self, workload: Workload) -> Served:
        """Let all finish, and put their answers in the workload's order.

        Parameters
        ----------
        workload : Workload
            Those that came, in order.

        Returns
        -------
        Served

        Examples
        --------
        >>> from labs.engine import StepTime
        >>> work = start(Cluster(Engine(StepTime(1.0, 0.0, 0.0, 0.0))))
        >>> work.served(Workload([], [], [])).started.shape
        (0, 2)
        """
        n = len(workload)
        found = {
            name: np.full(n, np.nan)
            for name in ("first_token", "finish", "ttft", "tpot", "latency")
        }
        replica, cached = np.full(n, -1), np.zeros(n, dtype=np.int64)
        rejected: list[int] = []
        timelines = []
        for number, member in enumerate(self.members):
            member.replica.advance()
            timeline = member.replica.timeline()
            timelines.append(timeline)
            ours = np.array(member.ours, dtype=np.int64)
            replica[ours] = number
            cached[ours] = timeline.cached
            rejected += ours[timeline.rejected].tolist()
            for name, values in found.items():
                values[ours] = getattr(timeline, name)
        finite = found["finish"][np.isfinite(found["finish"])]
        last = float(max(finite.max(initial=-math.inf), workload.arrival.max(initial=-math.inf)))
        started = []
        for member, timeline in zip(self.members if n else (), timelines, strict=bool(n)):
            ends = member.ends
            if math.isinf(ends) and member.closing:
                out = timeline.finish[np.isfinite(timeline.finish)]
                ends = float(out.max(initial=member.ready))
            starts = member.starts
            started.append((starts, max(starts, min(ends, last))))
        return Served(
            **found,
            replica=replica,
            shed=np.array(self.shed, dtype=np.int64),
            rejected=np.array(sorted(rejected), dtype=np.int64),
            cached=cached,
            replicas=tuple(timelines),
            started=np.array(started).reshape(-1, 2) if n else np.zeros((0, 2)),
        )
