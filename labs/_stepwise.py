"""A replica that looks at every sequence in every step: priorities and speculation."""

import heapq
import math
from collections.abc import Sequence

import numpy as np

from labs import validation as check
from labs._paging import Paging
from labs._replica import Limits, Replica, Reserving
from labs.step import pairs_before

Rank = tuple[int, float, int]


class Stepwise(Paging):
    """A replica of `labs.engine.Engine` with an order of its own, or that speculates.

    It does what `labs._paging.Paging` does where neither is asked for, but takes a time that grows
    with the sequences of a step.

    Parameters
    ----------
    limits : Engine
        With ``memory="paged"``.
    rng : numpy.random.Generator or None
        Draws what is accepted.
    priority : sequence of int
        How urgent the requests are, in the order in which they are offered; empty if all alike.

    Examples
    --------
    >>> from labs.engine import Engine, StepTime
    >>> paged = Engine(
    ...     StepTime(1.0, 0.0, 0.0, 0.0), policy="chunked", memory="paged", order="priority"
    ... )
    >>> replica = Stepwise(paged)
    >>> replica.offer(0.0, prompt=20, output=20)
    >>> replica.advance()
    >>> replica.finish
    [20.0]
    """

    def __init__(
        self, limits: Limits, rng: np.random.Generator | None = None, priority: Sequence[int] = ()
    ) -> None:
        super().__init__(limits)
        self.rng, self.priority = rng, priority
        self.ranked = limits.order != "fcfs"
        self.line: list[Rank] = []
        #: Of those that run: tokens whose cache is held, and blocks.
        self.done: dict[int, int] = {}
        self.blocks_of: dict[int, int] = {}

    def advance(self, until: float = math.inf) -> None:
        """Take every step that begins before a time.

        Parameters
        ----------
        until : float
            Seconds.
        """
        while self.now < until:
            waits = self._overtake() if self.limits.order == "preemptive" else math.inf
            takes, steady = self._go_on(waits)
            left = self.limits.token_budget - sum(takes.values())
            for index, tokens in takes.items():
                if not self._decodes(index):
                    self._name(index, self.done[index], self.done[index] + tokens)
            if steady and left > 0:
                takes |= {index: part for index, _, part in self._admit(self.now, left)}
            if not self.running:
                if self.head == len(self.arrival) and self._first(self.now) is None:
                    break
                if self.head < len(self.arrival):
                    self.now = max(self.now, self.arrival[self.head])
                continue
            self._step(takes)

    def _rank(self, index: int) -> Rank:
        return (self.priority[index] if self.priority else 0, self.arrival[index], index)

    def _decodes(self, index: int) -> bool:
        return self.done[index] >= self.running[index]

    def _first(self, now: float) -> int | None:
        """Return who is first of those that wait."""
        if not self.ranked:
            return super()._first(now)
        while self.head < len(self.arrival) and self.arrival[self.head] <= now:
            heapq.heappush(self.line, self._rank(self.head))
            self.head += 1
        return self.line[0][2] if self.line else None

    def _leave(self, index: int) -> None:
        if self.ranked:
            heapq.heappop(self.line)
        else:
            super()._leave(index)

    def _overtake(self) -> float:
        """Make room for the first in line; return the priority above which readers then wait."""
        index = self._first(self.now)
        if index is None or self._never_fits(index):
            return math.inf
        priority = self._rank(index)[0]
        budget, most = self.limits.token_budget, self.limits.max_batch
        while len(self.running) >= most or not self._asks(index, budget)[-1]:
            last = max(self.running, key=self._rank, default=None)
            if last is None or self._rank(last)[0] <= priority:
                return math.inf
            self._preempt(last)
        return priority

    def _go_on(self, waits: float) -> tuple[dict[int, int], bool]:
        """Let those that run take tokens and blocks: how many each, and whether all kept theirs."""
        takes: dict[int, int] = {}
        left, steady = self.limits.token_budget, True
        for index in list(self.running):
            if index not in self.running:
                continue
            if self._decodes(index):
                tokens = 1 + self._proposes(index, left)
            elif self._rank(index)[0] <= waits:
                tokens = min(self.running[index] - self.done[index], left)
            else:
                tokens = 0
            if tokens <= 0:
                continue
            needs = -(-(self.done[index] + tokens) // self.size) - self.blocks_of[index]
            while needs > self.pool.free:
                last = (
                    max(self.running, key=self._rank)
                    if self.ranked
                    else next(reversed(self.running))
                )
                left += takes.pop(last, 0)
                self._preempt(last)
                steady = False
                if last == index:
                    return takes, steady
            if needs > 0:
                self.pool.take(needs)
                self.blocks_of[index] += needs
            takes[index] = tokens
            left -= tokens
        return takes, steady

    def _proposes(self, index: int, left: int) -> int:
        """Return how many tokens a decoding sequence proposes."""
        if self.limits.speculation is None:
            return 0
        rest = self.output[index] - self.emitted[index] - 1
        return max(0, min(self.limits.speculation.tokens, rest, left - 1))

    def _step(self, takes: dict[int, int]) -> None:
        """Take a step in which each sequence reads, or decodes, so many tokens."""
        self.most_held = max(self.most_held, self.pool.held)
        decodes = [index for index in takes if self._decodes(index)]
        reads = [index for index in takes if not self._decodes(index)]
        drafted = [takes[index] - 1 for index in decodes]
        tokens = sum(drafted) + sum([takes[index] for index in reads])
        pairs = sum([pairs_before(takes[index], self.done[index]) for index in reads])
        context = 0
        for index, proposed in zip(decodes, drafted, strict=True):
            context += self.done[index] + 1
            pairs += pairs_before(proposed, self.done[index] + 1)
        lasts = self.seconds(tokens, len(decodes), context, pairs)
        gains = [1] * len(decodes)
        speculation = self.limits.speculation
        if speculation is not None and decodes:
            lasts += speculation.seconds * max(drafted)
            gains = (1 + speculation.accepted(np.array(drafted), self.rng)).tolist()
        self.now += lasts
        self.busy += lasts
        self.steps += 1
        self.sequences += len(takes)
        for index, gain in zip(decodes, gains, strict=True):
            self.done[index] += gain
            self._emit(index, gain)
        for index in reads:
            self.done[index] += takes[index]
            if self._decodes(index):
                self._emit(index, 1)

    def _emit(self, index: int, tokens: int) -> None:
        """Note that tokens of a sequence are out, and let it go at its last."""
        now, before = self.now, self.emitted.get(index, 0)
        if before:
            self.gap.append(now - self.since[index])
            self.gap_tokens.append(1)
        else:
            self.first_token[index] = now
        self.since[index] = now
        self.emitted[index] = before + tokens
        if before + tokens == self.output[index]:
            self._let_go(index)
            del self.since[index]
            self._end(index, now)

    def _begin(self, index: int, start: int, end: int) -> None:
        """Note that one who was admitted reads from ``start`` to ``end`` in this step."""
        self.done[index] = start
        self.blocks_of[index] = -(-end // self.size)

    def _let_go(self, index: int) -> None:
        del self.running[index], self.done[index]
        self.pool.let_go(self.blocks_of.pop(index), self.named.pop(index, ()))

    def _preempt(self, index: int) -> None:
        """Let go a running sequence that will have to read all it has again."""
        self.preempted[index] = self.preempted.get(index, 0) + 1
        self.recomputed[index] = self.recomputed.get(index, 0) + self.done[index]
        self._let_go(index)
        if self.ranked:
            heapq.heappush(self.line, self._rank(index))
        else:
            self.again.appendleft(index)


def replica_of(
    limits: Limits, rng: np.random.Generator | None = None, priority: Sequence[int] = ()
) -> Replica:
    """Return an empty replica of an engine, to which requests are offered one by one.

    Parameters
    ----------
    limits : Engine
        Which one.
    rng : numpy.random.Generator or None
        Draws what is accepted, where the engine speculates and that is a matter of chance.
    priority : sequence of int
        As `Stepwise` takes it.

    Returns
    -------
    Replica

    Raises
    ------
    ValueError
        If a generator is needed and not given.
    """
    speculation = limits.speculation
    if speculation is not None and not speculation.certain:
        check.generator("rng", rng)
    if limits.memory != "paged":
        return Reserving(limits)
    plain = limits.order == "fcfs" and speculation is None
    return Paging(limits) if plain else Stepwise(limits, rng, priority)
