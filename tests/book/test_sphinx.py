"""The book without Jupyter Book: current Sphinx and its book theme make the same pages of it."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from bookkit.commands import differences, pythons

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "_build" / "html"
SECOND = ROOT / "_build" / "sphinx" / "html"
ENVIRONMENT = ROOT / ".venv-sphinx" / "bin" / "python"
# JupyterLite is built by the first build only.
BUTTON = "JupyterLite · "


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    """Build as the guide says, with the newest Python of this machine."""
    newest = list(pythons.found().values())[-1]
    command = ["make", "--no-print-directory", "sphinx", f"PYTHON={newest}"]
    environment = {name: value for name, value in os.environ.items() if name != "MAKEFLAGS"}
    made = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert made.returncode == 0, made.stdout[-3000:] + made.stderr[-3000:]


def versions() -> dict[str, str]:
    """What the second build's environment holds."""
    code = (
        "import importlib.metadata as m, json; print(json.dumps("
        "{found.metadata['Name'].lower(): found.version for found in m.distributions()}))"
    )
    said = subprocess.run([ENVIRONMENT, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(said.stdout)


def test_it_is_another_sphinx_and_no_jupyter_book() -> None:
    found = versions()
    assert int(found["sphinx"].split(".")[0]) >= 9
    assert tuple(map(int, found["sphinx-book-theme"].split(".")[:2])) >= (1, 4)
    assert "jupyter-book" not in found


def test_every_page_reads_the_same() -> None:
    pages = {path.relative_to(SITE) for path in SITE.rglob("*.html") if "lite" not in path.parts}
    assert {path.relative_to(SECOND) for path in SECOND.rglob("*.html")} >= pages
    assert len(pages) > 20
    for page in sorted(pages):
        first = [line.replace(BUTTON, "") for line in differences.words(SITE / page)]
        assert differences.words(SECOND / page) == first, page


def test_every_notebook_is_the_same() -> None:
    names = [path.relative_to(SITE) for path in (SITE / "notebooks").rglob("*.ipynb")]
    assert names
    for name in names:
        assert (SECOND / name).read_bytes() == (SITE / name).read_bytes(), name


def test_a_lesson_lives_in_it_too(serve, visit) -> None:
    home = serve(SECOND)
    page = visit(f"{home}/lessons/batching.html")
    explorer = page.locator('.xp[data-name="batch-size-and-delay"]')
    explorer.locator(".xp-figure svg").first.wait_for()
    before = explorer.locator(".xp-summary").inner_text()
    explorer.locator('input[name="max_batch"]').press("End")
    assert explorer.locator(".xp-summary").inner_text() != before
    last = visit(f"{home}/lessons/batching-production.html")
    last.get_by_text(re.compile(r"^Score 0/\d")).wait_for()
    for opened in (page, last):
        assert opened.visit.errors == opened.visit.missing == opened.visit.elsewhere == []
