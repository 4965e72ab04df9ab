"""Files of a log, compressed or not: their bytes and their lines."""

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from os import PathLike
from typing import IO, Any

from labs import validation as check

Path = str | PathLike[str]

OPENERS: dict[bytes, Callable[..., Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ": lzma.open,
}


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file, decompressed where its first bytes say that it is compressed.

    Parameters
    ----------
    path : path
        A file.

    Yields
    ------
    file
        Of bytes.

    Raises
    ------
    ValueError
        If ``path`` is none, or what is compressed ends early.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     log = pathlib.Path(folder, "log.csv.gz")
    ...     _ = log.write_bytes(gzip.compress(b"when,in,out"))
    ...     with opened(log) as file:
    ...         file.read()
    b'when,in,out'
    """
    if not isinstance(path, str | PathLike):
        raise check.refuse("path", "a path", path)
    with open(path, "rb") as raw:
        start = raw.read(6)
        raw.seek(0)
        opener = next((OPENERS[magic] for magic in OPENERS if start.startswith(magic)), None)
        if opener is None:
            yield raw
            return
        try:
            with opener(raw) as file:
                yield file
        except (EOFError, OSError, lzma.LZMAError, zlib.error) as problem:
            raise ValueError(f"{path}: compressed data ends or breaks off: {problem}") from None


def lines_of(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of a file with their numbers.

    Parameters
    ----------
    path : path
        A file, compressed or not.

    Yields
    ------
    number, line : int, str

    Raises
    ------
    ValueError
        Names the line that is not UTF-8.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     log = pathlib.Path(folder, "log.jsonl")
    ...     _ = log.write_text("a line")
    ...     list(lines_of(log))
    [(1, 'a line')]
    """
    with opened(path) as file:
        for number, line in enumerate(file, start=1):
            try:
                yield number, line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as problem:
                raise ValueError(f"{path}:{number}: not UTF-8 text: {problem.reason}") from None
