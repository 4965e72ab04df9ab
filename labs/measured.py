"""Runs that were measured: what benchmark tools and logs recorded, read as they wrote it."""

import json
import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from labs import _log_files, _log_times, _logs, _results
from labs import validation as check
from labs._log_files import Path
from labs.validation import FloatArray
from labs.workload import Workload

ROLES = ("arrival", "prompt", "output", "first_token", "finish")
#: Logs: whether each line is a JSON object, the names of their columns, the unit of their times.
LOGS: dict[str, tuple[bool, dict[str, str], str | None]] = {
    "azure": (
        False,
        {"arrival": "TIMESTAMP", "prompt": "ContextTokens", "output": "GeneratedTokens"},
        None,
    ),
    "burstgpt": (
        False,
        {"arrival": "Timestamp", "prompt": "Request tokens", "output": "Response tokens"},
        "s",
    ),
    "bailian": (
        True,
        {"arrival": "timestamp", "prompt": "input_length", "output": "output_length"},
        "s",
    ),
    "mooncake": (
        True,
        {"arrival": "timestamp", "prompt": "input_length", "output": "output_length"},
        "ms",
    ),
}
#: What files are known.
TOOLS = (*_results.TOOLS, *LOGS, "csv", "jsonl")
#: What columns of people's own logs are called, in lower case and without what parts words.
USUAL = {
    "arrival": "arrival arrivaltime arrivaltimestamp timestamp time starttime requesttime",
    "prompt": "prompt prompttokens promptlen promptlength inputtokens inputlen inputlength isl "
    "intokens numprompttokens numinputtokens contexttokens requesttokens",
    "output": "output outputtokens outputlen outputlength outtokens completiontokens osl "
    "numoutputtokens generatedtokens responsetokens",
    "first_token": "firsttoken firsttokentime firsttokentimestamp",
    "finish": "finish finishtime endtime lasttoken lasttokentime completiontime",
}


@dataclass(frozen=True)
class Run:
    """What a tool or a log recorded, in order of arrival; NaN for what is not in the file.

    Attributes
    ----------
    arrival : array (n,)
        Seconds from the first arrival.
    prompt : array (n,)
        Tokens.
    output : array (n,)
        Tokens.
    first_token : array (n,)
        When the first token came, on the clock of ``arrival``.
    finish : array (n,)
        When the last one did.
    failed : int
        Requests that were left out: they failed, or have an answer of no tokens.
    tool : str
        What wrote the file.
    blocks : tuple of tuples or None
        Identities of prompt blocks, where a log has them.
    itl : array (k,)
        Gaps between tokens, or what a tool takes for them, of all requests; empty if not recorded.
    ttft : array (n,)
        Seconds to the first token; a tool may record it and no arrival.
    latency : array (n,)
        Seconds to the last token.
    tpot : array (n,)
        ``(latency - ttft) / (output - 1)``; NaN where there is one token.

    Raises
    ------
    ValueError
        If lengths differ.

    Examples
    --------
    >>> run = Run([0.0, 1.0], [10, 20], [3, 1], [0.5, 1.25], [0.75, 1.25])
    >>> run.ttft.tolist(), run.tpot.tolist()
    ([0.5, 0.25], [0.125, nan])
    """

    arrival: FloatArray
    prompt: FloatArray
    output: FloatArray
    first_token: FloatArray
    finish: FloatArray
    failed: int = 0
    tool: str = ""
    blocks: tuple[Sequence[Hashable], ...] | None = None
    itl: FloatArray = ()  # type: ignore[assignment]
    ttft: FloatArray = None  # type: ignore[assignment]
    latency: FloatArray = None  # type: ignore[assignment]
    tpot: FloatArray = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        size = _recorded("arrival", self.arrival).size
        for name in ROLES:
            object.__setattr__(self, name, _recorded(name, getattr(self, name), size))
        object.__setattr__(self, "itl", _recorded("itl", self.itl))
        for name, end in (("ttft", "first_token"), ("latency", "finish")):
            given = getattr(self, name)
            values = getattr(self, end) - self.arrival if given is None else given
            object.__setattr__(self, name, _recorded(name, values, size))
        several = np.where(self.output > 1, self.output - 1, np.nan)
        object.__setattr__(self, "tpot", (self.latency - self.ttft) / several)

    def __len__(self) -> int:
        return int(self.arrival.size)

    @property
    def workload(self) -> Workload:
        """What was asked for; ValueError where the file tells no lengths or no arrivals."""
        for name in ("arrival", "prompt", "output"):
            if np.isnan(getattr(self, name)).any():
                raise check.refuse("run", f"one that records {name} of every request", "NaN")
        lengths = self.prompt.astype(np.int64), self.output.astype(np.int64)
        blocks = None if self.blocks is None else tuple(map(tuple, self.blocks))
        return Workload(self.arrival, *lengths, blocks)  # type: ignore[arg-type]


def _recorded(name: str, value: object, size: int | None = None) -> FloatArray:
    """Return numbers, NaN among them where nothing was recorded."""
    bounds = {"least": -check.MOST, "most": check.MOST}
    given = value if isinstance(value, np.ndarray) else None
    if given is None:
        try:
            given = np.array(value)
        except (TypeError, ValueError):
            given = np.empty(0, dtype=object)
    if given.dtype not in (np.float64, np.float32):
        return check.sequence(name, value, size=size, **bounds)
    values = given.astype(np.float64)
    check.sequence(name, np.where(np.isnan(values), 0.0, values), size=size, **bounds)
    return values


def read(path: Path, tool: str | None = None, **names: Any) -> Run:
    """Read a run from the file that a benchmark tool or a server's log left.

    Parameters
    ----------
    path : path
        A file, or one compressed by gzip, bzip2 or xz.
    tool : str or None
        One of `TOOLS`; None recognises it by content.
    **names
        For ``csv`` and ``jsonl``: ``arrival``, ``prompt``, ``output``, ``first_token`` and
        ``finish``, the names of columns (None given: usual names are recognised); ``unit`` of
        numbers that are times (``s ms us ns``); ``zone`` of timestamps that name none. For a file
        that holds several benchmarks: ``part``, from 0.

    Returns
    -------
    Run

    Raises
    ------
    ValueError
        If the file is of no known form, holds no requests but summaries, or says what could be two
        things: with the line or the request, and what to do.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     log = pathlib.Path(folder, "log.csv")
    ...     _ = log.write_text("start_ms,in,out\\n0,100,7\\n500,20,3\\n")
    ...     run = read(log, arrival="start_ms", prompt="in", output="out")
    >>> run.tool, run.arrival.tolist(), run.workload.output.tolist()
    ('csv', [0.0, 0.5], [7, 3])
    """
    if tool is not None:
        check.one_of("tool", tool, TOOLS)
    allowed = (*ROLES, "unit", "zone", "part")
    for name in names:
        if name not in allowed:
            raise check.refuse("names", f"among {', '.join(allowed)}", name)
    found = _Start(path)
    tool = tool or found.tool(names)
    part = names.pop("part", None)
    if tool in _results.TOOLS:
        if names:
            raise check.refuse("names", f"left out for {tool}", next(iter(names)))
        return _answered(path, tool, found, part)
    if part is not None:
        raise check.refuse("part", f"left out for {tool}", part)
    return _logged(path, tool, found, names)


class _Start:
    """The beginning of a file, by which its tool is known."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.first = [text for _, text in islice(_log_files.lines_of(path), 2)]
        if not self.first or not "".join(self.first).strip():
            raise ValueError(f"{path}:1: is empty")
        self.json = self.first[0].lstrip()[:1] in ("{", "[")
        self.record = self._object(self.first[0])
        more = len(self.first) > 1 and self.first[1].strip()
        #: Whether each line is a record of its own; one line alone is, if it looks like one.
        self.lines = self.record is not None and bool(more or self._is_record(self.record))

    @staticmethod
    def _is_record(record: Mapping[str, Any]) -> bool:
        known = [each for _, _, each in _results.TOOLS.values() if each]
        known += [tuple(names.values()) for lines, names, _ in LOGS.values() if lines]
        return any(set(each) <= set(record) for each in known)

    @staticmethod
    def _object(text: str) -> dict[str, Any] | None:
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            return None
        return found if isinstance(found, dict) else None

    def document(self) -> Any:
        """Return the whole file, a JSON document or a list of the records of its lines."""
        if self.lines:
            return [record for _, record in _logs.objects_of(self.path)]
        text = "".join(text for _, text in _log_files.lines_of(self.path))
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as problem:
            line = getattr(problem, "lineno", 1)
            raise ValueError(f"{self.path}:{line}: not JSON: {problem}") from None

    def tool(self, names: Mapping[str, Any]) -> str:
        """Return what wrote the file."""
        if not self.json:
            header = self.header()
            for tool in ("azure", "burstgpt"):
                if set(LOGS[tool][1].values()) <= set(header) and not set(names) & set(ROLES):
                    return tool
            return "csv"
        if set(names) & set(ROLES):
            self.lines = True
            return "jsonl"
        document = self.record if self.lines else self.document()
        fields = set(document if isinstance(document, dict) else ())
        if isinstance(document, list) and document and isinstance(document[0], dict):
            fields, records = set(document[0]), True
        else:
            records = self.lines
        for tool, (_, whole, each) in _results.TOOLS.items():
            if set(each if records else whole) <= fields and (each if records else whole):
                return tool
            if records and whole and set(whole) <= fields:
                return tool
        if {"timestamp", "input_length", "hash_ids"} <= fields:
            return "bailian" if "chat_id" in fields else "mooncake"
        if not records:
            raise ValueError(
                f"{self.path}:1: of no known form, or a summary without its requests; has "
                f"{', '.join(sorted(fields)[:8])}. Tools write requests when asked to: "
                "--save-detailed, --output-details, per-request reports"
            )
        return "jsonl"

    def header(self) -> list[str]:
        """Return the names of a table's columns, or the fields of its first record."""
        if self.record is not None:
            return list(self.record)
        return _logs.header_of(self.path)


def _answered(path: Path, tool: str, found: _Start, part: int | None) -> Run:
    """Read a result file."""
    reader, whole, _ = _results.TOOLS[tool]
    document = found.document()
    try:
        if whole and isinstance(document, list):
            # SGLang adds a line a run.
            place = _results.one_of(part, len(document), "runs")
            document, part = document[place], None
        if not isinstance(document, dict if whole else list):
            raise ValueError(f"not of the form that {tool} writes")
        answers = reader(document, part)
    except ValueError as problem:
        raise ValueError(f"{path}: {problem}") from None
    if not answers.arrival:
        raise ValueError(f"{path}: holds no answers, and {answers.failed} requests that failed")
    columns = {
        name: np.array(getattr(answers, name), dtype=np.float64)
        for name in ("arrival", "prompt", "output", "ttft", "latency")
    }
    if not np.isnan(columns["arrival"]).any():
        order = np.argsort(columns["arrival"], kind="stable")
        columns = {name: values[order] for name, values in columns.items()}
    arrival = columns["arrival"] - columns["arrival"][0]
    return Run(
        arrival,
        columns["prompt"],
        columns["output"],
        arrival + columns["ttft"],
        arrival + columns["latency"],
        answers.failed,
        tool,
        None,
        np.array(answers.itl),
        columns["ttft"],
        columns["latency"],
    )


def _logged(path: Path, tool: str, found: _Start, names: Mapping[str, Any]) -> Run:
    """Read a log."""
    lines, columns, unit = LOGS.get(tool, (tool == "jsonl", {}, None))
    given = {role: names[role] for role in ROLES if names.get(role) is not None}
    columns = {**columns, **given} if columns or given else _usual(path, found.header())
    if "arrival" not in columns:
        raise check.refuse("arrival", "the name of a column", None)
    clock = _log_times.Clock(names.get("unit") or unit, names.get("zone"))
    blocks = "hash_ids" if tool in ("mooncake", "bailian") else None
    read_ = _logs.read_columns(path, columns, clock, lines, blocks)
    arrival = read_.times["arrival"]
    if not arrival.size:
        raise ValueError(f"{path}:1: holds no requests that have an answer")
    order = np.argsort(arrival, kind="stable")
    told: dict[str, FloatArray] = {}
    for role in ROLES:
        if role in read_.times:
            told[role] = _log_times.since_first(read_.times[role][order], arrival[order[0]])
        elif role in read_.counts:
            told[role] = read_.counts[role][order].astype(np.float64)
        else:
            told[role] = np.full(arrival.size, math.nan)
    for role, before in (
        ("first_token", "arrival"),
        ("finish", "first_token"),
        ("finish", "arrival"),
    ):
        late = told[role] < told[before]
        if late.any():
            place = int(np.flatnonzero(late)[0])
            raise ValueError(
                f"{path}: request {place} in order of arrival has its {role} before its {before}: "
                "are both times of one clock and one unit?"
            )
    kept = None if read_.blocks is None else tuple(read_.blocks[i] for i in order.tolist())
    return Run(**told, failed=read_.failed, tool=tool, blocks=kept)


def _usual(path: Path, header: Sequence[str]) -> dict[str, str]:
    """Return the columns whose names are usual ones."""
    found: dict[str, str] = {}
    for role, usual in USUAL.items():
        for name in header:
            plain = "".join(filter(str.isalpha, name.lower()))
            stems = {plain, *(plain.removesuffix(unit) for unit in ("ms", "us", "ns", "s"))}
            if stems & set(usual.split()) and role not in found:
                found[role] = name
    if {"arrival", "prompt", "output"} <= set(found):
        return found
    raise ValueError(
        f"{path}:1: which columns are what is not clear among {', '.join(header[:12])}: "
        "say arrival=, prompt=, output="
    )
