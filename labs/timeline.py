"""What became of a workload on an engine: when tokens came, and what that took."""

import math
from dataclasses import dataclass

import numpy as np

from labs import validation as check
from labs.validation import FloatArray, IntArray


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
        Most tokens of KV memory reserved, or held in blocks, at once.
    ttft : array (n,)
        Time from arrival to the first token.
    tpot : array (n,)
        Time per output token after the first, ``(finish - first_token) / (output - 1)``; NaN where
        there is only one.
    latency : array (n,)
        Time from arrival to the last token.
    gap : array (k,)
        Times between one token of an answer and the next; those that come out together, of a
        proposal, count as one.
    gap_tokens : array (k,) of int
        How many tokens waited each.
    arrival : array (n,)
        When each request came: the workload's arrivals, or when a user of a closed loop sent it.
    preempted : array (n,) of int
        How often each was preempted.
    recomputed : array (n,) of int
        Tokens whose cache was lost to a preemption.
    cached : array (n,) of int
        Prompt tokens found in the prefix cache, at all its admissions.

    Examples
    --------
    >>> from labs.engine import Engine, StepTime
    >>> from labs.workload import Workload
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
    arrival: FloatArray
    preempted: IntArray
    recomputed: IntArray
    cached: IntArray

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
        >>> from labs.engine import Engine, StepTime
        >>> from labs.workload import Workload
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
