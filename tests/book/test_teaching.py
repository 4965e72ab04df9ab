"""The guide for teachers, step by step: what it says to write is written, and builds."""

import csv
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nbclient
import nbformat
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "book" / "teaching.md").read_text("utf-8")
FILES = re.compile(
    r"^```\{code-block\} \w+\n:caption: (\S+)\n\n(.*?)^```$", re.MULTILINE | re.DOTALL
)
COMMANDS = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
GIVENS = ("cap", "rate")
HOME = "# Home\n\nSee {doc}`../lessons/little`.\n"


def run(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a copy of the repository, with the copy's own ``labs``."""
    environment = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def fork(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository with the guide's lesson, and no other pages, to be quick."""
    root = tmp_path_factory.mktemp("fork")
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    names = tracked.stdout.split() or [
        str(path.relative_to(ROOT))
        for folder in ("book", "bookkit", "labs", "lessons", "exercises")
        for path in (ROOT / folder).rglob("*")
        if path.is_file()
    ]
    for name in names:
        if (ROOT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, root / name)
    files = dict(FILES.findall(GUIDE))
    chapters = yaml.safe_load(files.pop("_toc.yml"))
    for name, text in files.items():
        assert not (root / name).exists(), name
        (root / name).write_text(text, "utf-8")
    (root / "book" / "index.md").write_text(HOME, "utf-8")
    pages = [*chapters, {"file": "book/claims"}, {"file": "book/bibliography"}]
    toc = {"format": "jb-book", "root": "book/index", "chapters": pages}
    (root / "_toc.yml").write_text(yaml.safe_dump(toc), "utf-8")
    config = yaml.safe_load((root / "_config.yml").read_text("utf-8"))
    config["sphinx"]["config"]["jupyterlite"] = False
    (root / "_config.yml").write_text(yaml.safe_dump(config), "utf-8")
    built = run(root, "-m", "bookkit.commands.build")
    assert built.returncode == 0, built.stdout[-3000:] + built.stderr[-3000:]
    return root


def test_the_guides_lesson_is_a_page_that_works(fork: Path, serve, visit) -> None:
    page = visit(f"{serve(fork / '_build' / 'html')}/lessons/little.html")
    explorer = page.locator('.xp[data-name="cap-and-latency"]')
    explorer.locator(".xp-figure svg").first.wait_for()
    explorer.locator('input[name="cap"]').press("End")
    assert "a request is inside for 5.00" in explorer.inner_text()
    page.get_by_text("2.5 s: each of the 40").wait_for(state="attached")
    question = page.locator('.question[data-question="latency"]')
    cap, rate = (float(question.locator(f"[data-place={name}]").inner_text()) for name in GIVENS)
    question.get_by_role("textbox").fill(f"{cap / rate}")
    question.get_by_role("textbox").press("Enter")
    page.get_by_text("Score 1/1").wait_for()
    assert page.visit.errors == page.visit.missing == page.visit.elsewhere == []


@pytest.mark.parametrize("name", ["lessons/little", "exercises/little"])
def test_it_is_a_notebook_too(fork: Path, name: str) -> None:
    notebook = nbformat.read(fork / "_build" / "html" / "notebooks" / f"{name}.ipynb", 4)
    nbformat.validate(notebook)
    assert not any("{code-cell}" in cell.source or "~~~" in cell.source for cell in notebook.cells)


def test_the_guides_exercise_passes_with_its_solution_and_fails_without(
    fork: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(fork))
    whole = nbformat.read(fork / "_build" / "course" / "source" / "little" / "little.ipynb", 4)
    done = nbclient.NotebookClient(whole, timeout=120).execute()
    assert run(fork, "-m", "doctest", "labs/checks/little.py").returncode == 0
    (check,) = (cell for cell in done.cells if "check.cap(" in cell.source)
    assert check.outputs[0].text == "PASS  24 requests\n"
    empty = nbformat.read(fork / "_build" / "html" / "notebooks" / "exercises" / "little.ipynb", 4)
    with pytest.raises(nbclient.exceptions.CellExecutionError, match="no answer yet"):
        nbclient.NotebookClient(empty, timeout=120).execute()


def test_the_questions_keys_hold(fork: Path) -> None:
    checked = run(fork, "-m", "bookkit.directives.questions")
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.fixture
def nbgrader(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Run a command of nbgrader in a folder."""
    programs = [str(Path(sys.executable).parent), os.environ["PATH"]]
    monkeypatch.setenv("PATH", os.pathsep.join(programs))

    def run_in(folder: Path, *words: str, fails: bool = False) -> None:
        ran = subprocess.run(["nbgrader", *words], cwd=folder, capture_output=True, text=True)
        assert bool(ran.returncode) == fails, ran.stderr[-2000:]

    return run_in


def guides(*words: str) -> list[str]:
    """Return the lines of the one block of commands in the guide that has these words."""
    (block,) = (found for found in COMMANDS.findall(GUIDE) if all(word in found for word in words))
    return [line.partition("#")[0].strip() for line in block.splitlines()]


def test_the_guides_commands_of_nbgrader_work_also_once_a_sheet_was_handed_in(
    tmp_path: Path, nbgrader: Callable[..., None]
) -> None:
    course = tmp_path / "serving"
    shutil.copytree(ROOT / "_build" / "course", course)
    (course / "students.csv").write_text(
        "id,last_name,first_name,email,lms_user_id\nada,Lovelace,Ada,ada@example.org,1815\n"
    )
    commands = [line for line in guides("nbgrader db") if line.startswith("nbgrader")]
    assert len(commands) == 6
    for command in commands:
        if "autograde" in command:
            hand_in(course, "batching", "2027-01-15 18:30:00 UTC")
        nbgrader(course, *shlex.split(command)[1:])
    graded = grades(course)["batching"]
    assert (graded["first_name"], graded["last_name"]) == ("Ada", "Lovelace")
    assert graded["timestamp"] == "2027-01-15 18:30:00"  # half an hour late
    assert (course / "feedback" / "ada" / "batching" / "batching.html").is_file()

    # The book has changed: the sheet that was handed in stays, a second assignment goes out.
    changed = tmp_path / "batching.ipynb"
    notebook = nbformat.read(ROOT / "_build" / "course" / "source" / "batching" / changed.name, 4)
    more = [cell for cell in notebook.cells if "nbgrader" in cell.metadata][-2:]
    for cell in map(nbformat.from_dict, more):
        cell.metadata.nbgrader.grade_id += "-more"
        cell.id += "-more"
        notebook.cells.append(cell)
    nbformat.write(notebook, changed)
    before = (course / "release" / "batching" / "batching.ipynb").read_text()
    for command in guides("batching-2"):
        if "autograde" in command:
            hand_in(course, "batching-2", "2027-01-16 09:00:00 UTC")
        if command.startswith("nbgrader"):
            nbgrader(course, *shlex.split(command)[1:])
        else:
            told = command.replace(
                "~/book/_build/course/source/batching/batching.ipynb", f"{changed}"
            )
            assert str(changed) in told
            subprocess.run(told, shell=True, cwd=course, check=True)  # noqa: S602
    nbgrader(course, "export")
    assert grades(course)["batching"] == graded
    assert float(grades(course)["batching-2"]["max_score"]) > float(graded["max_score"])
    assert (course / "release" / "batching" / "batching.ipynb").read_text() == before

    # What the guide warns of: the release is gone, and nothing in its place.
    shutil.copy(changed, course / "source" / "batching")
    nbgrader(course, "generate_assignment", "batching", "--force", fails=True)
    assert not (course / "release" / "batching").exists()


def hand_in(course: Path, assignment: str, when: str) -> None:
    """Hand in for Ada what was released, with the time at which it came."""
    folder = course / "submitted" / "ada" / assignment
    folder.mkdir(parents=True)
    shutil.copy(course / "release" / assignment / "batching.ipynb", folder)
    (folder / "timestamp.txt").write_text(when)


def grades(course: Path) -> dict[str, dict[str, str]]:
    with (course / "grades.csv").open() as table:
        return {
            row["assignment"]: row for row in csv.DictReader(table) if row["student_id"] == "ada"
        }


def test_a_teachers_grades_outlive_a_build(fork: Path) -> None:
    course = fork / "_build" / "course"
    (course / "gradebook.db").write_text("grades")
    (fork / "book" / "index.md").write_text(HOME + "\nMore.\n", "utf-8")
    assert run(fork, "-m", "bookkit.commands.build").returncode == 0
    assert (course / "gradebook.db").read_text() == "grades"
    assert (course / "source" / "little" / "little.ipynb").is_file()


def test_the_guides_exchange_hands_out_and_collects(
    tmp_path: Path, nbgrader: Callable[..., None]
) -> None:
    hub = GUIDE[GUIDE.index("**JupyterHub,**") : GUIDE.index("**Accounts,**")]
    (settings,) = re.findall(r"^```python\n(.*?)^```$", hub, re.MULTILINE | re.DOTALL)
    exchange, course, home = (tmp_path / name for name in ("exchange", "serving", "home"))
    for folder in (exchange, home):
        folder.mkdir()
    exchange.chmod(0o777)
    settings = settings.replace("/srv/exchange", str(exchange))
    shutil.copytree(ROOT / "_build" / "course", course)
    with (course / "nbgrader_config.py").open("a") as config:
        config.write(f"\n{settings}")
    (home / "nbgrader_config.py").write_text(settings)

    nbgrader(course, "generate_assignment", "batching")
    steps = re.findall(r"`nbgrader (\w+) batching`", hub)
    assert steps == ["release_assignment", "fetch_assignment", "submit", "collect"]
    for step in steps:
        nbgrader(home if step in ("fetch_assignment", "submit") else course, step, "batching")
    assert len(list((course / "submitted").glob("*/batching/batching.ipynb"))) == 1
    nbgrader(course, "autograde", "batching")
    assert len(list((course / "autograded").glob("*/batching/batching.ipynb"))) == 1
