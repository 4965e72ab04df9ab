"""Continuous batching the slow and obvious way: one object a sequence, every step spelt out."""

import itertools
from dataclasses import dataclass, field
from math import nan
from typing import Any


@dataclass
class Sequence:
    index: int
    prompt: int
    output: int
    prefilled: int = 0
    emitted: int = 0

    @property
    def decodes(self) -> bool:
        return self.prefilled == self.prompt

    @property
    def context(self) -> int:
        return self.prompt + self.emitted

    @property
    def reservation(self) -> int:
        return self.prompt + self.output


@dataclass
class Step:
    """What one step did, so that a test can hold it against the rules."""

    start: float
    end: float
    admitted: list[int]
    decoded: list[int]
    prefilled: dict[int, int]
    reserved: int
    running: int


@dataclass
class Outcome:
    first_token: list[float]
    finish: list[float]
    rejected: list[int] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    tokens: dict[int, list[float]] = field(default_factory=dict)

    @property
    def busy(self) -> float:
        return sum(step.end - step.start for step in self.steps)

    @property
    def mean_batch(self) -> float:
        touched = sum(len(step.decoded) + len(step.prefilled) for step in self.steps)
        return touched / len(self.steps) if self.steps else 0.0

    @property
    def gaps(self) -> list[float]:
        """Every time from one token of an answer to the next, one entry a token."""
        return [
            after - before
            for times in self.tokens.values()
            for before, after in itertools.pairwise(times)
        ]

    @property
    def peak_kv(self) -> int:
        return max((step.reserved for step in self.steps), default=0)


def serve(
    requests: list[tuple[float, int, int]],
    cost: tuple[float, float, float, float],
    max_batch: int = 256,
    kv_tokens: int | None = None,
    policy: str = "mixed",
    max_prefill: int | None = None,
    token_budget: int = 512,
) -> Outcome:
    """Serve (arrival, prompt, output) triples; ``cost`` is base, prefill, sequence and KV token."""
    outcome = Outcome([nan] * len(requests), [nan] * len(requests))
    line = [Sequence(i, prompt, output) for i, (_, prompt, output) in enumerate(requests)]
    line.sort(key=lambda sequence: (requests[sequence.index][0], sequence.index))
    running: list[Sequence] = []
    now = requests[line[0].index][0] if line else 0.0

    def waiting() -> list[Sequence]:
        return [sequence for sequence in line if requests[sequence.index][0] <= now]

    while line or running:
        if not running and not waiting():
            now = requests[line[0].index][0]
        decoding = [sequence for sequence in running if sequence.decodes]
        admitted: list[Sequence] = []
        for head in waiting():
            if kv_tokens is not None and head.reservation > kv_tokens:
                line.remove(head)
                outcome.rejected.append(head.index)
                continue
            reserved = sum(sequence.reservation for sequence in running + admitted)
            prefill = sum(sequence.prompt for sequence in admitted)
            fits = len(running) + len(admitted) < max_batch
            if kv_tokens is not None:
                fits = fits and reserved + head.reservation <= kv_tokens
            if policy != "chunked" and max_prefill is not None and admitted:
                fits = fits and prefill + head.prompt <= max_prefill
            if not fits:
                break
            line.remove(head)
            admitted.append(head)
        running += admitted
        if not running:
            continue
        if policy == "chunked":
            left = max(0, token_budget - len(decoding))
            chunks = {}
            for sequence in running:
                part = min(left, sequence.prompt - sequence.prefilled)
                left -= part
                if part:
                    chunks[sequence.index] = part
        else:
            chunks = {sequence.index: sequence.prompt for sequence in admitted}
            if policy == "prefill_first" and admitted:
                decoding = []
        context = sum(sequence.context for sequence in decoding)
        lasts = _cost(cost, sum(chunks.values()), len(decoding), context)
        reserved = sum(sequence.reservation for sequence in running)
        outcome.steps.append(
            Step(
                start=now,
                end=now + lasts,
                admitted=[sequence.index for sequence in admitted],
                decoded=[sequence.index for sequence in decoding],
                prefilled=chunks,
                reserved=reserved,
                running=len(running),
            )
        )
        now += lasts
        for sequence in decoding:
            sequence.emitted += 1
            outcome.tokens[sequence.index].append(now)
        for sequence in running:
            sequence.prefilled += chunks.get(sequence.index, 0)
            if sequence.index in chunks and sequence.decodes:
                sequence.emitted = 1
                outcome.first_token[sequence.index] = now
                outcome.tokens[sequence.index] = [now]
        for sequence in running:
            if sequence.emitted == sequence.output:
                outcome.finish[sequence.index] = now
        running = [sequence for sequence in running if sequence.emitted < sequence.output]
    return outcome


def _cost(cost: tuple[float, ...], prefill: int, decoding: int, context: int) -> Any:
    base, prefill_token, sequence, kv_token = cost
    return base + prefill_token * prefill + sequence * decoding + kv_token * context
