"""The key of a page's results: another one after every edit behind the page, and after no other."""

from pathlib import Path

import pytest

from bookkit import ROOT, dependencies

FILES = {
    "__init__.py": "",
    "engine.py": "from labs.parts import base\n",
    "parts/__init__.py": "",
    "parts/base.py": "from importlib import resources\nopen('facts.json')\n",
    "facts.json": "7",
    "later.py": "def again():\n    import labs.engine as e\n    return e\n",
    "moved.py": "__getattr__ = moved(__name__, again='later')\n",
    "apart.py": "open('own.json')\n",
    "own.json": "1",
    "checks/__init__.py": "from labs import engine\n",
    "explorer/style.css": "p { color: red }",
    "unnamed.bin": "what some module may read without naming it",
}
# What each page imports, and the edits that its results do not depend on.
APART = {"apart.py", "own.json", "checks/__init__.py", "explorer/style.css"}
PAGES = {
    "from labs import later": APART | {"moved.py"},
    "import labs.later": APART | {"moved.py"},
    "from labs.later import again": APART | {"moved.py"},
    "from labs import moved\nmoved.again()": APART,
    "def f():\n    from labs import later": APART | {"moved.py"},
    "import importlib\nimportlib.import_module('labs.later')": APART | {"moved.py"},
    "%pip list\nfrom labs import later": APART | {"moved.py"},
    "from labs import apart": set(FILES) - {"__init__.py", "apart.py", "own.json", "unnamed.bin"},
    "import numpy": set(FILES),
    "this is no Python": {"explorer/style.css"},
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository, in a folder whose own name must not count."""
    place = tmp_path / dependencies.LOOKS
    for name, text in FILES.items():
        (place / "labs" / name).parent.mkdir(parents=True, exist_ok=True)
        (place / "labs" / name).write_text(text)
    return place


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("name", FILES)
def test_an_edit_counts_for_the_pages_that_it_is_behind(root: Path, page: str, name: str) -> None:
    before = dependencies.key(root, [page], {})
    assert dependencies.key(root, [page], {}) == before
    file = root / "labs" / name
    file.write_text(f"{FILES[name]}\n\n")
    same = dependencies.key(root, [page], {}) == before
    assert same == (name in PAGES[page])
    file.write_text(FILES[name])
    assert dependencies.key(root, [page], {}) == before


def test_a_new_file_counts_and_what_python_compiles_does_not(root: Path) -> None:
    page = ["from labs import later"]
    before = dependencies.key(root, page, {})
    (root / "labs" / "__pycache__").mkdir()
    (root / "labs" / "__pycache__" / "later.pyc").write_text("x")
    assert dependencies.key(root, page, {}) == before
    (root / "labs" / "parts" / "more.dat").write_text("x")
    assert dependencies.key(root, page, {}) != before


def test_python_and_locks_count(root: Path) -> None:
    page = ["from labs import later"]
    assert dependencies.key(root, page, {"python": "3.11"}) != dependencies.key(
        root, page, {"python": "3.12"}
    )


def test_every_lesson_depends_on_less_than_all_of_labs() -> None:
    package = dependencies.Package(ROOT / "labs")
    checks = {path for path in package.modules.values() if path.parent.name == "checks"}
    for lesson in (ROOT / "lessons").glob("*.md"):
        code = lesson.read_text("utf-8").split("```{code-cell}")[1:]
        cells = [part.partition("\n")[2].partition("```")[0] for part in code]
        cells = ["\n".join(x for x in c.splitlines() if not x.startswith(":")) for c in cells]
        cells = [c.rpartition("---\n")[2] if c.startswith("---") else c for c in cells]
        behind = package.behind("\n".join(map(dependencies.plain, cells)))
        assert behind
        assert not behind & checks, lesson.stem
