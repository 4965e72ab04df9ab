"""A replica that takes KV memory in blocks as tokens come, and preempts where it has none."""

import math
from collections import deque

from labs._blocks import Blocks
from labs._replica import NONE, Counts, Identities, Limits, Replica
from labs.step import pairs_before


class Paging(Replica):
    """A replica of `labs.engine.Engine` with ``memory="paged"``, whose docstring has the rules.

    All that run decode in every step, but for the one admitted last, which may still read: those
    before it take theirs of the budget first, and nobody is admitted before it has read. So a step
    costs the same however many decode: how many need a block is counted by the step, modulo the
    size of a block, in which each does.

    Parameters
    ----------
    limits : Engine
        With ``memory="paged"``.

    Examples
    --------
    >>> from labs.engine import Engine, StepTime
    >>> paged = Engine(StepTime(1.0, 0.0, 0.0, 0.0), kv_tokens=48, policy="chunked", memory="paged")
    >>> replica = Paging(paged)
    >>> replica.offer(0.0, prompt=20, output=20)
    >>> replica.offer(0.0, prompt=8, output=8)
    >>> replica.advance()
    >>> replica.finish, replica.peak_kv()
    ([20.0, 8.0], 48)
    """

    def __init__(self, limits: Limits) -> None:
        super().__init__(limits)
        self.size, tokens = limits.block, limits.kv_tokens
        self.pool = Blocks(math.inf if tokens is None else tokens // self.size)
        self.most_held = 0
        #: Those that run, in order of admission, with what they have to read before they emit.
        self.running: dict[int, int] = {}
        self.reader: int | None = None
        self.read = 0
        self.again: deque[int] = deque()
        #: By request that decodes: the decode step before its first one, and that of its last.
        self.began: dict[int, int] = {}
        self.ends: dict[int, int] = {}
        self.asking = [0] * self.size
        self.named: dict[int, list[object]] = {}
        self.emitted: dict[int, int] = {}
        #: When those last emitted a token that did not in the decode step before.
        self.since: dict[int, float] = {}
        self.fresh: dict[int, float] = {}
        self.preempted: dict[int, int] = {}
        self.recomputed: dict[int, int] = {}
        self.cached: dict[int, int] = {}

    def peak_kv(self) -> int:
        """Return the most tokens whose blocks were held in a step.

        Returns
        -------
        int
        """
        return self.most_held * self.size

    def lost(self) -> tuple[Counts, Counts, Counts]:
        """Return what memory that is full or cached did to each request.

        Returns
        -------
        preempted, recomputed, cached : sequence (n,) of int
            Preemptions, tokens lost to them, and prompt tokens found.
        """
        preempted, recomputed, cached = (
            [of.get(index, 0) for index in range(len(self.arrival))]
            for of in (self.preempted, self.recomputed, self.cached)
        )
        return preempted, recomputed, cached

    def advance(self, until: float = math.inf) -> None:
        """Take every step that begins before a time.

        Parameters
        ----------
        until : float
            Seconds.
        """
        seconds, budget, size, most = (
            self.seconds,
            self.limits.token_budget,
            self.size,
            self.limits.max_batch,
        )
        running, asking, pool, arrival = self.running, self.asking, self.pool, self.arrival
        while self.now < until:
            now, steady = self.now, True
            asks = asking[(self.decode_steps + 1) % size] if self.active else 0
            if asks:
                if asks <= pool.free:
                    pool.take(asks)
                else:
                    steady = self._squeeze()
            left = budget - self.active
            touched = tokens = 0
            pairs, completed = 0.0, NONE
            if self.reader is not None:
                index, start, whole = self.reader, self.read, running[self.reader]
                tokens = min(left, whole - start)
                if self._extend(index, start, start + tokens):
                    touched, pairs = 1, pairs_before(tokens, start)
                    left -= tokens
                    if start + tokens == whole:
                        completed = [index]
                else:
                    steady, tokens = False, 0
            if steady and left and len(running) < most:
                waiting = self.again or (self.head < len(arrival) and arrival[self.head] <= now)
                if waiting:
                    admitted = self._admit(now, left)
                    touched += len(admitted)
                    for index, start, part in admitted:
                        tokens += part
                        pairs += pairs_before(part, start)
                        if start + part == running[index]:
                            completed = [*completed, index]
            if not running:
                if self.head == len(arrival):
                    break
                self.now = max(now, arrival[self.head])
                continue
            if pool.held > self.most_held:
                self.most_held = pool.held
            decoding = self.active
            lasts = seconds(tokens, decoding, self.context if decoding else 0, pairs)
            self.now = now = now + lasts
            self.busy += lasts
            self.steps += 1
            self.sequences += decoding + touched
            if decoding:
                self._decode(now, decoding)
            for index in completed:
                self._complete(index, now)

    def _decode(self, now: float, decoding: int) -> None:
        """Note that every decoding sequence has emitted a token, and let go those at their last."""
        fresh = self.fresh
        older = decoding - len(fresh)
        if older:
            self.gap.append(now - self.decoded)
            self.gap_tokens.append(older)
        if fresh:
            self.gap.extend([now - emitted for emitted in fresh.values()])
            self.gap_tokens.extend([1] * len(fresh))
            fresh.clear()
        self.decoded = now
        self.decode_steps += 1
        self.context += decoding
        if self.decode_steps in self.last_decode:
            for index in self.last_decode.pop(self.decode_steps):
                if self.ends.get(index) == self.decode_steps:
                    self._stop(index)
                    self._end(index, now)

    def _complete(self, index: int, now: float) -> None:
        """Note that a sequence has read all it had to, which emits its next token."""
        before = self.emitted.get(index, 0)
        self.reader = None if index == self.reader else self.reader
        if before:
            self.gap.append(now - self.since.pop(index))
            self.gap_tokens.append(1)
        else:
            self.first_token[index] = now
        if before + 1 == self.output[index]:
            self._drop(index, self.running[index])
            self._end(index, now)
            return
        whole = self.running[index]
        self.active += 1
        self.context += whole + 1
        self.fresh[index] = now
        self.began[index] = self.decode_steps
        self.asking[(self.decode_steps + 1 - whole) % self.size] += 1
        ends = self.decode_steps + self.output[index] - before - 1
        self.ends[index] = ends
        self.last_decode[ends].append(index)

    def _end(self, index: int, now: float) -> None:
        self.finish[index] = now
        self.emitted.pop(index, None)
        if self.later:
            self.next_user(now + self.limits.front)

    def _stop(self, index: int) -> int:
        """Let a decoding sequence go; return the tokens whose cache it held."""
        began, whole = self.began.pop(index), self.running[index]
        held = whole + self.decode_steps - began
        self.active -= 1
        self.context -= held + 1
        self.asking[(began + 1 - whole) % self.size] -= 1
        del self.ends[index]
        self._drop(index, held)
        return held

    def _drop(self, index: int, held: int) -> None:
        """Take a sequence that holds so many tokens out of those that run."""
        del self.running[index]
        self.pool.let_go(-(-held // self.size), self.named.pop(index, ()))

    def _preempt(self, index: int) -> None:
        """Let go a running sequence that will have to read all it has again."""
        if index == self.reader:
            self.reader, held = None, self.read
            self._drop(index, held)
        else:
            self.since[index] = self.fresh.pop(index, self.decoded)
            self.emitted[index] = (
                self.emitted.get(index, 0) + 1 + self.decode_steps - self.began[index]
            )
            held = self._stop(index)
        self.preempted[index] = self.preempted.get(index, 0) + 1
        self.recomputed[index] = self.recomputed.get(index, 0) + held
        self.again.appendleft(index)

    def _squeeze(self) -> bool:
        """Give blocks to those that need one, in order of admission; False if one was preempted."""
        step, steady = self.decode_steps + 1, True
        for index in list(self.running):
            if index not in self.began:
                continue
            if (step - self.began[index] - 1 + self.running[index]) % self.size:
                continue
            while not self.pool.free and index in self.running:
                self._preempt(next(reversed(self.running)))
                steady = False
            if index in self.running:
                self.pool.take(1)
        return steady

    def _extend(self, index: int, start: int, end: int) -> bool:
        """Take the blocks for what the one that reads goes on to; False if it was preempted."""
        needs = -(-end // self.size) + -start // self.size
        if needs > self.pool.free:
            self._preempt(index)
            return False
        self.pool.take(needs)
        self._name(index, start, end)
        self.read = end
        return True

    def _admit(self, now: float, left: int) -> list[tuple[int, int, int]]:
        """Admit in order while budget, batch and memory allow: who, from which token, how many."""
        admitted: list[tuple[int, int, int]] = []
        pool, size, limits = self.pool, self.size, self.limits
        while left and len(self.running) < limits.max_batch:
            index = self._first(now)
            if index is None:
                break
            if self._never_fits(index):
                self.rejected.append(index)
                self._leave(index)
                self.next_user(now)
                continue
            whole, found, start, part, fits = self._asks(index, left)
            if not fits:
                break
            self.given.pop(index, None)
            self._leave(index)
            if found:
                pool.share(found)
                self.named[index] = list(found)
                self.cached[index] = self.cached.get(index, 0) + start
            pool.take(-(-(start + part) // size) - len(found))
            self._name(index, start, start + part)
            self.running[index] = whole
            self._begin(index, start, start + part)
            left -= part
            admitted.append((index, start, part))
        return admitted

    def _first(self, now: float) -> int | None:
        """Return who is first of those that wait."""
        if self.again:
            return self.again[0]
        arrived = self.head < len(self.arrival) and self.arrival[self.head] <= now
        return self.head if arrived else None

    def _leave(self, index: int) -> None:
        """Take the first of those that wait out of the line."""
        if index == self.head:
            self.head += 1
        else:
            self.again.popleft()

    def _begin(self, index: int, start: int, end: int) -> None:
        """Note that one who was admitted reads from ``start`` to ``end`` in this step."""
        if end < self.running[index]:
            self.reader, self.read = index, end

    def _never_fits(self, index: int) -> bool:
        return -(-(self.prompt[index] + self.output[index] - 1) // self.size) > self.pool.count

    def _asks(self, index: int, left: int) -> tuple[int, Identities, int, int, bool]:
        """Return what the first in line would read with a budget, and whether there is room.

        All it has to read, what is found of that, and of the rest the start and the part.
        """
        whole = self.prompt[index] + self.emitted.get(index, 0)
        found = self._found(index, whole)
        start = self.given.get(index, 0) or len(found) * self.size
        part = min(whole - start, left)
        end = whole if self.limits.admit == "whole" else start + part
        needs = -(-end // self.size) - len(found)
        idle = self.pool.idle(found) if found else 0
        return whole, found, start, part, needs <= self.pool.free - idle

    def _found(self, index: int, whole: int) -> Identities:
        """Return the identities of the first blocks that need not be read: all but the last."""
        if index in self.given or not self.limits.prefix_cache or not self.blocks[index]:
            return ()
        full = min(self.prompt[index], whole - 1) // self.size
        named = self.blocks[index][:full]
        return named[: self.pool.find(named)]

    def _name(self, index: int, start: int, end: int) -> None:
        """Give the blocks that reading from ``start`` to ``end`` fills their identities."""
        if self.limits.prefix_cache and self.blocks[index]:
            full = min(end, self.prompt[index]) // self.size
            for identity in self.blocks[index][start // self.size : full]:
                if self.pool.name(identity):
                    self.named.setdefault(index, []).append(identity)
