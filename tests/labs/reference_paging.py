"""Paged memory the slow and obvious way: every block an object, every rule a line."""

from dataclasses import dataclass, field
from math import nan
from typing import Any


@dataclass(eq=False)
class Block:
    identity: Any = None
    readers: int = 0
    let_go: int = 0


@dataclass(eq=False)
class Sequence:
    index: int
    prompt: int
    output: int
    identities: tuple[Any, ...]
    done: int = 0  # tokens whose cache is held
    emitted: int = 0
    goal: int = 0  # tokens to read before the next comes out
    blocks: list[Block] = field(default_factory=list)
    rank: tuple[float, ...] = ()

    @property
    def decodes(self) -> bool:
        return self.done >= self.goal


@dataclass
class Step:
    start: float
    end: float
    decoded: list[int]
    read: dict[int, int]
    preempted: list[int]
    held: int


@dataclass
class Outcome:
    first_token: list[float]
    finish: list[float]
    preempted: list[int]
    recomputed: list[int]
    cached: list[int]
    rejected: list[int] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    tokens: dict[int, list[float]] = field(default_factory=dict)


class Memory:
    def __init__(self, count: int) -> None:
        self.blocks = [Block() for _ in range(count)]
        self.clock = 0

    def free(self) -> list[Block]:
        return [block for block in self.blocks if not block.readers]

    def take(self) -> Block:
        """An empty one if there is any; else the one let go longest ago."""
        block = min(self.free(), key=lambda block: (block.identity is not None, block.let_go))
        block.identity, block.readers = None, 1
        return block

    def find(self, identity: Any) -> Block | None:
        for block in self.blocks:
            if block.identity is not None and block.identity == identity:
                return block
        return None

    def let_go(self, blocks: list[Block]) -> None:
        for block in reversed(blocks):
            block.readers -= 1
            self.clock += 1
            block.let_go = self.clock


def serve(
    requests: list[tuple[float, int, int]],
    seconds: Any,
    max_batch: int,
    count: int,
    size: int,
    budget: int,
    admit: str = "whole",
    identities: list[tuple[Any, ...]] | None = None,
    order: str = "fcfs",
    priority: list[int] | None = None,
    proposes: int = 0,
    accepts: int = 0,
    drafting: float = 0.0,
) -> Outcome:
    """Serve (arrival, prompt, output) triples that arrive in order.

    Of what a sequence proposes, the first ``accepts`` are accepted.
    """
    n = len(requests)
    outcome = Outcome([nan] * n, [nan] * n, [0] * n, [0] * n, [0] * n)
    memory = Memory(count)
    waiting = [
        Sequence(i, prompt, output, identities[i] if identities else ())
        for i, (_, prompt, output) in enumerate(requests)
    ]
    for sequence in waiting:
        urgent = priority[sequence.index] if priority and order != "fcfs" else 0
        sequence.rank = (urgent, requests[sequence.index][0], sequence.index)
    running: list[Sequence] = []
    now = requests[0][0] if requests else 0.0

    def blocks_for(tokens: int) -> int:
        return -(-tokens // size)

    def grow(sequence: Sequence, done: int) -> None:
        while len(sequence.blocks) < blocks_for(done):
            sequence.blocks.append(memory.take())
        full = min(done, sequence.prompt) // size
        for place in range(sequence.done // size, min(full, len(sequence.identities))):
            block = sequence.blocks[place]
            if memory.find(sequence.identities[place]) is None:
                block.identity = sequence.identities[place]

    def line() -> list[Sequence]:
        """Those that have arrived, the first to be admitted first."""
        here = [s for s in waiting if requests[s.index][0] <= now]
        return here if order == "fcfs" else sorted(here, key=lambda s: s.rank)

    def room(head: Sequence, budget: int) -> tuple[list[Block], int, bool]:
        head.goal = head.prompt + head.emitted
        found: list[Block] = []
        for place in range((head.goal - 1) // size):
            if place >= head.prompt // size or place >= len(head.identities):
                break
            block = memory.find(head.identities[place])
            if block is None:
                break
            found.append(block)
        part = min(head.goal - len(found) * size, budget)
        whole = head.goal if admit == "whole" else len(found) * size + part
        free = [block for block in memory.free() if block not in found]
        return found, part, blocks_for(whole) - len(found) <= len(free)

    def preempt(victim: Sequence | None = None) -> Sequence:
        if victim is None:
            victim = running[-1] if order == "fcfs" else max(running, key=lambda s: s.rank)
        running.remove(victim)
        memory.let_go(victim.blocks)
        outcome.preempted[victim.index] += 1
        outcome.recomputed[victim.index] += victim.done
        victim.blocks, victim.done = [], 0
        waiting.insert(0, victim)
        return victim

    while waiting or running:
        if not running and not line():
            now = min(requests[s.index][0] for s in waiting)
        left = budget
        urgent = float("inf")
        if (
            order == "preemptive"
            and line()
            and blocks_for(line()[0].prompt + line()[0].output - 1) <= count
        ):
            head = line()[0]
            while len(running) == max_batch or not room(head, budget)[2]:
                less = [s for s in running if s.rank[0] > head.rank[0]]
                if not less:
                    break
                preempt(max(less, key=lambda s: s.rank))
            else:
                urgent = head.rank[0]
        advance: dict[int, int] = {}
        preempted: list[int] = []
        for sequence in tuple(running):
            if sequence not in running:
                continue
            if sequence.decodes:
                rest = sequence.output - sequence.emitted - 1
                tokens = 1 + max(0, min(proposes, rest, left - 1))
            elif sequence.rank[0] > urgent:
                tokens = 0
            else:
                tokens = max(0, min(sequence.goal - sequence.done, left))
            if not tokens:
                continue
            asks = blocks_for(sequence.done + tokens) - len(sequence.blocks)
            while len(memory.free()) < asks:
                victim = preempt()
                left += advance.pop(victim.index, 0)
                preempted.append(victim.index)
                if victim is sequence:
                    break
            if sequence not in running:
                break
            if sequence in running:
                while len(sequence.blocks) < blocks_for(sequence.done + tokens):
                    sequence.blocks.append(memory.take())
                advance[sequence.index] = tokens
                left -= tokens
        for sequence in running:
            if sequence.index in advance:
                grow(sequence, sequence.done + advance[sequence.index])
        decoding = [s for s in running if s.decodes and s.index in advance]
        pairs = 0.0
        for sequence in decoding:
            for proposal in range(advance[sequence.index] - 1):
                pairs += sequence.done + 1 + proposal
        read = {}
        for sequence in running:
            if not sequence.decodes and sequence.index in advance:
                read[sequence.index] = advance[sequence.index]
                part = advance[sequence.index]
                pairs += sum(range(sequence.done, sequence.done + part))
        while not preempted and line() and left > 0 and len(running) < max_batch:
            head = line()[0]
            if blocks_for(head.prompt + head.output - 1) > count:
                waiting.remove(head)
                outcome.rejected.append(head.index)
                continue
            found, part, fits = room(head, left)
            if not fits:
                break
            waiting.remove(head)
            cached = len(found) * size
            for block in found:
                block.readers += 1
            head.blocks, head.done = found, cached
            outcome.cached[head.index] += cached
            grow(head, cached + part)
            running.append(head)
            advance[head.index] = read[head.index] = part
            pairs += sum(range(cached, cached + part))
            left -= part
        if not running:
            continue
        # The context of a decoding sequence includes the token that is decoded.
        context = sum(s.done + 1 for s in decoding)
        proposals = [advance[s.index] - 1 for s in decoding]
        tokens = sum(read.values()) + sum(proposals)
        lasts = seconds(float(tokens), float(len(decoding)), float(context), pairs)
        lasts += drafting * max(proposals, default=0)
        held = sum(1 for block in memory.blocks if block.readers)
        names = [s.index for s in decoding]
        outcome.steps.append(Step(now, now + lasts, names, read, preempted, held))
        now += lasts
        for sequence in running:
            if sequence.index not in advance:
                continue
            out = 1
            if sequence.decodes:
                out += min(accepts, advance[sequence.index] - 1)
                sequence.done += out
            else:
                sequence.done += advance[sequence.index]
                if not sequence.decodes:
                    continue
            if not sequence.emitted:
                outcome.first_token[sequence.index] = now
            sequence.emitted += out
            outcome.tokens.setdefault(sequence.index, []).append(now)
        # Of those out together, the order of letting go: the rule is silent; those that decoded
        # first, in order of admission, then those that have read.
        ended = [s for s in running if s.emitted == s.output]
        for sequence in sorted(ended, key=lambda s: s.index in read):
            outcome.finish[sequence.index] = now
            memory.let_go(sequence.blocks)
            running.remove(sequence)
    return outcome
