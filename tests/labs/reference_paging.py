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
) -> Outcome:
    """Serve (arrival, prompt, output) triples that arrive in order."""
    n = len(requests)
    outcome = Outcome([nan] * n, [nan] * n, [0] * n, [0] * n, [0] * n)
    memory = Memory(count)
    waiting = [
        Sequence(i, prompt, output, identities[i] if identities else ())
        for i, (_, prompt, output) in enumerate(requests)
    ]
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

    def preempt() -> Sequence:
        victim = running.pop()
        memory.let_go(victim.blocks)
        outcome.preempted[victim.index] += 1
        outcome.recomputed[victim.index] += victim.done
        victim.blocks, victim.done = [], 0
        waiting.insert(0, victim)
        return victim

    while waiting or running:
        if not running and requests[waiting[0].index][0] > now and not waiting[0].emitted:
            now = max(now, requests[waiting[0].index][0])
        left = budget
        advance: dict[int, int] = {}
        preempted: list[int] = []
        for sequence in running:
            if sequence not in running:
                continue
            tokens = 1 if sequence.decodes else min(sequence.goal - sequence.done, left)
            if not tokens:
                continue
            asks = blocks_for(sequence.done + tokens) - len(sequence.blocks)
            while len(memory.free()) < asks:
                victim = preempt()
                preempted.append(victim.index)
                if victim is sequence:
                    break
            if sequence in running:
                grow(sequence, sequence.done + tokens)
                advance[sequence.index] = tokens
                left -= tokens
        decoding = [s for s in running if s.decodes]
        pairs = 0.0
        read = {}
        for sequence in running:
            if not sequence.decodes and sequence.index in advance:
                read[sequence.index] = advance[sequence.index]
                part = advance[sequence.index]
                pairs += sum(range(sequence.done, sequence.done + part))
        while not preempted and waiting and left and len(running) < max_batch:
            head = waiting[0]
            if requests[head.index][0] > now:
                break
            if blocks_for(head.prompt + head.output - 1) > count:
                outcome.rejected.append(waiting.pop(0).index)
                continue
            head.goal = head.prompt + head.emitted
            found: list[Block] = []
            for place in range((head.goal - 1) // size):
                if place >= head.prompt // size or place >= len(head.identities):
                    break
                block = memory.find(head.identities[place])
                if block is None:
                    break
                found.append(block)
            cached = len(found) * size
            part = min(head.goal - cached, left)
            whole = head.goal if admit == "whole" else cached + part
            free = [block for block in memory.free() if block not in found]
            if blocks_for(whole) - len(found) > len(free):
                break
            waiting.pop(0)
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
        lasts = seconds(float(sum(read.values())), float(len(decoding)), float(context), pairs)
        held = sum(1 for block in memory.blocks if block.readers)
        names = [s.index for s in decoding]
        outcome.steps.append(Step(now, now + lasts, names, read, preempted, held))
        now += lasts
        for sequence in running:
            if sequence.index not in advance:
                continue
            sequence.done += advance[sequence.index]
            if not sequence.decodes:
                continue
            sequence.emitted += 1
            outcome.tokens.setdefault(sequence.index, []).append(now)
            if sequence.emitted == 1:
                outcome.first_token[sequence.index] = now
        # Of those out together, the order of letting go: the rule is silent; those that decoded
        # first, in order of admission, then those that have read.
        out = [s for s in running if s.emitted == s.output]
        for sequence in sorted(out, key=lambda s: s.index in read):
            outcome.finish[sequence.index] = now
            memory.let_go(sequence.blocks)
            running.remove(sequence)
    return outcome
