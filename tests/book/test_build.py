"""The builder: what it must never let pass, on a small book built for real."""

import json
import os
import re
import select
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]

LESSON = """---
file_format: mystnb
kernelspec: {name: python3, display_name: Python 3}
---
(lesson)=
# Tiny lesson

```{code-cell} python
from labs import number
```

```{code-cell} python
---
tags: [answer]
---
print("the answer is", number())
```
"""

LABS = """\
\"\"\"A stand-in for the package the cells import.\"\"\"

__version__ = "1.0"


def number():
    return 41
"""


class Book:
    """A book of two pages in a folder of its own, with the repository's builder and settings."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.lesson = root / "lessons" / "tiny.md"
        self.index = root / "book" / "index.md"
        self.labs = root / "labs" / "__init__.py"
        self.page = root / "_build" / "html" / "lessons" / "tiny.html"
        for folder in ("book/_static", "lessons", "labs"):
            (root / folder).mkdir(parents=True)
        unneeded = shutil.ignore_patterns("__pycache__", "accounts", "sphinx")
        shutil.copytree(ROOT / "bookkit", root / "bookkit", ignore=unneeded)
        for name in ("pyproject.toml", "LICENSE", "labs/_version.py"):
            shutil.copy(ROOT / name, root / name)
        config = yaml.safe_load((ROOT / "_config.yml").read_text())
        settings = config["sphinx"]["config"]
        settings |= {"finishing": [], "jupyterlite": False}
        settings["html_css_files"] = []
        del settings["nb_ipywidgets_js"], config["bibtex_bibfiles"], config["html"]["favicon"]
        settings["bibtex_bibfiles"] = []
        self.configure(config)
        toc = {"format": "jb-book", "root": "book/index", "chapters": [{"file": "lessons/tiny"}]}
        (root / "_toc.yml").write_text(yaml.safe_dump(toc))
        self.index.write_text("# Home\n\nSee {ref}`the lesson <lesson>`.\n")
        self.lesson.write_text(LESSON)
        self.labs.write_text(LABS)
        self.environment = {**os.environ, "PYTHONPATH": str(root)}

    def configure(self, config: dict) -> None:
        (self.root / "_config.yml").write_text(yaml.safe_dump(config))

    def build(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "bookkit.commands.build", *arguments],
            cwd=self.root,
            capture_output=True,
            text=True,
            env=self.environment,
            check=False,
        )

    def built(self, *arguments: str) -> str:
        """Build, which must succeed; what was printed."""
        result = self.build(*arguments)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    def broken(self, *arguments: str) -> str:
        """Build, which must fail; what was printed."""
        result = self.build(*arguments)
        assert result.returncode != 0, result.stdout
        assert "The site is at" not in result.stdout
        return result.stdout + result.stderr

    def line(self, text: str) -> int:
        """The line of the lesson that holds a text."""
        lines = self.lesson.read_text().splitlines()
        return next(number for number, line in enumerate(lines, 1) if text in line)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book(tmp_path)


def test_a_failing_cell_fails_every_build_and_leaves_the_site_before_it(book: Book) -> None:
    book.built()
    before = book.page.read_text()
    edit(book.lesson, "number())", "number() / 0)")
    for _ in range(2):
        output = book.broken()
        assert f"lessons/tiny.md:{book.line('/ 0')}: " in output
        assert "ZeroDivisionError" in output
        assert book.page.read_text() == before
    edit(book.lesson, " / 0", "")
    book.built()


def test_a_claim_that_does_not_recompute_fails_every_build(book: Book) -> None:
    claim = "two:\n  what: Two\n  value: {}\n  source: s\n  where: w\n  year: 1\n"
    claim += "  conditions: c\n  recompute: number.number() - 39\n"
    (book.root / "labs" / "number.py").write_text("from labs import number\n")
    claims = book.root / "book" / "claims.yml"
    claims.write_text(claim.format(3))
    for _ in range(2):
        assert re.search(r"claims\.yml:1: two: claimed 3, recomputed 2", book.broken())
    claims.write_text(claim.format(2))
    book.built()


def test_a_warning_fails_every_build_and_is_named_by_file_and_line(book: Book) -> None:
    book.built()
    edit(book.lesson, "# Tiny lesson\n", "# Tiny lesson\n\n```{nonsense}\n```\n")
    book.lesson.write_text(f"{book.lesson.read_text()}\n\n\nText.\n\n```{{gibberish}}\n```\n")
    for _ in range(2):
        output = book.broken()
        for directive in ("nonsense", "gibberish"):
            assert f"lessons/tiny.md:{book.line(directive)}: WARNING: Unknown directive" in output


def test_a_malformed_table_of_contents_says_what_is_wrong(book: Book) -> None:
    toc = book.root / "_toc.yml"
    twice = yaml.safe_load(toc.read_text())
    twice["chapters"] *= 2
    toc.write_text(yaml.safe_dump(twice))
    output = book.broken()
    assert "document file used multiple times" in output
    assert "Traceback" not in output


def test_a_reference_that_another_page_broke_fails_the_build(book: Book) -> None:
    book.built()
    edit(book.lesson, "(lesson)=\n", "")
    assert "book/index.md:3: " in book.broken()


def test_what_a_cell_writes_to_stderr_fails_the_build(book: Book) -> None:
    edit(book.lesson, "print(", "import sys; print('oops', file=sys.stderr); print(")
    output = book.broken()
    assert "stderr" in output
    assert re.search(r"lessons/tiny\.md:\d+: ", output)


def test_an_edit_in_labs_or_a_new_lock_executes_the_book_again(book: Book) -> None:
    lock = book.root / "requirements.lock"
    lock.write_text("numpy==2.0.0\n")
    book.built()
    assert "the answer is 41" in book.page.read_text()
    edit(book.labs, "41", "42")
    book.built()
    assert "the answer is 42" in book.page.read_text()
    lock.write_text("numpy==2.0.1\n")
    assert "Executing notebook" in book.built()


def test_what_a_page_does_not_depend_on_executes_nothing(book: Book) -> None:
    """``test_dependencies.py`` has what it depends on, edit by edit."""
    names = {
        "engine.py": "from labs import parts\n\n\ndef step():\n    return parts.VALUE\n",
        "parts.py": "import json\nfrom importlib import resources\n\nVALUE = json.loads("
        "resources.files('labs').joinpath('facts.json').read_text())\n",
        "facts.json": "7",
        "checks.py": "FEEDBACK = 'wrong'\n",
        "explorer/style.css": "p { color: red }\n",
    }
    for name, text in names.items():
        (book.labs.parent / name).parent.mkdir(exist_ok=True)
        (book.labs.parent / name).write_text(text)
    edit(book.lesson, "from labs import number", "from labs import engine, number")
    edit(book.lesson, "number())", "number(), engine.step())")
    book.built()
    edit(book.labs.parent / "checks.py", "wrong", "not right")
    edit(book.labs.parent / "explorer" / "style.css", "red", "blue")
    assert "Executing notebook" not in book.built()
    edit(book.labs.parent / "facts.json", "7", "8")
    assert "Executing notebook" in book.built()
    assert "the answer is 41 8" in book.page.read_text()


def test_going_back_to_what_was_executes_nothing(book: Book) -> None:
    book.built()
    edit(book.labs, "41", "42")
    assert "Executing notebook" in book.built()
    edit(book.labs, "42", "41")
    assert "Executing notebook" not in book.built()
    assert "the answer is 41" in book.page.read_text()


def test_a_setting_from_the_environment_counts(book: Book) -> None:
    book.built()
    book.environment["BOOK_REPOSITORY"] = "prof/serving"
    assert "Nothing has changed" not in book.built()
    assert "colab.research.google.com/github/prof/serving" in book.page.read_text()
    assert "Nothing has changed" in book.built()


def test_numbers_on_file_are_compared_and_written_by_one_command(book: Book) -> None:
    file = book.lesson.with_suffix(".numbers.json")
    book.built("--numbers")
    (printed,) = json.loads(file.read_text())["printed"].values()
    assert printed == ["the answer is 41"]
    edit(book.labs, "41", "43")
    assert "lessons/tiny.md: WARNING: " in (said := book.broken())
    assert "'the answer is 41' is now 'the answer is 43'" in said
    book.built("--numbers")
    assert "the answer is 43" in file.read_text()


def test_an_edit_of_the_prose_reaches_the_page_and_executes_nothing(book: Book) -> None:
    """Whatever its date: a file put back from elsewhere may be older than the last build."""
    assert "Executing notebook" in book.built()
    edit(book.lesson, "# Tiny lesson", "# Tiny lesson, reworded")
    os.utime(book.lesson, (1e9, 1e9))
    assert "Executing notebook" not in book.built()
    page = book.page.read_text()
    assert "Tiny lesson, reworded" in page
    assert "the answer is 41" in page


def test_an_unchanged_book_is_left_alone(book: Book) -> None:
    book.built()
    before = book.page.stat().st_mtime_ns
    assert "Nothing has changed" in book.built()
    assert book.page.stat().st_mtime_ns == before
    book.page.unlink()
    assert "Nothing has changed" not in book.built()
    assert book.page.exists()


def test_a_forced_build_executes_an_unchanged_book(book: Book) -> None:
    book.built()
    assert "Executing notebook" in book.built("--force")
    assert "Nothing has changed" in book.built()


def test_notebooks_to_compare_have_outputs_or_are_not_there(book: Book) -> None:
    """On a cache hit MyST-NB writes notebooks without outputs, and nbval passes on nothing.

    Of the numbers that prose quotes it writes none at all.
    """
    glue = "from myst_nb import glue\n\nglue('quoted', 43, display=False)"
    book.lesson.write_text(f"{LESSON}\n```{{code-cell}} python\n{glue}\n```\n")
    notebook = book.root / "_build" / "jupyter_execute" / "lessons" / "tiny.ipynb"
    book.built("--force")
    cells = json.loads(notebook.read_text())["cells"]
    printed, quoted = [output for cell in cells for output in cell.get("outputs", [])]
    assert printed["text"] == ["the answer is 41\n"]
    assert "43" in quoted["data"]["application/papermill.record/text/plain"]
    edit(book.lesson, "# Tiny lesson", "# Tiny lesson, reworded")
    book.built()
    assert not notebook.exists()


def test_a_setting_that_jupyter_book_does_not_know_fails_the_build(book: Book) -> None:
    config = yaml.safe_load((book.root / "_config.yml").read_text())
    config["title"] = 3
    book.configure(config)
    assert "3 is not of type" in book.broken()


def lines_of(process: subprocess.Popen[str], seconds: float) -> Iterator[str]:
    """What a process prints, until it is silent for too long."""
    deadline = time.monotonic() + seconds
    while select.select([process.stdout], [], [], max(0, deadline - time.monotonic()))[0]:
        line = process.stdout.readline()
        if not line:
            return
        yield line


def wait_for(process: subprocess.Popen[str], text: str, seconds: float = 240) -> str:
    seen = []
    for line in lines_of(process, seconds):
        seen.append(line)
        if text in line:
            return line
    raise AssertionError(f"{text!r} was not printed:\n{''.join(seen)}")


def test_serving_rebuilds_on_change_and_survives_a_failure(book: Book) -> None:
    command = [sys.executable, "-u", "-m", "bookkit.commands.serve", "--port", "0"]
    environment = {**book.environment, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command,
        cwd=book.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
    ) as server:
        try:
            address = re.search(r"http://127\.0\.0\.1:\d+/", wait_for(server, "Serving http"))[0]

            def page() -> str:
                with urllib.request.urlopen(f"{address}lessons/tiny.html") as response:  # noqa: S310
                    return response.read().decode()

            assert "the answer is 41" in page()
            edit(book.labs, "41", "42")
            wait_for(server, "The site is at")
            assert "the answer is 42" in page()
            edit(book.labs, "42", "42 / 0")
            wait_for(server, "ZeroDivisionError")
            wait_for(server, "The site served is the last one that was built")
            assert "the answer is 42" in page()
            edit(book.labs, "42 / 0", "43")
            wait_for(server, "The site is at")
            assert "the answer is 43" in page()
        finally:
            server.terminate()
