"""Continuous batching on one replica of a language model, step by step and exactly.

Time advances only by steps. At a step boundary all that have arrived wait in order; admission is
strictly first come, first served and stops at the first request that does not fit. What a step
then does is the policy, and what it costs is `labs.step.StepTime`.
"""

import math
from dataclasses import dataclass

import numpy as np

from labs import _moved, _stepwise
from labs import step as step_law
from labs import validation as check
from labs._replica import Replica
from labs.speculation import Speculation
from labs.step import StepTime
from labs.timeline import Timeline
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
MEMORIES = ("reserve", "paged")
ADMITS = ("whole", "chunk")
ORDERS = ("fcfs", "priority", "preemptive")
MOST_STEPS = 10_000_000

__getattr__ = _moved.moved(__name__, ChatService="scenarios", serve_chat="scenarios")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


@dataclass(frozen=True)
class Engine:
    """One replica that batches continuously.

    ``mixed`` decodes every running sequence and prefills whole prompts of those just admitted, in
    one step. ``prefill_first`` only prefills in a step that admitted any. ``chunked`` gives a step
    ``token_budget`` tokens: one to each decoding sequence, always, the rest to unfinished prompts
    in order of admission, in part where need be.

    With ``memory="reserve"``, KV memory for prompt and output is reserved at admission and freed
    when the last token is out. With ``"paged"`` (policy ``chunked`` only) there are
    ``⌊kv_tokens / block⌋`` blocks, taken as tokens come:

    - At a boundary the running requests take tokens of the budget in order of admission: one if
      decoding, else what is left to read. A request holds blocks for the tokens read or decoded up
      to and including this step; the newest emitted token needs a slot only when it is decoded,
      which makes ``prompt + output - 1`` slots in all. A request for which there can never be
      room is rejected at the head of the line.
    - Where no block is free, the running request admitted last is preempted, perhaps the asker
      itself, whose turn then ends. Its blocks are freed and it goes to the head of those waiting.
      It will have to read its prompt and all it has emitted, as prefill, and the step that
      completes that emits the next token; its re-admission counts as the newest.
    - Then, if none was preempted in this step, those waiting are admitted in order while budget
      and ``max_batch`` allow: with ``admit="whole"`` only if free blocks hold all that it has to
      read, less what is cached; with ``"chunk"`` if they hold the part read in this step. Either
      way it takes only the blocks that this step reads.
    - With ``prefix_cache``, ``Workload.blocks`` are the identities of a prompt's blocks, of
      ``block`` tokens each. Full blocks are found again, from the step that reads them and by
      later requests in that step too, all but the one with the last token to be read. Emitted
      tokens have no identity, nor has a block that was read although another with its identity is
      there. Blocks let go stay until their room is needed: the one let go longest ago makes room
      first, of one request the last block first.
    - A request may have a priority, the lower number the more urgent. With ``order="priority"``
      those waiting stand in order of priority, then arrival, and where no block is free the running
      request last in that order is preempted, whatever it took in this step. A request that is
      waiting preempts nobody: this is what vLLM's V1 does, and urgent work stands behind whatever
      runs. With ``"preemptive"`` it does what users expect: while the first in line lacks a place
      or blocks and a less urgent request runs, the last of those is preempted; and less urgent
      prompts are not read on with in that step.
    - With ``speculation``, a decoding sequence takes a token more for each that it proposes.

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
    memory : str
        ``reserve`` or ``paged``.
    block : int
        Tokens of a block, where paged.
    prefix_cache : bool
        Whether blocks that were read are found again, where paged.
    front : float
        Seconds that a request spends in front of the engine: added to its first token and its last;
        the engine's clock does not see it, but a user of a closed loop waits for it.
    admit : str
        ``whole`` (vLLM 0.19) or ``chunk`` (its V1 before), where paged.
    order : str
        ``fcfs``, ``priority`` or ``preemptive``; another than ``fcfs`` where paged.
    speculation : labs.speculation.Speculation or None
        What decoding sequences propose, where paged.

    Raises
    ------
    ValueError
        If an argument is out of range or a name unknown, or memory is paged under another policy
        than ``chunked``, or what only paged memory has is asked for without it.

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
    memory: str = "reserve"
    block: int = 16
    prefix_cache: bool = False
    front: float = 0.0
    admit: str = "whole"
    order: str = "fcfs"
    speculation: Speculation | None = None

    def __post_init__(self) -> None:
        check.instance("step_time", self.step_time, StepTime)
        check.one_of("policy", self.policy, POLICIES)
        check.one_of("memory", self.memory, MEMORIES)
        check.one_of("admit", self.admit, ADMITS)
        check.instance("prefix_cache", self.prefix_cache, bool)
        if self.memory == "paged" and self.policy != "chunked":
            raise check.refuse("policy", "'chunked' where memory is paged", self.policy)
        check.one_of("order", self.order, ORDERS)
        if self.speculation is not None:
            check.instance("speculation", self.speculation, Speculation)
        without = {"prefix_cache": False, "order": "fcfs", "speculation": None}
        for name, value in without.items():
            if self.memory != "paged" and getattr(self, name) != value:
                raise check.refuse(name, f"{value} where memory is reserved", getattr(self, name))
        front = check.number("front", self.front, least=0, most=check.MOST)
        object.__setattr__(self, "front", front)
        for name in ("max_batch", "token_budget", "block"):
            object.__setattr__(self, name, check.count(name, getattr(self, name)))
        for name in ("kv_tokens", "max_prefill"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, check.count(name, getattr(self, name)))

    def run(
        self,
        workload: Workload,
        priority: IntArray | None = None,
        rng: np.random.Generator | None = None,
    ) -> Timeline:
        """Serve a workload from an empty replica until the last request is out.

        Parameters
        ----------
        workload : Workload
            Requests; arrival in seconds, lengths in tokens.
        priority : array (n,) of int, or None
            How urgent each is, 0 first; all alike if None.
        rng : numpy.random.Generator or None
            Draws which of the proposed tokens are accepted; needed where chance decides.

        Returns
        -------
        Timeline

        Raises
        ------
        ValueError
            If ``workload`` is not a `labs.workload.Workload`, a request in it takes above ten
            million steps, ``priority`` has another length or is given to an engine whose ``order``
            is ``fcfs``, or a generator is needed and not given.

        Examples
        --------
        >>> Engine(StepTime(1.0, 0.0, 0.0, 0.0)).run(Workload([0.0], [10], [3])).finish.tolist()
        [3.0]
        """
        check.instance("workload", workload, Workload)
        self._refuse_endless("workload", workload.prompt, workload.output)
        replica = self._replica(len(workload), priority, rng)
        replica.offer_all(workload)
        replica.advance()
        return replica.timeline()

    def run_closed(
        self,
        prompt: IntArray,
        output: IntArray,
        users: int,
        blocks: tuple[tuple[int, ...], ...] | None = None,
        priority: IntArray | None = None,
        rng: np.random.Generator | None = None,
    ) -> Timeline:
        """Serve a closed loop: so many users at a time, each sending the next once one is out.

        It is what benchmark tools do with a number of concurrent requests. All users send one at
        time 0; a user whose request is rejected sends the next at once.

        Parameters
        ----------
        prompt : array (n,) of int
            Lengths of the prompts in tokens, in the order in which they are sent.
        output : array (n,) of int
            Lengths of the answers in tokens.
        users : int
            At least 1.
        blocks : tuple of tuples of int, or None
            As `labs.workload.Workload` has them.
        priority, rng
            As in `run`.

        Returns
        -------
        Timeline
            Its ``arrival`` says when each was sent.

        Raises
        ------
        ValueError
            If an argument is out of range, lengths differ, a request takes above ten million
            steps, or as in `run`.

        Examples
        --------
        >>> timeline = Engine(StepTime(1.0, 0.0, 0.0, 0.0)).run_closed([10] * 3, [2] * 3, users=2)
        >>> timeline.arrival.tolist(), timeline.finish.tolist()
        ([0.0, 0.0, 2.0], [2.0, 2.0, 4.0])
        """
        users = check.count("users", users)
        size = check.sequence("prompt", prompt, least=1, whole=True).size
        sent = Workload(np.zeros(size), prompt, output, blocks)
        self._refuse_endless("output", sent.prompt, sent.output)
        replica = self._replica(size, priority, rng)
        named = [()] * size if sent.blocks is None else sent.blocks
        replica.later.extend(zip(sent.prompt.tolist(), sent.output.tolist(), named, strict=True))
        for _ in range(min(users, size)):
            replica.next_user(0.0)
        replica.advance()
        return replica.timeline()

    def _replica(
        self, size: int, priority: IntArray | None, rng: np.random.Generator | None
    ) -> Replica:
        if priority is None:
            return _stepwise.replica_of(self, rng)
        if self.order == "fcfs":
            raise check.refuse("priority", "None where order is 'fcfs'", priority)
        urgent = check.sequence("priority", priority, size=size, least=0, whole=True)
        return _stepwise.replica_of(self, rng, urgent.astype(np.int64).tolist())

    def _refuse_endless(self, name: str, prompt: IntArray, output: IntArray) -> None:
        parts = prompt // self.token_budget if self.policy == "chunked" else 0
        steps = output + parts
        if (steps > MOST_STEPS).any():
            raise check.refuse(name, f"of at most {MOST_STEPS} steps a request", steps.max())

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
            If ``workload`` is not a `labs.workload.Workload`, or the engine speculates.

        Examples
        --------
        >>> step = StepTime(base=0.01, prefill_token=0.001, sequence=0.001, kv_token=0.0)
        >>> ttft, tpot = Engine(step).alone(Workload([0.0], [10], [3]))
        >>> ttft.round(6).tolist(), tpot.round(6).tolist()
        ([0.02], [0.011])
        """
        check.instance("workload", workload, Workload)
        if self.speculation is not None:
            raise check.refuse("speculation", "None to know the least times", self.speculation)
        step, prompt, output = self.step_time, workload.prompt, workload.output
        room = math.inf if self.kv_tokens is None else self.kv_tokens
        if self.memory == "paged":
            fits = prompt + output - 1 <= room // self.block * self.block
        else:
            fits = prompt + output <= room
        found = np.zeros_like(prompt)
        if self.prefix_cache and workload.blocks is not None:
            named = np.array([len(blocks) for blocks in workload.blocks], dtype=np.int64)
            found = np.minimum(named, (prompt - 1) // self.block) * self.block
        whole, left = np.zeros_like(prompt), prompt - found
        if self.policy == "chunked":
            whole = (left - 1) // self.token_budget
        last = np.asarray(left - whole * self.token_budget, dtype=np.float64)
        read = np.where(whole, whole * np.asarray(step.seconds(self.token_budget)), 0.0)
        earlier = step_law.pairs_before(prompt) - step_law.pairs_before(last)
        earlier = earlier - step_law.pairs_before(found)
        read = (
            read + step.seconds(last, pairs=step_law.pairs_before(last)) + step.prefill_kv * earlier
        )
        ttft = np.where(fits, read, math.inf) + self.front
        # The contexts before the decodes run from prompt + 1 to prompt + output - 1.
        decode = step.seconds(decoding=1.0, kv=prompt + output / 2)
        return ttft, np.where(fits & (output > 1), decode, math.nan)
