"""Every cell of the built notebooks that should print has printed, so nbval has what to compare."""

import ast
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILT = ROOT / "_build" / "jupyter_execute"
SOURCES = sorted(
    path
    for folder in ("book", "lessons", "exercises")
    for path in (ROOT / folder).glob("*.md")
    if "```{code-cell}" in path.read_text("utf-8")
)
SHOWS = {"print", "display", "show"}


def should_print(source: str) -> bool:
    """Whether a cell ends in a value, or calls at its top level what shows something.

    An assignment prints nothing, nor does a last line that ends in a semicolon.
    """
    code = "\n".join(line for line in source.splitlines() if not line.startswith(("%", "!")))
    body = ast.parse(code).body
    if not body:
        return False
    calls = [
        statement.value.func
        for statement in body
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)
    ]
    names = {getattr(call, "id", getattr(call, "attr", None)) for call in calls}
    silenced = code.rstrip().endswith(";")
    return bool(names & SHOWS) or (isinstance(body[-1], ast.Expr) and not silenced)


def silent_cells(notebook: dict) -> list[str]:
    """Sources of the cells that should have printed and have not."""
    return [
        source
        for cell in notebook["cells"]
        if cell["cell_type"] == "code"
        and should_print(source := "".join(cell["source"]))
        and not cell["outputs"]
    ]


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_cell_that_should_print_has_printed(source: Path) -> None:
    built = (BUILT / source.relative_to(ROOT)).with_suffix(".ipynb")
    assert built.exists(), "execute the book first: make site"
    notebook = json.loads(built.read_text("utf-8"))
    fences = source.read_text("utf-8").count("\n```{code-cell}")
    assert sum(cell["cell_type"] == "code" for cell in notebook["cells"]) == fences
    assert silent_cells(notebook) == []


def test_there_are_notebooks_to_compare() -> None:
    assert ROOT / "lessons" / "batching.md" in SOURCES
    assert ROOT / "exercises" / "batching.md" in SOURCES


@pytest.mark.parametrize(
    ("source", "printed"),
    [
        ("x = 1", False),
        ("x = 1\nx", True),
        ("x = 1\nx;", False),
        ("import numpy", False),
        ("def f():\n    print(1)", False),
        ("print(1)\nx = 1", True),
        ("plt.show()\nx = 1", True),
        ("# only a comment", False),
    ],
)
def test_what_should_print(source: str, printed: bool) -> None:
    assert should_print(source) is printed
    notebook = {"cells": [{"cell_type": "code", "source": [source], "outputs": []}]}
    assert bool(silent_cells(notebook)) is printed
