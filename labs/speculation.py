"""Speculative decoding inside a batch: what it proposes, what is accepted, what a step pays.

The gain of one sequence alone is `labs.distillation.speculative_speedup`. In a batch proposals take
tokens of the step's budget and slots of its memory from everybody else.
"""

from dataclasses import dataclass

import numpy as np

from labs import distillation
from labs import validation as check
from labs.validation import IntArray

__all__ = ["Speculation"]


@dataclass(frozen=True)
class Speculation:
    """Each decoding sequence proposes tokens, which the step that follows accepts or not.

    A decoding sequence takes one token of the budget and one more for each that is proposed, as
    far as budget and the rest of its answer allow, and memory for all of them. Of the proposed it
    keeps those before the first that is refused, each accepted with probability ``acceptance``
    independently; one more token comes from the model itself. The proposed go through the weights
    as prompt tokens do, so `labs.step.StepTime` counts them as such.

    Attributes
    ----------
    tokens : int
        Proposed by a sequence in a step, at least 1.
    acceptance : float
        From 0 to 1.
    seconds : float
        What a step takes longer for each token that its longest proposal has: the draft's passes.

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    Leviathan, Kalman and Matias, "Fast inference from transformers via speculative decoding",
    ICML 2023; vLLM's ``num_speculative_tokens``.

    Examples
    --------
    >>> round(Speculation(tokens=3, acceptance=0.7).mean, 3)
    2.533
    """

    tokens: int
    acceptance: float
    seconds: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "tokens", check.count("tokens", self.tokens, most=1000))
        acceptance = check.number("acceptance", self.acceptance, least=0, most=1)
        object.__setattr__(self, "acceptance", acceptance)
        seconds = check.number("seconds", self.seconds, least=0, most=check.MOST)
        object.__setattr__(self, "seconds", seconds)

    @property
    def mean(self) -> float:
        """Mean tokens that a sequence gains in a step, far from the end of its answer."""
        return float(distillation.expected_tokens(self.acceptance, self.tokens))

    @property
    def certain(self) -> bool:
        """Whether what is accepted is no matter of chance."""
        return self.acceptance in (0, 1)

    def accepted(self, proposed: IntArray, rng: np.random.Generator | None) -> IntArray:
        """Draw how many of the tokens proposed are accepted.

        Parameters
        ----------
        proposed : array (n,) of int
            By sequence, ``tokens`` at most.
        rng : numpy.random.Generator or None
            None will do where it is `certain`.

        Returns
        -------
        array (n,) of int

        Raises
        ------
        ValueError
            If ``proposed`` is no sequence of counts, or a generator is needed and not given.

        Examples
        --------
        >>> Speculation(tokens=4, acceptance=1).accepted([4, 2], None).tolist()
        [4, 2]
        """
        counts = check.sequence("proposed", proposed, least=0, most=self.tokens, whole=True)
        known = counts.astype(np.int64)
        if self.certain:
            return known * int(self.acceptance)
        drawn = check.generator("rng", rng).geometric(1 - self.acceptance, known.size) - 1
        return np.minimum(drawn, known)
