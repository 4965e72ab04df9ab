"""Exercise sheets: their form, and the editions a class works with."""

import ast
import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbgrader.api import Gradebook, MissingEntry

from bookkit.editions import notebooks
from labs.checks import grading
from labs.checks.versions import version

ROOT = Path(__file__).resolve().parents[2]
COURSE = ROOT / "_build" / "course"
HANDOUTS = ROOT / "_build" / "html" / "notebooks" / "exercises"
SHEETS = sorted(path.stem for path in (ROOT / "exercises").glob("*.md"))
CORE = ("batching", "caching", "quantization", "distillation", "scheduling")
FOUNDATIONS = {
    "intuition": [
        "1 ★ Training optimizes loss while serving optimizes systems constraints",
        "2 ★ Latency throughput cost triangle",
        "3 ★ Batch versus online inference",
        "4 ★★ Model endpoints as contracts",
        "5 ★★ Failure budgets",
    ],
    "definitions": [
        "6 ★★ Service s(x)",
        "7 ★★★ Latency distribution",
        "8 ★★★ Throughput q",
        "9 ★★★ Utilization ρ",
        "10 ★★★ Service-level objectives and agreements",
    ],
}
PART = re.compile(
    r"(?P<hint>^:::\{dropdown\} Hint \d$)|:tags: \[(?P<tag>solution|check)\]"
    r"|(?P<takeaway>^\*\*Takeaway\.\*\* )",
    re.MULTILINE,
)

every_sheet = pytest.mark.parametrize("sheet", SHEETS)


def exercises(sheet: str) -> dict[str, str]:
    """Return the text of each exercise by its heading."""
    text = (ROOT / "exercises" / f"{sheet}.md").read_text("utf-8")
    parts = re.split(r"^## (.*)$", text, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


@cache
def instructors(sheet: str) -> nbformat.NotebookNode:
    return nbformat.read(COURSE / "source" / sheet / f"{sheet}.ipynb", 4)


@cache
def learners(sheet: str) -> nbformat.NotebookNode:
    return nbformat.read(HANDOUTS / f"{sheet}.ipynb", 4)


# Form


def test_there_is_a_sheet_for_every_core_lesson_and_for_the_foundations() -> None:
    assert {*CORE, *FOUNDATIONS} <= set(SHEETS)


@pytest.mark.parametrize("sheet", FOUNDATIONS)
def test_the_foundations_keep_their_titles_and_stars(sheet: str) -> None:
    assert list(exercises(sheet)) == FOUNDATIONS[sheet]


@pytest.mark.parametrize("sheet", CORE)
def test_a_core_sheet_climbs_from_mechanics_to_production(sheet: str) -> None:
    found = [re.fullmatch(r"(\d+) (★+) \S.*", title) for title in exercises(sheet)]
    assert len(found) >= 4
    assert [int(title[1]) for title in found] == list(range(1, len(found) + 1))
    stars = [len(title[2]) for title in found]
    assert stars == sorted(stars)
    assert {1, 2, 3} <= set(stars)


@every_sheet
def test_an_exercise_has_its_parts_in_order(sheet: str) -> None:
    for title, text in exercises(sheet).items():
        order = [found["tag"] or found.lastgroup for found in PART.finditer(text)]
        hints = order.count("hint")
        assert hints >= 2, title
        assert order == ["hint"] * hints + ["solution", "check", "takeaway"], title
        assert text.index("```{code-cell}") < text.index(":::{dropdown}"), f"{title}: no data"


@every_sheet
def test_no_takeaway_serves_two_exercises(sheet: str) -> None:
    mine = [text.partition("**Takeaway.**")[2].strip() for text in exercises(sheet).values()]
    assert len(set(mine)) == len(mine)
    assert all(len(words.split()) >= 20 for words in mine)


@every_sheet
def test_a_check_grades_and_is_the_sheets_own(sheet: str) -> None:
    for cell in instructors(sheet).cells:
        if cell.metadata.get("nbgrader", {}).get("grade"):
            own, statement = ast.parse(cell.source).body
            assert ast.unparse(own) == f"from labs.checks import {sheet} as check"
            assert re.fullmatch(r"check\.\w+\(\w+\)\.grade\(\)", ast.unparse(statement))


# Editions


@every_sheet
def test_the_instructors_edition_has_every_solution_and_a_point_a_star(sheet: str) -> None:
    cells = instructors(sheet).cells
    points = [
        cell.metadata.nbgrader.points
        for cell in cells
        if "points" in cell.metadata.get("nbgrader", {})
    ]
    assert points == [title.count("★") for title in exercises(sheet)]
    marked = [cell for cell in cells if "nbgrader" in cell.metadata]
    ids = [cell.metadata.nbgrader.grade_id for cell in marked]
    assert len(ids) == len(set(ids))
    kinds = [name.rpartition("-")[2] for name in ids]
    assert kinds.count("answer") == kinds.count("check") == kinds.count("given") == len(points)
    assert kinds[:2] == ["labs", "start"]
    solved = [cell for cell in cells if notebooks.BEGIN in cell.source]
    assert len(solved) == len(points)
    assert all(cell.metadata.nbgrader.solution for cell in solved)
    assert all(cell.metadata.nbgrader.locked != cell.metadata.nbgrader.solution for cell in marked)


@every_sheet
def test_what_is_handed_out_names_its_labs_and_reveals_nothing(sheet: str) -> None:
    assert instructors(sheet).metadata[grading.METADATA] == version()
    assert "nbgrader" not in instructors(sheet).cells[0].metadata  # it installs what may be there
    own = instructors(sheet).cells[1]
    assert f'require("{version()}")' in own.source
    assert own.metadata.nbgrader.locked
    assert not [cell for cell in instructors(sheet).cells if "reveal" in cell.source]
    assert [n for n, cell in enumerate(learners(sheet).cells) if "reveal()" in cell.source] == [1]


@every_sheet
def test_no_cell_of_the_learners_edition_holds_a_solution_or_an_output(sheet: str) -> None:
    solutions = [
        line.strip()
        for cell in instructors(sheet).cells
        for line in "".join(
            re.findall(rf"{notebooks.BEGIN}\n(.*?){notebooks.END}", cell.source, re.DOTALL)
        ).splitlines()
        if re.match(r"\w+ = (?!\.\.\.)", line)
    ]
    assert solutions
    handed_out = "\n".join(cell.source for cell in learners(sheet).cells)
    assert not [line for line in solutions if line in handed_out.splitlines()]
    assert "SOLUTION" not in handed_out
    assert not [cell for cell in learners(sheet).cells if cell.get("outputs")]


@every_sheet
def test_no_raw_markup_is_left_in_a_notebook(sheet: str) -> None:
    for cell in learners(sheet).cells:
        if cell.cell_type == "markdown":
            assert not re.search(r":::|\{(?:\w+:)?\w+\}`|^```\{|<svg", cell.source, re.MULTILINE), (
                cell.source
            )


@every_sheet
def test_the_page_folds_solutions_and_what_checks_say(sheet: str) -> None:
    page = (ROOT / "_build" / "html" / "exercises" / f"{sheet}.html").read_text("utf-8")
    folds = re.findall(
        r"<details class=\"admonition hide[^>]*>\s*<summary>\s*<span[^>]*>(.*?)</span>", page
    )
    number = len(exercises(sheet))
    assert folds.count("Solution") == number
    assert folds.count("What the check says of the solution") == number
    assert f"../notebooks/exercises/{sheet}.ipynb" in page


# Running


def run(notebook: nbformat.NotebookNode, **options: object) -> nbformat.NotebookNode:
    copy = nbformat.from_dict(notebook)
    NotebookClient(copy, timeout=120, kernel_name="python3", **options).execute()
    return copy


def errors(notebook: nbformat.NotebookNode) -> list[tuple[str, str]]:
    return [
        (output.ename, output.evalue)
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.output_type == "error"
    ]


@every_sheet
def test_the_learners_edition_stops_kindly_at_the_first_question(sheet: str) -> None:
    notebook = nbformat.from_dict(learners(sheet))
    with pytest.raises(CellExecutionError) as stopped:
        NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    assert stopped.value.ename == "AnswerError"
    first = next(c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade"))
    (output,) = first.outputs
    assert output.traceback == ["FAIL  no answer yet: replace the ... in the answer cell"]
    ran = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    assert ran.index(None) == 1 + [c for c in notebook.cells if c.cell_type == "code"].index(first)


# Grading with nbgrader


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course made of the instructor's notebooks, with every sheet released."""
    folder = tmp_path_factory.mktemp("course")
    shutil.copytree(COURSE, folder, dirs_exist_ok=True)
    for sheet in SHEETS:
        nbgrader(folder, "generate_assignment", sheet)
    return folder


def nbgrader(folder: Path, *command: str, fails: bool = False, **variables: str) -> str:
    """Run one of nbgrader's commands in a course; what it logs."""
    call = [sys.executable, "-m", "nbgrader", *command]
    tools = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": tools, **variables}  # it calls alembic
    done = subprocess.run(
        call, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert bool(done.returncode) == fails, done.stderr[-3000:]
    return done.stderr


def submit(folder: Path, student: str, sheet: str, notebook: nbformat.NotebookNode) -> None:
    place = folder / "submitted" / student / sheet / f"{sheet}.ipynb"
    place.parent.mkdir(parents=True)
    nbformat.write(notebook, place)


def answered(sheet: str, right: set[int], other: str | None = "-123.456") -> nbformat.NotebookNode:
    """Return the released notebook with some exercises solved and the others answered wrongly.

    Without another answer the others are left as they were handed out.
    """
    notebook = nbformat.from_dict(learners(sheet))
    solved = {c.id: c.source for c in instructors(sheet).cells}
    answers = [c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("solution")]
    for number, cell in enumerate(answers):
        name = cell.source.partition(" = ...")[0]
        if number in right:
            cell.source = solved[cell.id]
        elif other:
            cell.source = f"{name} = {other}"
    return notebook


@every_sheet
def test_what_nbgrader_hands_out_is_the_learners_edition(sheet: str, course: Path) -> None:
    released = nbformat.read(course / "release" / sheet / f"{sheet}.ipynb", 4)
    handed_out, own = ([c.source for c in n.cells] for n in (released, learners(sheet)))
    assert handed_out[:1] + handed_out[2:] == own[:1] + own[2:]
    assert (handed_out[1], own[1]) == (instructors(sheet).cells[1].source, notebooks.REVEAL)


def test_nbgrader_gives_the_marks(course: Path) -> None:
    """All of them to the right notebook, none to the wrong one, the first exercise's to a third.

    The right one holds the instructor's solutions: every check passes them. The third leaves the
    other questions unanswered, and none of them stops another.
    """
    for sheet in SHEETS:
        number = len(exercises(sheet))
        submit(course, "right", sheet, answered(sheet, set(range(number))))
        submit(course, "wrong", sheet, answered(sheet, set()))
        submit(course, "first", sheet, answered(sheet, {0}, other=None))
        nbgrader(course, "autograde", sheet)
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        for sheet in SHEETS:
            stars = [title.count("★") for title in exercises(sheet)]
            marks = {
                student: gradebook.find_submission(sheet, student).score
                for student in ("right", "wrong", "first")
            }
            assert marks == {"right": sum(stars), "wrong": 0, "first": stars[0]}, sheet
    for sheet in SHEETS:
        said = [
            output.text
            for cell in graded(course, "right", sheet).cells
            if cell.metadata.get("nbgrader", {}).get("grade")
            for output in cell.outputs
        ]
        assert len(said) == len(exercises(sheet))
        assert all(text.startswith("PASS") for text in said)
        left = errors(graded(course, "first", sheet))
        assert len(left) == len(exercises(sheet)) - 1
        assert {name for name, _ in left} == {"AnswerError"}
        assert all(text.startswith("no answer yet") for _, text in left)


def graded(course: Path, student: str, sheet: str) -> nbformat.NotebookNode:
    return nbformat.read(course / "autograded" / student / sheet / f"{sheet}.ipynb", 4)


def test_a_pass_leaves_nothing_for_nbgrader_to_guess_at(course: Path) -> None:
    """It reads what a cell ends in as points, and what is no number as full marks, for now."""
    submit(course, "quiet", "batching", answered("batching", {0, 1, 2, 3}))
    log = nbgrader(course, "autograde", "batching", "--student", "quiet")
    assert "partial credit" not in log
    assert "DeprecationWarning" not in log
    assert score(course, "batching", "quiet") == 8


def score(course: Path, assignment: str, student: str) -> float | None:
    """What the gradebook holds for a student; None if it holds nothing."""
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        try:
            return gradebook.find_submission(assignment, student).score
        except MissingEntry:
            return None


# No edit of a notebook but a right answer raises a mark


def released(course: Path) -> nbformat.NotebookNode:
    return nbformat.read(course / "release" / "batching" / "batching.ipynb", 4)


def cells(notebook: nbformat.NotebookNode, kind: str) -> list[nbformat.NotebookNode]:
    marked = [c for c in notebook.cells if "nbgrader" in c.metadata]
    return [c for c in marked if c.metadata.nbgrader.grade_id.endswith(f"-{kind}")]


def say(notebook: nbformat.NotebookNode, answers: list[str]) -> nbformat.NotebookNode:
    for cell, answer in zip(cells(notebook, "answer"), answers, strict=True):
        cell.source = f"{cell.source.partition(' = ')[0]} = {answer}"
    return notebook


def pastes(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Answer 0, then with the last number that each FAIL prints, and so on."""
    answers = ["0"] * 4
    for _ in range(3):
        done = run(say(notebook, answers), allow_errors=True)
        assert not [text for _, text in errors(done) if "expected" in text]
        said = [output.evalue for c in cells(done, "check") for output in c.outputs]
        answers = [(re.findall(r"-?\d+\.?\d*", text) or ["0"])[-1] for text in said]
    return say(notebook, answers)


def edits_the_givens(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    for cell, source in zip(
        cells(notebook, "given"),
        (
            "import numpy as np\nlengths, batch = np.ones(4), 4",
            "sizes, seconds = [1, 2], [1.0, 1.5]",
            "per_item, setup, limit = 0.5, 0.5, 2.0",
            "budgets, tpot_slo = [96], 10",
        ),
        strict=True,
    ):
        cell.source = source
    return say(notebook, ["1.0", "4", "1.0", "96"])


def writes_to_the_givens(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    say(notebook, ["1.0", "4", "1.0", "96"])
    cells(notebook, "answer")[0].source = (
        "lengths = check.useful_share.given.lengths\n"
        "lengths.flags.writeable = True\nlengths[:] = 1\nshare = 1.0"
    )
    return notebook


def replaces_the_check(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    say(notebook, ["1"] * 4)
    cells(notebook, "answer")[
        0
    ].source = "from unittest.mock import MagicMock\ncheck = MagicMock()\nshare = 1"
    for cell in cells(notebook, "check"):
        cell.source = "print('PASS  1')"
    return notebook


def hides_the_checks(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """A cell with this tag does not run, and no output is no error."""
    for cell in cells(notebook, "check"):
        cell.metadata["tags"] = ["skip-execution", "raises-exception"]
    return say(notebook, ["1"] * 4)


def makes_text_of_the_checks(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    for cell in cells(notebook, "check"):
        cell.cell_type = "markdown"
        cell.pop("outputs")
        cell.pop("execution_count")
    return say(notebook, ["1"] * 4)


def deletes_the_checks(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    say(notebook, ["1"] * 4)
    gone = cells(notebook, "check")
    notebook.cells = [cell for cell in notebook.cells if cell not in gone]
    return notebook


def is_worth_more(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    for cell in cells(notebook, "check"):
        cell.metadata.nbgrader.points = 100
    return say(notebook, ["1"] * 4)


def does_nothing(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    return notebook


FORGERIES = {
    "ada": pastes,
    "bob": edits_the_givens,
    "bea": writes_to_the_givens,
    "carol": replaces_the_check,
    "cleo": hides_the_checks,
    "carl": makes_text_of_the_checks,
    "cora": deletes_the_checks,
    "dora": is_worth_more,
    "dan": does_nothing,
}


def test_no_forgery_earns_a_point_and_no_slip_loses_one(course: Path) -> None:
    for student, forge in FORGERIES.items():
        submit(course, student, "batching", forge(released(course)))
    # Who spoiled what is given and deleted a check by accident, and answers rightly.
    careless = deletes_the_checks(edits_the_givens(released(course)))
    solved = {c.id: c.source for c in instructors("batching").cells}
    for cell in cells(careless, "answer"):
        cell.source = "import sys\nprint('hm', file=sys.stderr)\n" + solved[cell.id]
    submit(course, "eve", "batching", careless)
    nbgrader(course, "autograde", "batching")
    marks = {student: score(course, "batching", student) for student in (*FORGERIES, "eve")}
    assert marks == {**dict.fromkeys(FORGERIES, 0), "eve": 8}


# A grader's error is no mark


def test_another_labs_than_the_sheets_marks_nothing(course: Path) -> None:
    other, same = (answered("batching", {0, 1, 2, 3}) for _ in range(2))
    for notebook, student in ((other, "olga"), (same, "sam")):
        notebook.metadata[grading.METADATA] = {"olga": "0.0.1", "sam": version()}[student]
        submit(course, student, "batching", notebook)
    log = nbgrader(course, "autograde", "batching", fails=True)
    assert f"made with labs 0.0.1, installed is {version()}" in log
    assert score(course, "batching", "olga") is None
    assert not (course / "autograded" / "olga" / "batching").exists()
    assert score(course, "batching", "sam") == 8
    shutil.rmtree(course / "submitted" / "olga")


def test_a_check_that_labs_does_not_know_marks_nothing(course: Path) -> None:
    source = course / "source" / "later"
    source.mkdir()
    text = (COURSE / "source" / "batching" / "batching.ipynb").read_text("utf-8")
    for name, wrong in (("module", "from labs.checks import little"), ("name", "check.share")):
        was = {"module": "from labs.checks import batching", "name": "check.useful_share"}[name]
        assert was in text
        (source / f"{name}.ipynb").write_text(text.replace(was, wrong), "utf-8")
    nbgrader(course, "generate_assignment", "later")
    for name in ("module", "name"):
        place = course / "submitted" / name / "later"
        place.mkdir(parents=True)
        for file in ("module.ipynb", "name.ipynb"):
            shutil.copy(course / "release" / "later" / file, place)
    log = nbgrader(course, "autograde", "later", fails=True)
    assert log.count("not marked: ") >= 2
    assert score(course, "later", "module") is score(course, "later", "name") is None


def test_a_labs_from_before_marks_nothing(course: Path, tmp_path: Path) -> None:
    (tmp_path / "labs").mkdir()
    (tmp_path / "labs" / "__init__.py").write_text('__version__ = "0.0.1"')
    submit(course, "old", "caching", answered("caching", {0}))
    nbgrader(
        course, "autograde", "caching", "--student", "old", fails=True, PYTHONPATH=str(tmp_path)
    )
    assert not (course / "autograded" / "old" / "caching").exists()
    nbgrader(course, "autograde", "caching", "--student", "old")
    assert score(course, "caching", "old") == 1
