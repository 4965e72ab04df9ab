"""Requests as a server meets them: when they arrive and how long prompts and answers are."""

import csv
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from os import PathLike
from typing import NamedTuple, TypeVar

import numpy as np

from labs import validation as check
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

Path = str | PathLike[str]
Record = TypeVar("Record")

TICKS = 1_000_000_000
TIMESTAMP = r"(\S+[T ]\d\d:\d\d(?::\d\d)?)(?:[.,](\d+))?(Z|[+-]\d\d:?\d\d)?"
LONGEST = 10**12
MOST_REQUESTS = 100_000_000


class _Moment(NamedTuple):
    """An arrival as a log tells it: seconds as they stand, or a timestamp in whole ticks.

    Attributes
    ----------
    value : float or int
        Seconds; or nanoseconds since the year 2000, which a float would round.
    second : int
        Of these units make a second: 1 or `TICKS`.
    """

    value: float | int
    second: int


Row = tuple[_Moment, int, int, tuple[int, ...] | None]


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
        A CSV file of AzurePublicDataset, 2023.

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


def read_csv(path: Path, arrival: str, prompt: str, output: str) -> Workload:
    r"""Read a request log of your own.

    Parameters
    ----------
    path : path
        A CSV file with a header line.
    arrival : str
        Name of its column of arrivals: all in seconds, or all ISO 8601 timestamps.
    prompt : str
        Name of its column of prompt lengths, in tokens.
    output : str
        Name of its column of answer lengths, in tokens.

    Returns
    -------
    Workload
        Sorted by arrival, in seconds since the first request.

    Raises
    ------
    ValueError
        Names the file, the line and the reason when a column is missing or a row malformed.

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

    def parse(fields: dict[str, str | None]) -> Row:
        time, before, after = fields[arrival], fields[prompt], fields[output]
        if time is None or before is None or after is None:
            raise ValueError("the row ends early")
        return _moment(time), _tokens(before), _tokens(after), None

    return _workload(path, _csv_records(path, (arrival, prompt, output)), parse)


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

    def parse(text: str) -> Row:
        request = json.loads(text)
        if not isinstance(request, dict):
            raise ValueError("a request must be a JSON object")
        for field in ("timestamp", "input_length", "output_length", "hash_ids"):
            if field not in request:
                raise ValueError(f"no field named {field}")
        blocks = request["hash_ids"]
        if not isinstance(blocks, list) or not all(type(block) is int for block in blocks):
            raise ValueError(f"hash_ids must be a list of whole numbers, got {blocks!r}")
        return (
            _milliseconds(request["timestamp"]),
            _tokens(request["input_length"]),
            _tokens(request["output_length"]),
            tuple(blocks),
        )

    return _workload(path, _lines(path), parse)


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


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of a file with their numbers, naming the line that is not UTF-8."""
    if not isinstance(path, str | PathLike):
        raise check.refuse("path", "a path", path)
    with open(path, "rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                yield number, line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as problem:
                raise ValueError(f"{path}:{number}: not UTF-8 text: {problem.reason}") from None


def _csv_records(
    path: Path, columns: tuple[str, ...]
) -> Iterator[tuple[int, dict[str, str | None]]]:
    for name, column in zip(("arrival", "prompt", "output"), columns, strict=True):
        check.instance(name, column, str)
    started = 1

    def texts() -> Iterator[str]:
        nonlocal started
        for number, text in _lines(path):
            started = number
            yield text

    reader = csv.DictReader(texts(), strict=True)
    try:
        missing = sorted(set(columns) - set(reader.fieldnames or []))
        if missing:
            raise ValueError(f"{path}:1: no column named {', '.join(missing)}")
        for fields in reader:
            yield started, fields
    except csv.Error as problem:
        raise ValueError(f"{path}:{started}: {problem}") from None


def _workload(
    path: Path, records: Iterator[tuple[int, Record]], parse: Callable[[Record], Row]
) -> Workload:
    """Collect requests in order of arrival, naming the line of a record that cannot be parsed."""
    requests: list[Row] = []
    for line, record in records:
        try:
            requests.append(parse(record))
            if requests[-1][0].second != requests[0][0].second:
                raise ValueError("arrival mixes seconds and timestamps")
        except (ValueError, RecursionError) as problem:
            raise ValueError(f"{path}:{line}: {problem}") from None
    if not requests:
        raise ValueError(f"{path}:1: holds no requests")
    requests.sort(key=lambda request: request[0].value)
    arrival, prompt, output, blocks = zip(*requests, strict=True)
    first, second = arrival[0]
    return Workload(
        np.array([(moment.value - first) / second for moment in arrival]),
        np.array(prompt),
        np.array(output),
        None if blocks[0] is None else blocks,
    )


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


def _milliseconds(value: object) -> _Moment:
    if type(value) not in (int, float) or not abs(float(value)) < 1e15:  # type: ignore[arg-type]
        raise ValueError(f"timestamp must be a number of milliseconds, got {value!r}")
    return _Moment(float(value) / 1000, second=1)  # type: ignore[arg-type]


def _moment(value: str | float) -> _Moment:
    """Read seconds, or an ISO 8601 timestamp."""
    try:
        seconds = float(value)
    except (TypeError, ValueError, OverflowError):
        return _Moment(_timestamp(str(value)), second=TICKS)
    if not np.isfinite(seconds):
        raise ValueError(f"arrival must be finite, got {value!r}")
    return _Moment(seconds, second=1)


def _timestamp(text: str) -> int:
    """Return nanoseconds since the year 2000; ``datetime`` alone stops at microseconds."""
    found = re.fullmatch(TIMESTAMP, text.strip())
    try:
        whole = datetime.fromisoformat((found[1] + (found[3] or "+00:00")) if found else text)
    except ValueError:
        raise ValueError(f"arrival must be seconds or a timestamp, got {text!r}") from None
    if whole.tzinfo is None:
        whole = whole.replace(tzinfo=UTC)
    since = whole - datetime(2000, 1, 1, tzinfo=UTC)
    fraction = (found[2] or "") if found else ""
    return (since.days * 86_400 + since.seconds) * TICKS + int(fraction[:9].ljust(9, "0"))


def _tokens(value: str | float) -> int:
    try:
        tokens = int(value)
        exact = isinstance(value, str) or (type(value) is not bool and tokens == value)
    except (TypeError, ValueError, OverflowError):
        exact = False
    if not exact or not 1 <= tokens <= LONGEST:
        shown = value if len(str(value)) < 40 else str(value)[:37] + "..."
        raise ValueError(f"tokens must be a whole number from 1 to 10¹², got {shown!r}")
    return tokens
