"""Notebooks made of lessons and exercise sheets, which any Jupyter reads.

A lesson's has its cells, those included that the page hides because they only quote numbers, and
no outputs. Of a sheet there are two: the learner's with the site, the instructor's as a course. The
instructor's notebook holds the solutions between nbgrader's marks and says what each check is
worth, a point a star; ``nbgrader generate_assignment`` makes the learner's of it, and so does
`learners` here. It lies where nbgrader looks for it: ``_build/course/source/NAME/NAME.ipynb``.

The two differ in one cell more: a FAIL tells those who study by themselves what was expected, and
what is handed out names the ``labs`` that it was made with. What a sheet gives and what checks an
answer is locked, so that nbgrader restores it before it marks.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import nbformat
from docutils import nodes
from myst_nb.core.read import read_myst_markdown_notebook
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from bookkit.directives.predict import prediction_rest
from bookkit.editions import installation, launch, lite, wheels
from bookkit.editions.markdown import Markdown, elsewhere

if TYPE_CHECKING:
    from nbformat import NotebookNode
    from sphinx.application import Sphinx

# What labs.checks.grading knows: where a sheet says which labs it was made with, and what nbgrader
# runs around its own preprocessors.
METADATA = "serving_labs"
PREPROCESSORS = (
    "labs.checks.grading.prepare",
    "nbgrader.preprocessors.Execute",
    "labs.checks.grading.settle",
    "nbgrader.preprocessors.IgnorePattern",
    "nbconvert.preprocessors.ClearMetadataPreprocessor",
    "nbgrader.preprocessors.LimitOutput",
    "nbgrader.preprocessors.SaveAutoGrades",
    "nbgrader.preprocessors.AssignLatePenalties",
    "nbgrader.preprocessors.CheckCellMetadata",
)
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
STUB = "# Replace the dots, or work in lines below and assign it there."
SOLVED = re.compile(rf"{BEGIN}\n.*?{END}", re.DOTALL)
KERNEL = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
REVEAL = """\
# A FAIL also says what was expected. Take this away to be told of the slip alone.
from labs.checks import reveal

reveal()"""
REQUIRE = """\
# Says so where another labs is installed than that of {wheel}, with which this sheet was made.
from labs.checks import versions

versions.require("{version}")"""
CONFIG = f'''"""nbgrader's settings for this course."""

c = get_config()  # noqa: F821

# What stands where a solution was.
c.ClearSolutions.code_stub = {{"python": "{STUB}"}}

# A check that was deleted comes back; one that this machine's labs does not know, or another labs
# than the sheet was made with, is an error of autograde and no mark of 0.
c.OverwriteCells.add_missing_cells = True
c.Autograde.autograde_preprocessors = [
{"".join(f'    "{one}",{chr(10)}' for one in PREPROCESSORS)}]
'''


def instructors(doctree: nodes.document, name: str, markdown: Markdown) -> NotebookNode:
    """Return a sheet as a notebook with its solutions and nbgrader's marks.

    Raises
    ------
    ValueError
        If a solution is not followed by the check of what it assigns, or a check stands alone.
    """
    cells: list[NotebookNode] = []
    prose: list[str] = []
    answer: NotebookNode | None = None
    number, stars = "", 0

    def tell() -> None:
        if prose:
            cells.append(new_markdown_cell("\n\n".join(prose), id=f"{name}-{len(cells)}"))
            prose.clear()

    for level, node in _flat(doctree):
        if isinstance(node, nodes.title) and (found := re.match(r"(\d+) (★+) ", node.astext())):
            number, stars = found[1], len(found[2])
        if node.get("nb_element") != "cell_code":
            prose.extend(filter(None, [markdown.block(node, level)]))
            continue
        tell()
        source = next(node.findall(nodes.literal_block)).astext()
        cell = new_code_cell(source, id=f"{name}-{len(cells)}")
        cells.append(cell)
        if not {"tag_solution", "tag_check"} & set(node["classes"]):
            place = f"{name}-{number}-given" if number else f"{name}-start"
            count = sum(
                one.metadata.get("nbgrader", {}).get("grade_id", "").startswith(place)
                for one in cells
            )
            cell.metadata["nbgrader"] = _marks(f"{place}-{count}" if count else place, locked=True)
        if "tag_solution" in node["classes"]:
            if answer is not None:
                raise ValueError(f"{name}: exercise {number} has two solutions")
            answer = cell
            cell.metadata["nbgrader"] = _marks(f"{name}-{number}-answer", solution=True)
        if "tag_check" in node["classes"]:
            if answer is None:
                raise ValueError(f"{name}: the check of exercise {number} follows no solution")
            given = f"{_checked(source)} = ...\n"
            answer.source = f"{given}{BEGIN}\n{answer.source}\n{END}"
            # Its own import: whatever the name stands for by now, nbgrader restores this cell.
            cell.source = f"from labs.checks import {name} as check\n\n{source}"
            cell.metadata["nbgrader"] = _marks(f"{name}-{number}-check", points=stars)
            answer = None
    tell()
    own = new_code_cell(
        REQUIRE.format(version=wheels.made_with(), wheel=wheels.name()), id=f"{name}-labs"
    )
    own.metadata["nbgrader"] = _marks(f"{name}-labs", locked=True)
    return new_notebook(cells=[own, *cells], metadata=KERNEL | {METADATA: wheels.made_with()})


def learners(notebook: NotebookNode) -> NotebookNode:
    """Return an instructor's notebook without its solutions, for those who study by themselves."""
    copy = nbformat.from_dict(notebook)
    for cell in copy.cells:
        cell.source = SOLVED.sub(STUB, cell.source)
        if cell.metadata.get("nbgrader", {}).get("grade_id", "").endswith("-labs"):
            cell.source = REVEAL
            del cell.metadata["nbgrader"]
    return copy


def lessons(doctree: nodes.document, source: NotebookNode, name: str, markdown: Markdown) -> Any:
    """Return a lesson as a notebook: its prose as the page has it, its cells as the source does.

    Parameters
    ----------
    doctree : nodes.document
        The page, resolved; cells that it hides have left it.
    source : NotebookNode
        The lesson as it was written, with every cell.
    """
    waiting = [cell for cell in source.cells if cell.cell_type == "code"]
    cells: list[NotebookNode] = []
    prose: list[str] = []

    def tell() -> None:
        if prose:
            cells.append(new_markdown_cell("\n\n".join(prose)))
            prose.clear()

    def run_up_to(shown: str | None) -> None:
        while waiting:
            cell = waiting.pop(0)
            tags = cell.metadata.get("tags", [])
            hidden = {"remove-cell", "hide-input", "remove-input"} & set(tags)
            about = {"jupyter": {"source_hidden": True}} if hidden else {}
            cells.append(new_code_cell(cell.source, metadata=about))
            if cell.source.strip() == shown:
                return

    for level, node in _flat(doctree):
        if node.get("nb_element") != "cell_code":
            prose.extend(filter(None, [markdown.block(node, level)]))
            continue
        tell()
        run_up_to(next(node.findall(nodes.literal_block)).astext().strip())
        prose.extend(markdown.block(figure, level) for figure in node.findall(nodes.figure))
    tell()
    run_up_to(None)
    for n, cell in enumerate(cells):
        cell.id = f"{name}-{n}"
    return new_notebook(cells=cells, metadata=KERNEL)


def write(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Write the notebooks of a lesson or a sheet, and link the learner's from its page."""
    folder, _, name = docname.rpartition("/")
    if folder not in ("lessons", "exercises") or app.builder.format != "html":
        return
    page = app.builder.get_target_uri(docname)
    markdown = Markdown(elsewhere(app.config.html_baseurl, page), numbers(app, docname))
    site = Path(app.outdir)
    first = new_code_cell(
        installation.cell(app.config.html_baseurl),
        id=f"{name}-install",
        metadata={"jupyter": {"source_hidden": True}},
    )
    if folder == "lessons":
        path = Path(app.env.doc2path(docname))
        source = read_myst_markdown_notebook(path.read_text("utf-8"), path=path)
        notebook = lessons(doctree, source, name, markdown)
        notebook.cells.insert(0, first)
    else:
        course = site.parent / "course"
        whole = instructors(doctree, name, markdown)
        whole.cells.insert(0, first)
        _save(course / "source" / name / f"{name}.ipynb", whole)
        (course / "nbgrader_config.py").write_text(CONFIG, "utf-8")
        notebook = learners(whole)
    place = PurePosixPath(folder, f"{name}.ipynb")
    _save(site / "notebooks" / place, notebook)
    links = launch.places(app.config.repository, str(place)) if app.config.repository else {}
    if app.config.jupyterlite:
        links = {"JupyterLite": f"../{lite.FOLDER}/lab/index.html?path={place}", **links}
    links["Download"] = f"../notebooks/{place}"
    if not app.config.html_baseurl:
        links["labs to put beside it"] = f"../{wheels.FOLDER}/{quote(wheels.name())}"
    _offer(doctree, links)


def numbers(app: Sphinx, docname: str) -> dict[str, str]:
    """Return the numbers of a page's equations and figures by their identifiers."""
    kinds = app.env.toc_fignumbers.get(docname, {})
    return {
        name: ".".join(map(str, number))
        for kind in ("displaymath", "figure")
        for name, number in kinds.get(kind, {}).items()
    }


def _offer(doctree: nodes.document, links: dict[str, str]) -> None:
    """Say under the title where the notebook opens."""
    title = next(doctree.findall(nodes.title))
    said = nodes.paragraph("", "This page as a notebook: ", classes=["page-notebook"])
    for n, (place, link) in enumerate(links.items()):
        said += [nodes.Text(" · ")] if n else []
        said += nodes.reference("", place, refuri=link)
    said += nodes.Text(f" · Version {wheels.version()}")
    title.parent.insert(1, said)


def _flat(doctree: nodes.Element, level: int = 1) -> list[tuple[int, nodes.Element]]:
    """Return the blocks of all sections in their order, each with the level of its headings."""
    found: list[tuple[int, nodes.Element]] = []
    for child in doctree.children:
        if isinstance(child, prediction_rest):
            found += _flat(child, level)
        elif isinstance(child, nodes.section):
            found += _flat(child, level + 1)
        else:
            found.append((level, child))
    return found


def _checked(source: str) -> str:
    """Return the variable that a check reads: the first argument of the first call in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Name):
            return node.args[0].id
    raise ValueError(f"a check takes the answer's variable first: {source!r}")


def _marks(
    grade_id: str, *, solution: bool = False, locked: bool = False, points: int | None = None
) -> dict[str, Any]:
    marks = {"schema_version": 3, "grade_id": grade_id, "task": False, "solution": solution}
    graded = points is not None
    marks |= {"grade": graded, "locked": locked or graded}
    return marks | ({"points": points} if graded else {})


def _save(path: Path, notebook: NotebookNode) -> None:
    nbformat.validate(notebook)
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
