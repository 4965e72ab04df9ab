"""A replica at work: the line before it, its clock, and what came out of it."""

import math
from collections import defaultdict, deque
from collections.abc import Hashable, Sequence
from typing import Protocol

import numpy as np

from labs import step as step_law
from labs.speculation import Speculation
from labs.step import StepTime
from labs.timeline import Timeline
from labs.workload import Workload

Identities = Sequence[Hashable]
Request = tuple[int, int, Identities]
Counts = Sequence[int]
#: Nothing, where a step admits or completes nobody.
NONE: list[int] = []


class Limits(Protocol):
    """What a replica asks of an engine: see `labs.engine.Engine`.

    Examples
    --------
    >>> from labs.engine import Engine
    >>> limits: Limits = Engine(StepTime(1.0, 0.0, 0.0, 0.0))
    >>> limits.token_budget
    512
    """

    @property
    def step_time(self) -> StepTime: ...
    @property
    def max_batch(self) -> int: ...
    @property
    def kv_tokens(self) -> int | None: ...
    @property
    def policy(self) -> str: ...
    @property
    def max_prefill(self) -> int | None: ...
    @property
    def token_budget(self) -> int: ...
    @property
    def memory(self) -> str: ...
    @property
    def block(self) -> int: ...
    @property
    def prefix_cache(self) -> bool: ...
    @property
    def admit(self) -> str: ...
    @property
    def front(self) -> float: ...
    @property
    def order(self) -> str: ...
    @property
    def speculation(self) -> Speculation | None: ...


class Replica:
    """Requests that come one after the other, and the times they are given; a subclass steps.

    Requests are numbered as they are offered. In a closed loop ``later`` holds what users send
    once an answer is out.

    Parameters
    ----------
    limits : Engine
        What it may do, and what a step costs.

    Examples
    --------
    >>> from labs.engine import Engine
    >>> replica = Reserving(Engine(StepTime(1.0, 0.0, 0.0, 0.0)))
    >>> replica.offer(0.0, prompt=10, output=3)
    >>> replica.advance()
    >>> replica.finish
    [3.0]
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.seconds = step_law.law(limits.step_time)
        self.later: deque[Request] = deque()
        self.given: dict[int, int] = {}
        self.arrival: list[float] = []
        self.prompt: list[int] = []
        self.output: list[int] = []
        self.blocks: list[Identities] = []
        self.first_token: list[float] = []
        self.finish: list[float] = []
        self.rejected: list[int] = []
        self.head = self.steps = self.decode_steps = self.sequences = 0
        self.active = self.context = 0
        self.now = self.decoded = -math.inf
        self.busy = 0.0
        self.last_decode: defaultdict[int, list[int]] = defaultdict(list)
        self.gap: list[float] = []
        self.gap_tokens: list[int] = []

    def offer(
        self, arrival: float, prompt: int, output: int, blocks: Identities = (), held: int = 0
    ) -> None:
        """Put a request at the end of the line.

        Parameters
        ----------
        arrival : float
            Seconds, not before the last one offered.
        prompt, output : int
            Tokens.
        blocks : sequence
            Identities of the prompt's blocks.
        held : int
            Tokens of the prompt whose cache comes with it, all but one at most.
        """
        if held:
            self.given[len(self.arrival)] = held
        self.arrival.append(arrival)
        self.prompt.append(prompt)
        self.output.append(output)
        self.blocks.append(blocks)
        self.first_token.append(math.nan)
        self.finish.append(math.nan)

    def offer_all(self, workload: Workload) -> None:
        """Offer every request of a workload to a replica that has been offered none.

        Parameters
        ----------
        workload : Workload
            Requests.
        """
        self.arrival = workload.arrival.tolist()
        self.prompt = workload.prompt.tolist()
        self.output = workload.output.tolist()
        self.blocks = [()] * len(workload) if workload.blocks is None else list(workload.blocks)
        self.first_token = [math.nan] * len(workload)
        self.finish = [math.nan] * len(workload)

    def advance(self, until: float = math.inf) -> None:
        """Take every step that begins before a time.

        Parameters
        ----------
        until : float
            Seconds.
        """
        raise NotImplementedError

    def peak_kv(self) -> int:
        """Return the most tokens of KV memory reserved, or held in blocks, at once.

        Returns
        -------
        int
        """
        raise NotImplementedError

    def lost(self) -> tuple[Counts, Counts, Counts]:
        """Return what memory that is full or cached did to each request.

        Returns
        -------
        preempted, recomputed, cached : sequence (n,) of int
            Preemptions, tokens lost to them, and prompt tokens found.
        """
        none = [0] * len(self.arrival)
        return none, none, none

    def next_user(self, now: float) -> None:
        """Let the user whose request has ended send the next, in a closed loop.

        Parameters
        ----------
        now : float
            Seconds.
        """
        if self.later:
            self.offer(now, *self.later.popleft())

    def timeline(self) -> Timeline:
        """Return what has become of the requests.

        Returns
        -------
        Timeline
        """
        arrival, output = np.array(self.arrival), np.array(self.output, dtype=np.int64)
        first_token = np.array(self.first_token) + self.limits.front
        finish = np.array(self.finish) + self.limits.front
        preempted, recomputed, cached = (np.array(of, dtype=np.int64) for of in self.lost())
        several = np.where(output > 1, output - 1, np.nan)
        return Timeline(
            first_token=first_token,
            finish=finish,
            rejected=np.array(self.rejected, dtype=np.int64),
            steps=self.steps,
            busy=self.busy,
            mean_batch=self.sequences / self.steps if self.steps else 0.0,
            peak_kv=self.peak_kv(),
            ttft=first_token - arrival,
            tpot=(finish - first_token) / several,
            latency=finish - arrival,
            gap=np.array(self.gap),
            gap_tokens=np.array(self.gap_tokens, dtype=np.int64),
            arrival=arrival,
            preempted=preempted,
            recomputed=recomputed,
            cached=cached,
        )


class Reserving(Replica):
    """A replica that reserves memory for prompt and output when it admits a request.

    Parameters
    ----------
    limits : Engine
        With ``memory="reserve"``.
    """

    def __init__(self, limits: Limits) -> None:
        super().__init__(limits)
        self.running = self.reserved = self.most_reserved = 0
        self.unfinished: deque[list[int]] = deque()
        self.fresh: list[float] = []

    def peak_kv(self) -> int:
        """Return the most tokens reserved at once.

        Returns
        -------
        int
        """
        return self.most_reserved

    def advance(self, until: float = math.inf) -> None:
        """Take every step that begins before a time.

        A decoding sequence emits a token in every step that decodes, so the decode step that emits
        its last token is known when its prompt completes: a step costs the same however many
        sequences are in it.

        Parameters
        ----------
        until : float
            Seconds.
        """
        seconds, policy, budget = self.seconds, self.limits.policy, self.limits.token_budget
        chunked, alone = policy == "chunked", policy == "prefill_first"
        prompt, output, arrival, last_decode = (
            self.prompt,
            self.output,
            self.arrival,
            self.last_decode,
        )
        gap, gap_tokens, unfinished = self.gap, self.gap_tokens, self.unfinished
        now, decoded, busy, fresh = self.now, self.decoded, self.busy, self.fresh
        decode_steps, active, context = self.decode_steps, self.active, self.context
        steps = sequences = 0
        while now < until:
            arrived = self.head < len(arrival) and arrival[self.head] <= now
            admitted = self._admit(now) if arrived else NONE
            if not self.running:
                if self.head == len(arrival):
                    break
                now = arrival[self.head]
                continue
            touched = tokens = 0
            pairs, completed = 0.0, NONE
            if chunked:
                if admitted:
                    unfinished.extend([[index, prompt[index]] for index in admitted])
                if unfinished:
                    touched, tokens, pairs, completed = self._chunks(budget - active)
            elif admitted:
                touched, completed = len(admitted), admitted
                tokens = sum([prompt[index] for index in admitted])
                pairs = sum([step_law.pairs_before(prompt[index]) for index in admitted])
            decodes = active and not (alone and admitted)
            decoding, kv = (active, context) if decodes else (0, 0)
            lasts = seconds(tokens, decoding, kv, pairs)
            now += lasts
            busy += lasts
            steps += 1
            sequences += decoding + touched
            if decoding:
                older = decoding - len(fresh)
                if older:
                    gap.append(now - decoded)
                    gap_tokens.append(older)
                if fresh:
                    gap.extend([now - first_token for first_token in fresh])
                    gap_tokens.extend([1] * len(fresh))
                    fresh = []
                decoded = now
                decode_steps += 1
                context += decoding
                if decode_steps in last_decode:
                    for index in last_decode.pop(decode_steps):
                        active -= 1
                        context -= self._release(index, now)
            for index in completed:
                self.first_token[index] = now
                if output[index] == 1:
                    self._release(index, now)
                else:
                    active += 1
                    fresh.append(now)
                    context += prompt[index] + 1
                    last_decode[decode_steps + output[index] - 1].append(index)
        self.now, self.decoded, self.busy, self.fresh = now, decoded, busy, fresh
        self.decode_steps, self.active, self.context = decode_steps, active, context
        self.steps += steps
        self.sequences += sequences

    def _admit(self, now: float) -> list[int]:
        """Admit from the head of the line until one does not fit; reject what never could."""
        limits = self.limits
        kv_tokens = math.inf if limits.kv_tokens is None else limits.kv_tokens
        whole_prompts = limits.policy != "chunked"
        room = (limits.max_prefill if whole_prompts else None) or math.inf
        admitted: list[int] = []
        while self.head < len(self.arrival) and self.arrival[self.head] <= now:
            tokens = self.prompt[self.head]
            need = tokens + self.output[self.head]
            if need > kv_tokens:
                self.rejected.append(self.head)
                self.head += 1
                self.next_user(now)
                continue
            if self.running == limits.max_batch or self.reserved + need > kv_tokens:
                break
            if admitted and tokens > room:
                break
            admitted.append(self.head)
            self.head += 1
            self.running += 1
            self.reserved += need
            room -= tokens
        self.most_reserved = max(self.most_reserved, self.reserved)
        return admitted

    def _chunks(self, budget: int) -> tuple[int, int, float, list[int]]:
        """Spend a budget on unfinished prompts: touched, tokens, pairs, prompts completed."""
        touched = tokens = 0
        pairs = 0.0
        completed = []
        while self.unfinished and tokens < budget:
            left = self.unfinished[0]
            part = min(left[1], budget - tokens)
            pairs += step_law.pairs_before(part, self.prompt[left[0]] - left[1])
            left[1] -= part
            tokens += part
            touched += 1
            if not left[1]:
                completed.append(self.unfinished.popleft()[0])
        return touched, tokens, pairs, completed

    def _release(self, index: int, now: float) -> int:
        """Note that a request is out, free its memory and return its whole context."""
        self.finish[index] = now
        need: int = self.prompt[index] + self.output[index]
        self.reserved -= need
        self.running -= 1
        if self.later:
            self.next_user(now + self.limits.front)
        return need
