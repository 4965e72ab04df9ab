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
from nbgrader.api import Gradebook

from bookkit.editions import notebooks

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
            (statement,) = ast.parse(cell.source).body
            assert re.match(r"check\.\w+\(", cell.source)
            assert isinstance(statement, ast.Expr)
            assert statement.value.func.attr == "grade"
    _, _, imports = (cell.source for cell in instructors(sheet).cells[:3])
    assert f"from labs.checks import {sheet} as check" in imports


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
    ids = [cell.metadata.nbgrader.grade_id for cell in cells if "nbgrader" in cell.metadata]
    assert len(ids) == len(set(ids)) == 2 * len(points)
    solved = [cell for cell in cells if notebooks.BEGIN in cell.source]
    assert len(solved) == len(points)
    assert all(cell.metadata.nbgrader.solution for cell in solved)
    assert all(
        cell.metadata.nbgrader.locked
        for cell in cells
        if cell.metadata.get("nbgrader", {}).get("grade")
    )


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
def test_the_instructors_edition_passes_every_check(sheet: str) -> None:
    done = run(instructors(sheet))
    said = [
        output.data["text/plain"]
        for cell in done.cells
        if cell.metadata.get("nbgrader", {}).get("grade")
        for output in cell.outputs
    ]
    assert len(said) == len(exercises(sheet))
    assert all(text.startswith("PASS") for text in said)


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


@every_sheet
def test_an_unanswered_question_stops_no_other(sheet: str) -> None:
    said = errors(run(learners(sheet), allow_errors=True))
    assert len(said) == len(exercises(sheet))
    assert {name for name, _ in said} == {"AnswerError"}
    assert all(text.startswith("no answer yet") for _, text in said)


# Grading with nbgrader


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course made of the instructor's notebooks, with every sheet released."""
    folder = tmp_path_factory.mktemp("course")
    shutil.copytree(COURSE, folder, dirs_exist_ok=True)
    for sheet in SHEETS:
        nbgrader(folder, "generate_assignment", sheet)
    return folder


def nbgrader(folder: Path, *command: str) -> None:
    """Run one of nbgrader's commands in a course."""
    call = [sys.executable, "-m", "nbgrader", *command]
    tools = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": tools}  # it calls alembic
    done = subprocess.run(
        call, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]


def submit(folder: Path, student: str, sheet: str, notebook: nbformat.NotebookNode) -> None:
    place = folder / "submitted" / student / sheet / f"{sheet}.ipynb"
    place.parent.mkdir(parents=True)
    nbformat.write(notebook, place)


def answered(sheet: str, right: set[int]) -> nbformat.NotebookNode:
    """Return the released notebook with some exercises solved and the others answered wrongly."""
    notebook = nbformat.from_dict(learners(sheet))
    solved = {c.id: c.source for c in instructors(sheet).cells}
    answers = [c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("solution")]
    for number, cell in enumerate(answers):
        name = cell.source.partition(" = ...")[0]
        cell.source = solved[cell.id] if number in right else f"{name} = -123.456"
    return notebook


@every_sheet
def test_what_nbgrader_hands_out_is_the_learners_edition(sheet: str, course: Path) -> None:
    released = nbformat.read(course / "release" / sheet / f"{sheet}.ipynb", 4)
    assert [c.source for c in released.cells] == [c.source for c in learners(sheet).cells]


def test_nbgrader_gives_the_marks(course: Path) -> None:
    """All of them to the right notebook, none to the wrong one, the first exercise's to a third."""
    for sheet in SHEETS:
        number = len(exercises(sheet))
        submit(course, "right", sheet, answered(sheet, set(range(number))))
        submit(course, "wrong", sheet, answered(sheet, set()))
        submit(course, "first", sheet, answered(sheet, {0}))
        nbgrader(course, "autograde", sheet)
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        for sheet in SHEETS:
            stars = [title.count("★") for title in exercises(sheet)]
            marks = {
                student: gradebook.find_submission(sheet, student).score
                for student in ("right", "wrong", "first")
            }
            assert marks == {"right": sum(stars), "wrong": 0, "first": stars[0]}, sheet
