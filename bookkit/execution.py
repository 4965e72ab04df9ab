"""Name the file and the very line of what is wrong in a notebook, and keep all it put out.

MyST-NB reports a failing cell by its source, and warnings of Markdown cells a line or more off,
since it strips the blank lines before a cell and counts from one twice. From the notebooks it
saves it removes the numbers that prose quotes, which are then compared with nothing. Its cache of
results knows a page by its cells alone: here each page has a cache of its own for each state of
what its cells depend on. What the cells put out is compared with the numbers on file.
"""

from __future__ import annotations

import copy
import dataclasses
import os
import re
import shutil
import sys
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
from myst_nb import sphinx_ as myst_nb
from myst_nb.core import read
from myst_nb.core.execute import ExecutionError, base
from myst_nb.ext.glue import extract_glue_data
from sphinx.errors import SphinxError

from bookkit import ROOT, dependencies, numbers

if TYPE_CHECKING:
    from docutils import nodes
    from nbformat import NotebookNode
    from sphinx.application import Sphinx

ANSI = re.compile(r"\x1b\[[0-9;]*m")
# What results depend on beside cells and labs.
ENVIRONMENT = ("pyproject.toml", "requirements.lock")
# For how many states of what it depends on a page's results are kept: as one goes to and fro.
KEPT = 4
PLACE = re.compile(r"Cell In\[(?P<count>\d+)\], line (?P<line>\d+)")


class CellError(SphinxError):
    """A cell of a notebook raised an exception."""

    category = "Failing cell"


def create_exact_reader(*arguments: Any) -> read.NbReader | None:
    """MyST-NB's reader of a file, with Markdown cells where they are."""
    reader = read.create_nb_reader(*arguments)
    if reader is None:
        return None
    page, _, settings, _ = arguments

    def read_exactly(text: str) -> NotebookNode:
        notebook = reader.read(text)
        lines = text.splitlines()
        starts = notebook.metadata.get("source_map", [])
        for index, (cell, start) in enumerate(zip(notebook.cells, starts, strict=False)):
            if cell.cell_type == "markdown":
                blank = sum(1 for _ in takewhile(lambda line: not line.strip(), lines[start:]))
                starts[index] = start + blank - 1
        if settings.execution_mode == "cache":
            place = cache(Path(settings.execution_cache_path), Path(page), notebook)
            notebook.metadata.setdefault(settings.metadata_key, {})["execution_cache_path"] = place
        return notebook

    return dataclasses.replace(reader, read=read_exactly)


def cache(folder: Path, page: Path, notebook: NotebookNode) -> str:
    """Return where the results of a page are kept, having dropped the oldest of too many."""
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    also = {"python": sys.version}
    for name in ENVIRONMENT:
        if (ROOT / name).exists():
            also[name] = (ROOT / name).read_text("utf-8")
    places = folder / "-".join(page.relative_to(ROOT).with_suffix("").parts)
    place = places / dependencies.key(ROOT, cells, also)
    place.mkdir(parents=True, exist_ok=True)
    os.utime(place)
    for old in sorted(places.iterdir(), key=lambda other: -other.stat().st_mtime)[KEPT:]:
        shutil.rmtree(old)
    return str(place)


def failing_line(text: str, notebook: NotebookNode, message: str) -> int:
    """The line of the source at which execution stopped, from what the kernel reported."""
    place = PLACE.search(message)
    executed = [
        (cell, start)
        for cell, start in zip(notebook.cells, notebook.metadata.source_map, strict=True)
        if cell.cell_type == "code" and cell.source.strip()
    ]
    if place is None:
        return 1
    cell, fence = executed[int(place["count"]) - 1]
    first = cell.source.splitlines()[0]
    lines = text.splitlines()
    body = next(n for n in range(fence, len(lines)) if lines[n].endswith(first))
    return body + int(place["line"])


class ExactParser(myst_nb.Parser):
    """MyST-NB's parser, with a failure that says where and notebooks that are whole."""

    def parse(self, inputstring: str, document: nodes.document) -> None:
        executed: list[NotebookNode] = []

        def extract(notebook: NotebookNode, *rest: Any) -> dict[str, NotebookNode]:
            executed.extend(copy.deepcopy(notebook.cells))
            return extract_glue_data(notebook, *rest)

        base.extract_glue_data = extract
        try:
            super().parse(inputstring, document)
        except ExecutionError as error:
            raise self.located(inputstring, str(error.__cause__), document.settings.env) from None
        if any(cell.get("outputs") for cell in executed):
            numbers.compare(document.settings.env, executed)
            self.restore(executed, document.settings.env)

    def located(self, text: str, failure: str, env: Any) -> CellError:
        """The error that names the file and the line of a failure."""
        message = ANSI.sub("", failure)
        path = env.doc2path(env.docname)
        reader = read.create_nb_reader(path, env.myst_config, env.mystnb_config, text)
        line = failing_line(text, reader.read(text), message)
        return CellError(f"{Path(path).relative_to(env.srcdir)}:{line}: {message}")

    def restore(self, executed: list[NotebookNode], env: Any) -> None:
        """Save the notebook with every output it had when it was executed."""
        folder = Path(env.mystnb_config.output_folder)
        path = folder / f"{env.docname}.ipynb"
        notebook = nbformat.read(path, nbformat.NO_CONVERT)
        for cell, before in zip(notebook.cells, executed, strict=True):
            if cell.cell_type == "code":
                cell.outputs = before.outputs
        nbformat.write(notebook, path)


def setup(app: Sphinx) -> None:
    """Read notebooks exactly."""
    myst_nb.create_nb_reader = create_exact_reader
    app.add_source_parser(ExactParser, override=True)
