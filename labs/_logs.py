"""Logs as people keep them: a table of times and counts, read without guessing what is ambiguous.

What a file says is taken as it stands or refused, with the line and what to do about it. With the
extra ``logs`` (pandas) large tables are read in pieces by a parser in C; what that parser finds
odd, and every table without it, is read line by line.
"""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from labs import validation as check
from labs._fast_logs import by_pandas
from labs._log_files import Path, lines_of
from labs._log_times import COUNTS, TIMES, Clock, shown, tokens
from labs.validation import FloatArray, IntArray


@dataclass(frozen=True)
class Columns:
    """Columns of a log, one value a request, in the order of its lines.

    Attributes
    ----------
    times : dict of str to array (n,)
        Whole nanoseconds, or seconds, by name.
    counts : dict of str to array (n,)
        Tokens by name.
    blocks : list or None
        Identities of prompt blocks.
    failed : int
        Requests left out for want of an answer.

    Examples
    --------
    >>> Columns({"arrival": np.array([0.0])}, {"prompt": np.array([3])}, None, 0).failed
    0
    """

    times: dict[str, FloatArray | IntArray]
    counts: dict[str, IntArray]
    blocks: list[tuple[int, ...]] | None
    failed: int


def read_columns(
    path: Path,
    names: Mapping[str, str],
    clock: Clock,
    json_lines: bool = False,
    blocks: str | None = None,
) -> Columns:
    """Read columns of a CSV table with a header line, or fields of a JSON-lines file.

    Parameters
    ----------
    path : path
        A file, compressed or not.
    names : mapping
        By what it is (``arrival``, ``prompt``, ``output``, ``first_token``, ``finish``), the name
        of its column.
    clock : Clock
        How times are told.
    json_lines : bool
        Whether each line is a JSON object.
    blocks : str or None
        The field with identities of prompt blocks.

    Returns
    -------
    Columns
        Requests with an answer of no tokens are counted and left out.

    Raises
    ------
    ValueError
        Names the file, the line and the reason when a column is missing or a row malformed.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     log = pathlib.Path(folder, "log.csv")
    ...     _ = log.write_text("when,in,out\\n3.5,100,7\\n3.0,20,0\\n")
    ...     found = read_columns(
    ...         log, {"arrival": "when", "prompt": "in", "output": "out"}, Clock(None, None)
    ...     )
    >>> found.counts["prompt"].tolist(), found.failed
    ([100], 1)
    """
    for role, name in names.items():
        check.instance(role, name, str)
    if not json_lines and (fast := by_pandas(path, names, clock)) is not None:
        told, counted, without = fast
        return Columns(told, counted, None, without)
    times: dict[str, list[float | int]] = {role: [] for role in names if role in TIMES}
    counts: dict[str, list[int]] = {role: [] for role in names if role in COUNTS}
    found: list[tuple[int, ...]] = []
    failed, rows = 0, 0
    records = objects_of(path) if json_lines else _rows(path, tuple(names.values()))
    for line, record in records:
        rows += 1
        try:
            if json_lines:
                _has(record, [*names.values(), *([blocks] if blocks else [])])
            read = {role: tokens(record[names[role]], role) for role in counts}
            when = {role: clock.ticks(record[names[role]], names[role]) for role in times}
            kept = _identities(record[blocks], blocks) if blocks else ()
        except (ValueError, RecursionError, OverflowError) as problem:
            raise ValueError(f"{path}:{line}: {problem}") from None
        if read.get("output") == 0:
            failed += 1
            continue
        for role, count in read.items():
            counts[role].append(count)
        for role, time in when.items():
            times[role].append(time)
        found.append(kept)
    if not rows:
        raise ValueError(f"{path}:1: holds no requests")
    try:
        told = {role: clock.seconds(values, names[role]) for role, values in times.items()}
    except ValueError as problem:
        raise ValueError(f"{path}:{2 - json_lines}: {problem}") from None
    whole = {role: np.array(values, dtype=np.int64) for role, values in counts.items()}
    return Columns(told, whole, found if blocks else None, failed)


def header_of(path: Path) -> list[str]:
    """Return the names of a CSV table's columns.

    Parameters
    ----------
    path : path
        A file, compressed or not.

    Returns
    -------
    list of str

    Raises
    ------
    ValueError
        If the first line is not UTF-8, or not of a table.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     log = pathlib.Path(folder, "log.csv")
    ...     _ = log.write_text("when,in,out")
    ...     header_of(log)
    ['when', 'in', 'out']
    """
    try:
        return next(csv.reader((text for _, text in lines_of(path)), strict=True), [])
    except csv.Error as problem:
        raise ValueError(f"{path}:1: {problem}") from None


def _rows(path: Path, wanted: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the wanted fields of each row of a CSV table, with the line it starts in."""
    ended = 0

    def texts() -> Iterator[str]:
        nonlocal ended
        for number, text in lines_of(path):
            ended = number
            yield text

    csv.field_size_limit(2**31 - 1)
    reader = csv.reader(texts(), strict=True)
    try:
        header = next(reader, [])
        missing = sorted(set(wanted) - set(header))
        if missing:
            raise ValueError(f"{path}:1: no column named {', '.join(missing)}")
        twice = [name for name in wanted if header.count(name) > 1]
        if twice:
            raise ValueError(f"{path}:1: two columns are named {twice[0]}")
        places = {name: header.index(name) for name in wanted}
        for fields in reader:
            if not fields:
                continue
            if len(fields) > len(header):
                raise ValueError(
                    f"{path}:{ended}: has {len(fields)} fields where the header has "
                    f"{len(header)}: a comma inside a field must be quoted"
                )
            if len(fields) <= max(places.values()):
                raise ValueError(f"{path}:{ended}: the row ends early")
            yield ended, {name: fields[place] for name, place in places.items()}
    except csv.Error as problem:
        raise ValueError(f"{path}:{ended}: {problem}") from None


def objects_of(path: Path) -> Iterator[tuple[int, Any]]:
    """Yield the JSON object of each line with its number.

    Parameters
    ----------
    path : path
        A JSON-lines file, compressed or not.

    Yields
    ------
    number, record : int, object

    Raises
    ------
    ValueError
        Names the line that is not JSON.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     log = pathlib.Path(folder, "log.jsonl")
    ...     _ = log.write_text('{"a": 1}')
    ...     list(objects_of(log))
    [(1, {'a': 1})]
    """
    for number, text in lines_of(path):
        try:
            yield number, json.loads(text)
        except (ValueError, RecursionError) as problem:
            raise ValueError(f"{path}:{number}: not JSON: {problem}") from None


def _has(record: Any, fields: Sequence[str]) -> None:
    if not isinstance(record, dict):
        raise ValueError("a request must be a JSON object")
    for field in fields:
        if field not in record:
            raise ValueError(f"no field named {field}")


def _identities(value: Any, name: str) -> tuple[int, ...]:
    if not isinstance(value, list) or not all(type(block) is int for block in value):
        raise ValueError(f"{name} must be a list of whole numbers, got {shown(value)}")
    return tuple(value)
