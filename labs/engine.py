"""Continuous batching on one replica of a language model, step by step and exactly.

Time advances only by steps. At a step boundary all that have arrived wait in order; admission is
strictly first come, first served and stops at the first request that does not fit. What a step
then does is the policy, and what it costs is `StepTime`.
"""

import math
from collections import defaultdict, deque
from dataclasses import dataclass

import numpy as np

from labs import _moved
from labs import step as step_law
from labs import validation as check
from labs.step import StepTime
from labs.validation import FloatArray, IntArray
from labs.workload import Workload

__all__ = [
    "POLICIES",
    "ChatService",  # noqa: F822
    "Engine",
    "StepTime",
    "Timeline",
    "serve_chat",  # noqa: F822
]

POLICIES = ("mixed", "prefill_first", "chunked")
MOST_STEPS = 10_000_000

__getattr__ = _moved.moved(__name__, ChatService="scenarios", serve_chat="scenarios")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


@dataclass(frozen=True)
class Timeline:
    """What became of a workload; arrays in the workload's order, times in seconds.

    Attributes
    ----------
    first_token : array (n,)
        When the first token came out; NaN where rejected.
    finish : array (n,)
        When the last token came out; NaN where rejected.
    rejected : array (m,) of int
        Indices of requests that could never fit.
    steps : int
        Number of steps.
    busy : float
        Seconds spent in steps.
    mean_batch : float
        Sequences decoded or prefilled, in whole or in part, per step.
    peak_kv : int
        Most tokens of KV memory reserved at once.
    ttft : array (n,)
        Time from arrival to the first token.
    tpot : array (n,)
        Time per output token after the first, ``(finish - first_token) / (output - 1)``; NaN where
        there is only one.
    latency : array (n,)
        Time from arrival to the last token.
    gap : array (k,)
        Times between one token of an answer and the next.
    gap_tokens : array (k,) of int
        How many tokens waited each.

    Examples
    --------
    >>> timeline = Engine(StepTime(1.0, 0.0, 0.0, 0.0)).run(Workload([0.5], [10], [3]))
    >>> timeline.ttft.item(), timeline.tpot.item(), timeline.latency.item(), timeline.busy
    (1.0, 1.0, 3.0, 3.0)
    """

    first_token: FloatArray
    finish: FloatArray
    rejected: IntArray
    steps: int
    busy: float
    mean_batch: float
    peak_kv: int
    ttft: FloatArray
    tpot: FloatArray
    latency: FloatArray
    gap: FloatArray
    gap_tokens: IntArray

    def tbt_quantile(self, p: float) -> float:
        """Return the time between tokens that a fraction ``p`` of all tokens keep to, in seconds.

        TPOT averages over an answer and hides a stall in it; this does not.

        Parameters
        ----------
        p : float
            Between 0 and 1.

        Returns
        -------
        float
            NaN where no answer has a second token.

        Raises
        ------
        ValueError
            If ``p`` is out of range.

        Examples
        --------
        >>> timeline = Engine(StepTime(1.0, 0.0, 0.0, 0.0)).run(Workload([0.0], [10], [3]))
        >>> timeline.tbt_quantile(0.99)
        1.0
        """
        p = check.number("p", p, least=0, most=1)
        if not self.gap.size:
            return math.nan
        order = np.argsort(self.gap)
        share = np.cumsum(self.gap_tokens[order]) / self.gap_tokens.sum()
        return float(self.gap[order][min(int(np.searchsorted(share, p)), order.size - 1)])


@dataclass(frozen=True)
class Engine:
    """One replica that batches continuously.

    ``mixed`` decodes every running sequence and prefills whole prompts of those just admitted, in
    one step. ``prefill_first`` only prefills in a step that admitted any. ``chunked`` gives a step
    ``token_budget`` tokens: one to each decoding sequence, always, the rest to unfinished prompts
    in order of admission, in part where need be. KV memory for prompt and output is reserved at
    admission and freed when the last token is out.

    Attributes
    ----------
    step_time : StepTime
        What a step costs.
    max_batch : int
        Most sequences running at once.
    kv_tokens : int or None
        Tokens of KV memory; None for no limit. A request that needs more is rejected.
    policy : str
        ``mixed``, ``prefill_first`` or ``chunked``.
    max_prefill : int or None
        Most prompt tokens in a step of the whole-prompt policies, except for a first prompt that
        is longer by itself; None for no limit.
    token_budget : int
        Tokens of a step under ``chunked``.

    Raises
    ------
    ValueError
        If an argument is out of range or the policy unknown.

    References
    ----------
    Yu et al., "Orca", OSDI 2022 (continuous batching); Kwon et al., "PagedAttention", SOSP 2023;
    Agrawal et al., "Sarathi-Serve", OSDI 2024 (chunked prefill).

    Examples
    --------
    >>> step = StepTime(base=0.01, prefill_token=0.001, sequence=0.001, kv_token=0.0)
    >>> timeline = Engine(step).run(Workload([0.0, 0.0], [10, 20], [2, 1]))
    >>> timeline.first_token.tolist(), timeline.finish.round(6).tolist(), timeline.steps
    ([0.04, 0.04], [0.051, 0.04], 2)
    """

    step_time: StepTime
    max_batch: int = 256
    kv_tokens: int | None = None
    policy: str = "mixed"
    max_prefill: int | None = None
    token_budget: int = 512

    def __post_init__(self) -> None:
        check.instance("step_time", self.step_time, StepTime)
        check.one_of("policy", self.policy, POLICIES)
        for name in ("max_batch", "token_budget"):
            object.__setattr__(self, name, check.count(name, getattr(self, name)))
        for name in ("kv_tokens", "max_prefill"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, check.count(name, getattr(self, name)))

    def run(self, workload: Workload) -> Timeline:
        """Serve a workload from an empty replica until the last request is out.

        Parameters
        ----------
        workload : Workload
            Requests; arrival in seconds, lengths in tokens.

        Returns
        -------
        Timeline

        Raises
        ------
        ValueError
            If ``workload`` is not a `labs.workload.Workload`, or a request in it takes above ten
            million steps.

        Examples
        --------
        >>> Engine(StepTime(1.0, 0.0, 0.0, 0.0)).run(Workload([0.0], [10], [3])).finish.tolist()
        [3.0]
        """
        check.instance("workload", workload, Workload)
        parts = workload.prompt // self.token_budget if self.policy == "chunked" else 0
        steps = workload.output + parts
        if (steps > MOST_STEPS).any():
            raise check.refuse("workload", f"of at most {MOST_STEPS} steps a request", steps.max())
        return _Replica(self, workload).serve()

    def alone(self, workload: Workload) -> tuple[FloatArray, FloatArray]:
        """Return the TTFT and TPOT that each request would have if it were alone.

        No other request makes either shorter, so these are least times on any number of replicas.

        Parameters
        ----------
        workload : Workload
            Requests; their arrivals play no part.

        Returns
        -------
        ttft : array (n,)
            Seconds; ``inf`` where the request could never fit.
        tpot : array (n,)
            Seconds; NaN where there is one token or none.

        Raises
        ------
        ValueError
            If ``workload`` is not a `labs.workload.Workload`.

        Examples
        --------
        >>> step = StepTime(base=0.01, prefill_token=0.001, sequence=0.001, kv_token=0.0)
        >>> ttft, tpot = Engine(step).alone(Workload([0.0], [10], [3]))
        >>> ttft.round(6).tolist(), tpot.round(6).tolist()
        ([0.02], [0.011])
        """
        check.instance("workload", workload, Workload)
        step, prompt, output = self.step_time, workload.prompt, workload.output
        fits = prompt + output <= (math.inf if self.kv_tokens is None else self.kv_tokens)
        whole = np.zeros_like(prompt)
        if self.policy == "chunked":
            whole = (prompt - 1) // self.token_budget
        last = np.asarray(prompt - whole * self.token_budget, dtype=np.float64)
        read = np.where(whole, whole * np.asarray(step.seconds(self.token_budget)), 0.0)
        earlier = step_law.pairs_before(prompt) - step_law.pairs_before(last)
        read = (
            read + step.seconds(last, pairs=step_law.pairs_before(last)) + step.prefill_kv * earlier
        )
        ttft = np.where(fits, read, math.inf)
        # The contexts before the decodes run from prompt + 1 to prompt + output - 1.
        decode = step.seconds(decoding=1.0, kv=prompt + output / 2)
        return ttft, np.where(fits & (output > 1), decode, math.nan)


class _Replica:
    """An engine at work: the requests, what waits, what runs and what is reserved."""

    def __init__(self, engine: Engine, workload: Workload) -> None:
        self.engine = engine
        self.workload = workload
        self.arrival = workload.arrival.tolist()
        self.prompt = workload.prompt.tolist()
        self.output = workload.output.tolist()
        self.first_token = [math.nan] * len(workload)
        self.finish = [math.nan] * len(workload)
        self.rejected: list[int] = []
        self.head = 0
        self.running = 0
        self.reserved = 0
        self.peak_kv = 0
        self.unfinished: deque[list[int]] = deque()
        self.gap: list[float] = []
        self.gap_tokens: list[int] = []

    def serve(self) -> Timeline:
        """Step until every request is out.

        A decoding sequence emits a token in every step that decodes, so the decode step that emits
        its last token is known when its prompt completes: a step costs the same however many
        sequences are in it.
        """
        step_seconds, policy = step_law.law(self.engine.step_time), self.engine.policy
        prompt, output = self.prompt, self.output
        arrival, requests = self.arrival, len(self.arrival)
        last_decode: defaultdict[int, list[int]] = defaultdict(list)
        now = decoded = -math.inf
        busy = 0.0
        fresh: list[float] = []
        steps = decode_steps = sequences = active = context = 0
        while True:
            arrived = self.head < requests and arrival[self.head] <= now
            admitted = self._admit(now) if arrived else []
            if not self.running:
                if self.head == requests:
                    break
                now = arrival[self.head]
                continue
            if policy == "chunked":
                self.unfinished.extend([index, prompt[index]] for index in admitted)
                prefilled, tokens, pairs, completed = self._chunks(
                    self.engine.token_budget - active
                )
            else:
                prefilled, completed = len(admitted), admitted
                tokens = sum([prompt[index] for index in admitted]) if admitted else 0
                pairs = sum([step_law.pairs_before(prompt[index]) for index in admitted])
            decodes = active and not (policy == "prefill_first" and admitted)
            decoding, kv = (active, context) if decodes else (0, 0)
            lasts = step_seconds(tokens, decoding, kv, pairs)
            now += lasts
            busy += lasts
            steps += 1
            sequences += decoding + prefilled
            if decoding:
                self._note_gaps(now, decoded, decoding, fresh)
                decoded, fresh = now, []
                decode_steps += 1
                context += decoding
                for index in last_decode.pop(decode_steps, ()):
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
        return self._timeline(steps, busy, sequences / steps if steps else 0.0)

    def _admit(self, now: float) -> list[int]:
        """Admit from the head of the line until one does not fit; reject what never could."""
        engine = self.engine
        kv_tokens = math.inf if engine.kv_tokens is None else engine.kv_tokens
        whole_prompts = engine.policy != "chunked"
        room = (engine.max_prefill if whole_prompts else None) or math.inf
        admitted: list[int] = []
        while self.head < len(self.arrival) and self.arrival[self.head] <= now:
            tokens = self.prompt[self.head]
            need = tokens + self.output[self.head]
            if need > kv_tokens:
                self.rejected.append(self.head)
                self.head += 1
                continue
            if self.running == engine.max_batch or self.reserved + need > kv_tokens:
                break
            if admitted and tokens > room:
                break
            admitted.append(self.head)
            self.head += 1
            self.running += 1
            self.reserved += need
            room -= tokens
        self.peak_kv = max(self.peak_kv, self.reserved)
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

    def _note_gaps(self, now: float, decoded: float, decoding: int, fresh: list[float]) -> None:
        """Note how long each token of a decode step came after the one before it."""
        older = decoding - len(fresh)
        if older:
            self.gap.append(now - decoded)
            self.gap_tokens.append(older)
        for first_token in fresh:
            self.gap.append(now - first_token)
            self.gap_tokens.append(1)

    def _release(self, index: int, now: float) -> int:
        """Note that a request is out, free its memory and return its whole context."""
        self.finish[index] = now
        need: int = self.prompt[index] + self.output[index]
        self.reserved -= need
        self.running -= 1
        return need

    def _timeline(self, steps: int, busy: float, mean_batch: float) -> Timeline:
        arrival, output = self.workload.arrival, self.workload.output
        first_token, finish = np.array(self.first_token), np.array(self.finish)
        several = np.where(output > 1, output - 1, np.nan)
        return Timeline(
            first_token=first_token,
            finish=finish,
            rejected=np.array(self.rejected, dtype=np.int64),
            steps=steps,
            busy=busy,
            mean_batch=mean_batch,
            peak_kv=self.peak_kv,
            ttft=first_token - arrival,
            tpot=(finish - first_token) / several,
            latency=finish - arrival,
            gap=np.array(self.gap),
            gap_tokens=np.array(self.gap_tokens, dtype=np.int64),
        )
