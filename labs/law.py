"""What a step costs a machine that reaches some share of its datasheet.

A `Law` says what share is reached and what comes on top; a `labs.work.Work` what steps ask of a
device at its datasheet's rates. Together they give the costs of `labs.step.StepTime`.
"""

from dataclasses import astuple, dataclass, fields
from types import SimpleNamespace
from typing import Any

import numpy as np

from labs import step
from labs import validation as check
from labs.validation import FloatArray
from labs.work import Work

#: Shares of a datasheet's figure, which a fit keeps below 1.
SHARES = ("bandwidth", "compute", "cache", "attention", "link")
#: Natural spread of the logarithm (of the odds, for shares) of each part of a law between machines
#: and engines: how far a fit may go from where it starts.
SPREAD = {
    "bandwidth": 1.0,
    "compute": 0.7,
    "cache": 1.0,
    "attention": 0.35,
    "overlap": 1.0,
    "step": 1.2,
    "layer": 1.2,
    "sequence": 1.2,
    "hop": 0.8,
    "link": 0.8,
    "narrow": 0.4,
    "reread": 1.5,
}
WIDTHS = np.array(list(SPREAD.values()))


@dataclass(frozen=True)
class Law:
    """What share of a device's datasheet an engine reaches, and what each step costs beside.

    Attributes
    ----------
    bandwidth : float
        Share of the memory bandwidth while weights are read.
    compute : float
        Share of the dense peak in products of 16-bit numbers.
    cache : float
        Share of the bandwidth while keys and values are read.
    attention : float
        Share of the peak while a prompt attends to itself.
    overlap : float
        How far reading hides behind computing: 1 for a sum, infinity for the larger of the two.
    step : float
        Seconds of a step whatever is in it.
    layer : float
        Seconds of a layer whatever is in it.
    sequence : float
        Seconds for a sequence that decodes.
    hop : float
        Seconds of an all-reduce between two devices, whatever it carries; log2(n) of it among n.
    link : float
        Share of the link's bandwidth in an all-reduce.
    narrow : float
        What ``compute`` is multiplied with for products of 8 or 4 bits.
    reread : float
        How often keys and values are read again for each further query head that shares them: 0
        where a kernel serves all of them at once.

    Raises
    ------
    ValueError
        If a share is not above 0 and at most 1, ``overlap`` below 1, or a time negative.

    Examples
    --------
    >>> Law(0.9, 0.6, 0.8, 0.5, 1.5, 1e-3, 2e-5, 2e-5, 2e-5, 0.5, 0.9, 0.1).overlap
    1.5
    """

    bandwidth: float
    compute: float
    cache: float
    attention: float
    overlap: float
    step: float
    layer: float
    sequence: float
    hop: float
    link: float
    narrow: float
    reread: float

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in SHARES:
                check.number(field.name, value, above=0, most=1)
            elif field.name == "overlap":
                check.number(field.name, value, least=1, most=check.MOST)
            else:
                check.number(field.name, value, least=0, most=check.MOST)

    def vector(self) -> FloatArray:
        """Return the law as a vector on which a fit may move freely.

        Returns
        -------
        array (12,)
            The logarithm of each part; of the odds against, for a share; of what is above 1, for
            the overlap.

        Examples
        --------
        >>> law = Law(0.5, 0.6, 0.8, 0.5, 2.0, 1e-3, 2e-5, 2e-5, 2e-5, 0.5, 0.9, 0.1)
        >>> law.vector()[[0, 4]].tolist()
        [0.0, 0.0]
        """
        parts = np.array(astuple(self))
        shares = [name in SHARES for name in SPREAD]
        odds = 1 / np.clip(parts, 1e-6, 1 - 1e-6) - 1
        rest = np.where([name == "overlap" for name in SPREAD], parts - 1, parts)
        return np.log(np.where(shares, odds, np.maximum(rest, 1e-9)))

    @classmethod
    def of(cls, vector: FloatArray) -> "Law":
        """Return the law that a vector of a fit stands for.

        Parameters
        ----------
        vector : array (12,)
            As `vector` gives it.

        Returns
        -------
        Law

        Examples
        --------
        >>> law = Law(0.9, 0.6, 0.8, 0.5, 2.0, 1e-3, 2e-5, 2e-5, 2e-5, 0.5, 0.9, 0.1)
        >>> round(Law.of(law.vector()).compute, 6)
        0.6
        """
        return cls(**{name: float(part) for name, part in _parts(vector).items()})


def _parts(vectors: FloatArray) -> dict[str, Any]:
    """Return the parts of laws, each an array over the vectors' rows."""
    found: dict[str, Any] = {}
    for place, name in enumerate(SPREAD):
        value = np.exp(np.clip(vectors[..., place], -60, 60))
        found[name] = 1 / (1 + value) if name in SHARES else value
    return found | {"overlap": 1 + found["overlap"]}


def costs(vectors: FloatArray, work: Work) -> SimpleNamespace:
    """Return the costs of `labs.step.StepTime` under laws, arrays over steps.

    Parameters
    ----------
    vectors : array (..., 12)
        Laws, as `Law.vector` gives them.
    work : Work
        What the steps ask.

    Returns
    -------
    namespace
        With the attributes of `labs.step.StepTime`.

    Examples
    --------
    >>> from labs.work import work_of
    >>> law = Law(0.5, 0.6, 0.8, 0.5, 2.0, 1e-3, 0, 2e-5, 2e-5, 0.5, 0.9, 0.1)
    >>> found = costs(law.vector(), work_of("Llama-2-7B", "A100-80", "bf16"))
    >>> round(1e3 * float(found.weights), 2)
    12.96
    """
    law = SimpleNamespace(**_parts(vectors))
    reached = np.minimum(1.0, law.compute * law.narrow**work.narrow)
    return SimpleNamespace(
        base=law.step + law.layer * work.layers + law.hop * work.hops,
        prefill_token=work.token / reached + work.wire / law.link,
        sequence=law.sequence + work.head / reached,
        kv_token=np.maximum(
            (work.cache + law.reread * work.again) / law.cache, work.context_work / law.attention
        ),
        weights=work.dense / law.bandwidth,
        overlap=law.overlap,
        experts=work.routed / law.bandwidth,
        share=work.share,
        prefill_kv=work.pair / law.attention,
    )


def seconds(vectors: FloatArray, work: Work) -> Any:
    """Return how long steps last under laws.

    Parameters
    ----------
    vectors : array (..., 12)
        Laws, as `Law.vector` gives them.
    work : Work
        What the steps ask.

    Returns
    -------
    array
        Seconds.

    Examples
    --------
    >>> from labs.work import work_of
    >>> law = Law(0.9, 0.6, 0.8, 0.5, 2.0, 1e-3, 0, 2e-5, 2e-5, 0.5, 0.9, 0.1)
    >>> work = work_of("Llama-2-7B", "A100-80", "bf16", batch=1, context=1000)
    >>> round(1e3 * float(seconds(law.vector(), work)), 2)
    8.54
    """
    counts = (work.prefill, work.decoding, work.context, work.pairs)
    return step.law(costs(vectors, work), most=np.maximum, least=np.minimum)(*counts)
