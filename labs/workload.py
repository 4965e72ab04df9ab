"""Requests as a server meets them: when they arrive and how long prompts and answers are."""

import warnings
from dataclasses import dataclass

import numpy as np

from labs import _log_times, _logs
from labs import validation as check
from labs._log_files import Path
from labs.traces import (
    PrefixCache,
    azure_chat_facts,
    mooncake_facts,
    mooncake_prefix_cache,
)
from labs.validation import BoolArray, FloatArray, IntArray

__all__ = [
    "PrefixCache",
    "Workload",
    "azure_chat",
    "azure_chat_facts",
    "mooncake_facts",
    "mooncake_prefix_cache",
    "poisson",
    "read_azure",
    "read_csv",
    "read_mooncake",
    "zipf",
]

MOST_REQUESTS = 100_000_000


@dataclass(frozen=True)
class Workload:
    """Requests in order of arrival.

    Attributes
    ----------
    arrival : array (n,)
        Arrival times in seconds, never decreasing.
    prompt : array (n,) of int
        Lengths of the prompts in tokens, at least 1.
    output : array (n,) of int
        Lengths of the answers in tokens, at least 1.
    blocks : tuple of tuples of int, or None
        Per request the identities of its prompt's prefix blocks, where the log records them:
        equal identities are reusable prefixes.

    Raises
    ------
    ValueError
        If lengths differ, a length is not a whole number of at least 1, or times fall.

    Examples
    --------
    >>> len(Workload(arrival=[0.0, 0.5], prompt=[100, 20], output=[7, 3]))
    2
    """

    arrival: FloatArray
    prompt: IntArray
    output: IntArray
    blocks: tuple[tuple[int, ...], ...] | None = None

    def __post_init__(self) -> None:
        arrival = check.ascending("arrival", self.arrival)
        most = check.LARGEST_COUNT
        for name in ("prompt", "output"):
            lengths = check.sequence(
                name, getattr(self, name), size=arrival.size, least=1, most=most, whole=True
            )
            object.__setattr__(self, name, lengths.astype(np.int64))
        object.__setattr__(self, "arrival", arrival)
        if self.blocks is not None:
            if not isinstance(self.blocks, tuple | list):
                raise check.refuse("blocks", "a tuple of tuples of whole numbers", self.blocks)
            if len(self.blocks) != arrival.size:
                got = f"length {len(self.blocks)}"
                raise check.refuse("blocks", f"of length {arrival.size}", got)

    def __len__(self) -> int:
        return int(self.arrival.size)

    def __getitem__(self, kept: slice | BoolArray) -> "Workload":
        """Return some of the requests, with their blocks; their arrivals stay as they are.

        Parameters
        ----------
        kept : slice or array (n,) of bool
            A slice must not run backwards.

        Returns
        -------
        Workload

        Raises
        ------
        ValueError
            If it is neither, runs backwards or is of another length.

        Examples
        --------
        >>> three = Workload([0.0, 1.0, 2.0], [10, 20, 30], [1, 2, 3])
        >>> three[1:].arrival.tolist(), three[three.prompt < 25].output.tolist()
        ([1.0, 2.0], [1, 2])
        """
        if isinstance(kept, slice):
            backwards = isinstance(kept.step, int) and kept.step < 0
            try:
                places = None if backwards else np.arange(len(self))[kept]
            except (TypeError, ValueError):
                places = None
            if places is None:
                raise check.refuse("kept", "a slice of whole numbers that runs forward", kept)
        else:
            places = np.flatnonzero(_mask("kept", kept, len(self)))
        blocks = self.blocks
        return Workload(
            self.arrival[places],
            self.prompt[places],
            self.output[places],
            None if blocks is None else tuple([blocks[place] for place in places.tolist()]),
        )

    def at_rate(self, rate: float) -> "Workload":
        """Return the same requests at another mean rate: every gap is scaled alike.

        ``(n - 1) / (last arrival - first arrival)`` is the rate; the first arrival stays.

        Parameters
        ----------
        rate : float
            Requests per second, above 0.

        Returns
        -------
        Workload

        Raises
        ------
        ValueError
            If the rate is out of range, or all requests arrive at one moment.

        Examples
        --------
        >>> Workload([3.0, 4.0, 7.0], [10] * 3, [5] * 3).at_rate(4.0).arrival.tolist()
        [3.0, 3.125, 3.5]
        """
        rate = check.number("rate", rate, least=check.LEAST, most=check.MOST)
        since = self.arrival - self.arrival[:1]
        if not since.size or not since[-1]:
            raise check.refuse("workload", "of arrivals at two moments or more", f"{len(self)}")
        # Shares of the whole first: the last arrival then falls where the rate puts it.
        apart = since / since[-1] * ((len(self) - 1) / rate)
        return Workload(self.arrival[0] + apart, self.prompt, self.output, self.blocks)

    def window(self, start: float, end: float) -> "Workload":
        """Return the requests that arrive from ``start`` until before ``end``, when they do.

        Parameters
        ----------
        start, end : float
            Seconds on the clock of ``arrival``; infinite for no limit.

        Returns
        -------
        Workload

        Raises
        ------
        ValueError
            If the end lies before the start.

        Examples
        --------
        >>> Workload([0.0, 1.0, 2.0], [10] * 3, [5] * 3).window(1.0, 2.0).arrival.tolist()
        [1.0]
        """
        start = check.number("start", start, infinite=True)
        end = check.number("end", end, least=start, infinite=True)
        first, past = np.searchsorted(self.arrival, [start, end]).tolist()
        return self[first:past]


def read_azure(path: Path) -> Workload:
    r"""Read an Azure LLM inference trace: TIMESTAMP, ContextTokens, GeneratedTokens.

    Parameters
    ----------
    path : path
        A CSV file of AzurePublicDataset, 2023 or 2024.

    Returns
    -------
    Workload
        Arrival in seconds since the first request.

    Raises
    ------
    ValueError
        Names the file, the line and the reason when a row is malformed.

    References
    ----------
    Patel et al., "Splitwise: Efficient generative LLM inference using phase splitting",
    ISCA 2024; data under CC-BY-4.0.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     trace = pathlib.Path(folder, "conv.csv")
    ...     head = "TIMESTAMP,ContextTokens,GeneratedTokens\n"
    ...     _ = trace.write_text(
    ...         f"{head}2023-11-16 18:15:46.6805900,374,44\n2023-11-16 18:15:50.9951690,396,109\n"
    ...     )
    ...     chat = read_azure(trace)
    >>> chat.arrival.tolist(), chat.prompt.tolist(), chat.output.tolist()
    ([0.0, 4.314579], [374, 396], [44, 109])
    """
    return read_csv(path, arrival="TIMESTAMP", prompt="ContextTokens", output="GeneratedTokens")


def read_csv(
    path: Path,
    arrival: str,
    prompt: str,
    output: str,
    unit: str | None = None,
    zone: str | None = None,
) -> Workload:
    r"""Read a request log of your own.

    Requests with an answer of no tokens are left out, and a warning says how many.

    Parameters
    ----------
    path : path
        A CSV file with a header line, or one compressed by gzip, bzip2 or xz.
    arrival : str
        Name of its column of arrivals: all numbers, or all ISO 8601 timestamps.
    prompt : str
        Name of its column of prompt lengths, in tokens.
    output : str
        Name of its column of answer lengths, in tokens.
    unit : str or None
        ``s``, ``ms``, ``us`` or ``ns`` of numbers; None recognises times since 1970 and a column
        name that ends in a unit, and takes the rest for seconds, unless it could be another.
    zone : str or None
        Of timestamps that name none: an IANA name or an offset.

    Returns
    -------
    Workload
        Sorted by arrival, in seconds since the first request.

    Raises
    ------
    ValueError
        Names the file, the line and the reason when a column is missing or a row malformed, or
        what times are cannot be told.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     log = pathlib.Path(folder, "log.csv")
    ...     _ = log.write_text("when,in,out\n3.5,100,7\n3.0,20,3\n")
    ...     requests = read_csv(log, arrival="when", prompt="in", output="out")
    >>> requests.arrival.tolist(), requests.prompt.tolist()
    ([0.0, 0.5], [20, 100])
    """
    names = {"arrival": arrival, "prompt": prompt, "output": output}
    return _workload(path, _logs.read_columns(path, names, _log_times.Clock(unit, zone)))


def read_mooncake(path: Path) -> Workload:
    r"""Read a Mooncake trace: timestamp (ms), input_length, output_length, hash_ids per line.

    Parameters
    ----------
    path : path
        A JSON-lines file of the Mooncake project.

    Returns
    -------
    Workload
        Arrival in seconds since the first request, ``blocks`` of 512 tokens each.

    Raises
    ------
    ValueError
        Names the file, the line and the reason when a row is malformed.

    References
    ----------
    Qin et al., "Mooncake: Trading more storage for less computation", FAST 2025; data under
    Apache-2.0.

    Examples
    --------
    >>> import json, pathlib, tempfile
    >>> request = {"input_length": 1000, "output_length": 5, "hash_ids": [0, 7]}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     trace = pathlib.Path(folder, "trace.jsonl")
    ...     lines = [json.dumps({"timestamp": time, **request}) for time in (0, 3000)]
    ...     _ = trace.write_text("\n".join(lines))
    ...     twice = read_mooncake(trace)
    >>> twice.arrival.tolist(), twice.blocks
    ([0.0, 3.0], ((0, 7), (0, 7)))
    """

    names = {"arrival": "timestamp", "prompt": "input_length", "output": "output_length"}
    clock = _log_times.Clock("ms", None)
    return _workload(path, _logs.read_columns(path, names, clock, True, blocks="hash_ids"))


def azure_chat(n: int, rate: float, rng: np.random.Generator) -> Workload:
    """Draw requests with the lengths of the Azure chat trace, arriving at a rate you choose.

    Lengths are drawn jointly from the trace's recorded quantiles and the table of how often each
    sixteenth of prompts meets each sixteenth of answers, so both marginals and their correlation
    are the trace's. Gaps between arrivals are gamma distributed with the trace's coefficient of
    variation, 1.094; the slower swings of its rate are not reproduced.

    Parameters
    ----------
    n : int
        Number of requests, at least 0.
    rate : float
        Mean requests per second, above 0 (the trace's own is 5.53).
    rng : numpy.random.Generator
        Source of the draws.

    Returns
    -------
    Workload

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    Patel et al., "Splitwise", ISCA 2024; statistics of AzureLLMInferenceTrace_conv (19,366
    requests of 2023-11-16), CC-BY-4.0.

    Examples
    --------
    >>> chat = azure_chat(1000, rate=2.0, rng=np.random.default_rng(7))
    >>> int(np.median(chat.prompt)) in range(900, 1100)
    True
    """
    n = check.count("n", n, least=0, most=MOST_REQUESTS)
    rate = check.number("rate", rate, least=check.LEAST, most=check.MOST)
    rng = check.generator("rng", rng)
    facts = azure_chat_facts()
    joint = np.array(facts["joint"], dtype=float)
    cell = rng.choice(joint.size, size=n, p=joint.ravel() / joint.sum())
    lengths = {}
    for name, place in zip(("prompt", "output"), np.divmod(cell, joint.shape[1]), strict=True):
        edges = np.concatenate([[0.0], np.cumsum(joint.sum(axis=int(name == "prompt")))])
        edges /= edges[-1]
        level = edges[place] + rng.random(n) * np.diff(edges)[place]
        table = facts["quantiles"][name]
        lengths[name] = np.rint(np.interp(level, table["level"], table["tokens"]))
    shape = facts["interarrival_cv"] ** -2
    gaps = rng.gamma(shape, 1 / (shape * rate), size=n)
    return Workload(np.cumsum(gaps), lengths["prompt"], lengths["output"])


def poisson(rate: float, n: int, rng: np.random.Generator) -> FloatArray:
    """Return arrival times of a Poisson process: independent, exponentially distributed gaps.

    Parameters
    ----------
    rate : float
        Mean arrivals per second, above 0.
    n : int
        Number of arrivals, at least 0.
    rng : numpy.random.Generator
        Source of the draws.

    Returns
    -------
    array (n,)
        Times in seconds, ascending.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> poisson(10.0, 3, np.random.default_rng(0)).round(3).tolist()
    [0.068, 0.17, 0.172]
    """
    rate = check.number("rate", rate, least=check.LEAST, most=check.MOST)
    n = check.count("n", n, least=0, most=MOST_REQUESTS)
    return np.cumsum(check.generator("rng", rng).exponential(1 / rate, size=n))


def zipf(objects: int, exponent: float, n: int, rng: np.random.Generator) -> IntArray:
    """Return requests for objects 0, 1, 2, ... whose popularity falls as ``rank^-exponent``.

    Parameters
    ----------
    objects : int
        Number of objects, at least 1.
    exponent : float
        At least 0; 0 makes all equally popular.
    n : int
        Number of requests, at least 0.
    rng : numpy.random.Generator
        Source of the draws.

    Returns
    -------
    array (n,) of int
        Object 0 is the most popular.

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    Breslau et al., "Web caching and Zipf-like distributions", INFOCOM 1999.

    Examples
    --------
    >>> zipf(5, 1.0, 8, np.random.default_rng(3)).tolist()
    [0, 0, 2, 1, 0, 0, 1, 0]
    """
    objects = check.count("objects", objects, most=100_000_000)
    exponent = check.number("exponent", exponent, least=0)
    n = check.count("n", n, least=0, most=MOST_REQUESTS)
    rng = check.generator("rng", rng)
    weight = np.cumsum(np.arange(1, objects + 1, dtype=np.float64) ** -exponent)
    found: IntArray = np.searchsorted(weight, rng.random(n) * weight[-1], side="right")
    return np.minimum(found, objects - 1)


def _workload(path: Path, found: _logs.Columns) -> Workload:
    """Order requests by arrival; those without an answer were left out."""
    arrival = found.times["arrival"]
    if not arrival.size:
        raise ValueError(f"{path}:1: holds no requests that have an answer")
    if found.failed:
        of = f"{found.failed} of {found.failed + arrival.size} requests"
        warnings.warn(f"{path}: {of} have no answer and are left out", stacklevel=3)
    prompt, output, blocks = found.counts["prompt"], found.counts["output"], found.blocks
    if (arrival[1:] < arrival[:-1]).any():
        order = np.argsort(arrival, kind="stable")
        arrival, prompt, output = arrival[order], prompt[order], output[order]
        blocks = None if blocks is None else [blocks[i] for i in order.tolist()]
    since = _log_times.since_first(arrival, arrival[0])
    return Workload(since, prompt, output, None if blocks is None else tuple(blocks))


def _mask(name: str, value: object, size: int) -> BoolArray:
    try:
        mask = np.asarray(value)
    except ValueError:
        mask = np.empty(0)
    if mask.dtype != np.bool_ or mask.ndim != 1:
        raise check.refuse(name, "a slice or a mask of true and false", value)
    if mask.size != size:
        raise check.refuse(name, f"of length {size}", f"length {mask.size}")
    return mask
