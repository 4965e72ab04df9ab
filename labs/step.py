"""The law of a step: what one pass over a batch costs, by what is in it."""

from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from typing import Any

import numpy as np

from labs import validation as check
from labs.validation import Real


@dataclass(frozen=True, repr=False)
class StepTime:
    """What one step costs, in seconds.

    ``base + ((w^p + c^p)^(1/p)) + sequence·d + kv_token·kv + prefill_kv·pairs``, where
    ``w = weights + experts·(1 - (1 - share)^tokens)`` is the time to read the weights that the
    tokens touch, ``c = prefill_token·tokens`` that to compute with them, and ``p`` = ``overlap``
    says how far one hides behind the other: not at all at 1, wholly at infinity. d counts the
    sequences that decode, kv sums their contexts (prompt and tokens emitted so far) before the
    step, and pairs sums, over the prompt tokens read, the tokens before each. Tokens are the prompt
    tokens and, where ``weights`` or ``experts`` are given, the decoding sequences too; without
    them their time is in ``base`` and ``sequence``, and a step is a plain sum.

    Attributes
    ----------
    base : float
        Seconds of any step: launching kernels, and reading the weights where ``weights`` does not
        say it.
    prefill_token : float
        Seconds for each prompt token.
    sequence : float
        Seconds for each decoding sequence.
    kv_token : float
        Seconds for each token of its context.
    weights : float
        Seconds to read the weights that every step reads.
    overlap : float
        The exponent p, at least 1.
    experts : float
        Seconds to read the weights of all routed experts.
    share : float
        Experts that a token uses, over all there are: above 0, at most 1.
    prefill_kv : float
        Seconds for a prompt token to attend to one before it.

    Raises
    ------
    ValueError
        If a cost is negative or not finite, or ``overlap`` or ``share`` out of range.

    Examples
    --------
    >>> StepTime(base=7e-3, prefill_token=90e-6, sequence=30e-6, kv_token=0.25e-6).base
    0.007

    Below some 78 tokens this one waits for its weights, above for its arithmetic:

    >>> step = StepTime(0.0, 90e-6, 0.0, 0.0, weights=7e-3, overlap=float("inf"))
    >>> [round(1e3 * step.seconds(tokens), 2) for tokens in (10, 100)]
    [7.0, 9.0]
    """

    base: float
    prefill_token: float
    sequence: float
    kv_token: float
    weights: float = 0.0
    overlap: float = 1.0
    experts: float = 0.0
    share: float = 1.0
    prefill_kv: float = 0.0

    def __post_init__(self) -> None:
        bounds: dict[str, dict[str, Any]] = {
            "overlap": {"least": 1, "infinite": True},
            "share": {"above": 0, "most": 1},
        }
        for field in fields(self):
            allowed = bounds.get(field.name, {"least": 0, "most": check.MOST})
            cost = check.number(field.name, getattr(self, field.name), **allowed)
            object.__setattr__(self, field.name, cost)

    def __repr__(self) -> str:
        shown = [
            f"{field.name}={getattr(self, field.name)!r}"
            for field in fields(self)
            if field.default is MISSING or getattr(self, field.name) != field.default
        ]
        return f"StepTime({', '.join(shown)})"

    def seconds(
        self, prefill: Real = 0.0, decoding: Real = 0.0, kv: Real = 0.0, pairs: Real = 0.0
    ) -> Real:
        """Return how long a step lasts.

        Parameters
        ----------
        prefill : float or array
            Prompt tokens read, at least 0.
        decoding : float or array
            Sequences that decode, at least 0.
        kv : float or array
            The sum of their contexts, at least 0.
        pairs : float or array
            The sum, over the prompt tokens read, of the tokens before each, at least 0.

        Returns
        -------
        float or array
            Seconds.

        Raises
        ------
        ValueError
            If an argument is negative or not finite.

        Examples
        --------
        >>> StepTime(1.0, 0.1, 0.01, 0.001).seconds(prefill=10, decoding=2, kv=100)
        2.12
        """
        given = {"prefill": prefill, "decoding": decoding, "kv": kv, "pairs": pairs}
        parts = check.broadcast(
            **{name: check.numbers(name, value, least=0) for name, value in given.items()}
        )
        return check.plain(law(self, most=np.maximum, least=np.minimum)(*parts))


def law(
    cost: Any,
    most: Callable[[Any, Any], Any] = max,
    least: Callable[[Any, Any], Any] = min,
) -> Callable[[Any, Any, Any, Any], Any]:
    """Return the seconds of a step as a function of what is in it, unchecked: the law itself.

    Parameters
    ----------
    cost : StepTime
        Or whatever has its attributes; they may be arrays.
    most, least : callable
        The larger and the smaller of two: Python's for floats, numpy's for arrays.

    Returns
    -------
    callable
        Of ``prefill, decoding, kv, pairs``, as in `StepTime.seconds`.

    Examples
    --------
    >>> law(StepTime(1.0, 0.1, 0.01, 0.001))(10, 2, 100, 0)
    2.12
    """
    base, prefill_token, sequence = cost.base, cost.prefill_token, cost.sequence
    kv_token, prefill_kv, overlap = cost.kv_token, cost.prefill_kv, cost.overlap
    weights, experts, missed = cost.weights, cost.experts, 1 - cost.share
    if isinstance(cost, StepTime) and not (cost.weights or cost.experts):

        def plain(prefill: Any, decoding: Any, kv: Any, pairs: Any) -> Any:
            passed = prefill_token * prefill
            return base + passed + sequence * decoding + kv_token * kv + prefill_kv * pairs

        return plain

    def seconds(prefill: Any, decoding: Any, kv: Any, pairs: Any) -> Any:
        tokens = prefill + decoding
        read, compute = weights + experts * (1 - missed**tokens), prefill_token * tokens
        longer, shorter = most(read, compute), least(read, compute)
        passed = longer * (1 + (shorter / (longer + 1e-300)) ** overlap) ** (1 / overlap)
        return base + passed + sequence * decoding + kv_token * kv + prefill_kv * pairs

    return seconds


def pairs_before(tokens: Any, start: Any = 0) -> Any:
    """Return how many pairs a run of prompt tokens makes with the tokens before each.

    Parameters
    ----------
    tokens : float or array
        Tokens read in a row.
    start : float or array
        Tokens of the prompt before them.

    Returns
    -------
    float or array
        ``tokens·start + tokens·(tokens - 1)/2``.

    Examples
    --------
    >>> pairs_before(4), pairs_before(2, start=2)
    (6.0, 5.0)
    """
    return tokens * start + tokens * (tokens - 1) / 2
