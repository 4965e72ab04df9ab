"""Large tables of a log, read in pieces by pandas, where it is installed and finds nothing odd."""

import csv
import io
from collections.abc import Mapping
from typing import Any

import numpy as np

from labs._log_files import Path, opened
from labs._log_times import COUNTS, LONGEST, TIMES, Clock, number_in

#: Rows of a piece, and of what is looked at before.
ROWS = 250_000
FIRST_ROWS = 200


def by_pandas(
    path: Path, names: Mapping[str, str], clock: Clock
) -> tuple[dict[str, Any], dict[str, Any], int] | None:
    """Read a large table in pieces; None where it is small, odd, or pandas is missing."""
    try:
        import pandas as pd  # type: ignore[import-untyped, unused-ignore]
    except ImportError:
        return None
    columns = list(names.values())
    if len(set(columns)) < len(columns):
        return None
    with opened(path) as file:
        head = [file.readline() for _ in range(FIRST_ROWS)]
        if not head[-1]:
            return None
        try:
            # The first rows decide what times are, and whether columns are shifted.
            first = io.StringIO(b"".join(head).decode("utf-8-sig"), newline="")
            rows = [row for row in csv.reader(first, strict=True) if row]
        except (UnicodeDecodeError, csv.Error):
            return None
    header = rows[0]
    if any(header.count(name) != 1 for name in columns):
        return None
    if any(len(row) != len(header) for row in rows[1:-1]):
        return None
    first_row = dict(zip(header, rows[1], strict=True))
    stamps = {role: number_in(first_row[names[role]]) is None for role in names if role in TIMES}
    if len(set(stamps.values())) > 1 or (any(stamps.values()) and clock.zone is not None):
        return None
    parts: dict[str, list[Any]] = {role: [] for role in names}
    offset: bool | None = None
    failed = 0
    try:
        with opened(path) as file:
            pieces = pd.read_csv(
                file,
                usecols=columns,
                chunksize=ROWS,
                index_col=False,
                encoding="utf-8-sig",
                keep_default_na=False,
                parse_dates=[names[role] for role, told in stamps.items() if told],
                date_format="ISO8601",
            )
            for piece in pieces:
                taken: dict[str, Any] = {}
                for role, name in names.items():
                    column = piece[name]
                    if stamps.get(role):
                        if column.dtype.kind != "M":
                            return None
                        aware = column.dt.tz is not None
                        if offset not in (None, aware):
                            return None
                        offset = aware
                        told = column.dt.tz_convert("UTC").dt.tz_localize(None) if aware else column
                        taken[role] = told.to_numpy(dtype="datetime64[ns]").astype(np.int64)
                    else:
                        taken[role] = column.to_numpy()
                        if taken[role].dtype.kind not in ("iuf" if role in TIMES else "iu"):
                            return None
                for role in COUNTS:
                    if role in taken and not _all_counts(taken[role], role):
                        return None
                if "output" in taken and not taken["output"].all():
                    kept = taken["output"] > 0
                    failed += int((~kept).sum())
                    taken = {role: values[kept] for role, values in taken.items()}
                for role, values in taken.items():
                    parts[role].append(values.astype(np.int32) if role in COUNTS else values)
    except (ValueError, TypeError, OverflowError, pd.errors.ParserError):
        return None
    whole = {role: np.concatenate(parts.pop(role)) for role in list(parts)}
    try:
        times = {
            role: whole[role] if told else clock.scaled(whole[role], names[role])
            for role, told in stamps.items()
        }
    except ValueError:
        return None
    if not all(np.isfinite(values).all() for values in times.values()):
        return None
    counts = {role: whole[role] for role in COUNTS if role in whole}
    return times, counts, failed


def _all_counts(values: Any, role: str) -> bool:
    return bool((values >= (role == "prompt")).all() and (values <= LONGEST).all())
