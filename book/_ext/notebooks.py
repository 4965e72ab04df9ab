"""Notebooks made of exercise sheets: the learner's with the site, the instructor's as a course.

The instructor's notebook holds the solutions between nbgrader's marks and says what each check is
worth, a point a star; ``nbgrader generate_assignment`` makes the learner's of it, and so does
`learners` here. It lies where nbgrader looks for it: ``_build/course/source/NAME/NAME.ipynb``.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import nbformat
from docutils import nodes
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from markdown import Markdown, elsewhere

if TYPE_CHECKING:
    from nbformat import NotebookNode
    from sphinx.application import Sphinx

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
STUB = "# Replace the dots, or work in lines below and assign it there."
SOLVED = re.compile(rf"{BEGIN}\n.*?{END}", re.DOTALL)
KERNEL = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
CONFIG = f'''"""nbgrader's settings for this course: what stands where a solution was."""

c = get_config()  # noqa: F821
c.ClearSolutions.code_stub = {{"python": "{STUB}"}}
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
            cell.metadata["nbgrader"] = _marks(f"{name}-{number}-check", points=stars)
            answer = None
    tell()
    return new_notebook(cells=cells, metadata=KERNEL)


def learners(notebook: NotebookNode) -> NotebookNode:
    """Return an instructor's notebook without its solutions."""
    copy = nbformat.from_dict(notebook)
    for cell in copy.cells:
        cell.source = SOLVED.sub(STUB, cell.source)
    return copy


def write(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Write both editions of a sheet, and link the learner's from its page."""
    folder, _, name = docname.rpartition("/")
    if folder != "exercises" or app.builder.format != "html":
        return
    page = app.builder.get_target_uri(docname)
    markdown = Markdown(elsewhere(app.config.html_baseurl, page))
    notebook = instructors(doctree, name, markdown)
    site = Path(app.outdir)
    course = site.parent / "course"
    _save(course / "source" / name / f"{name}.ipynb", notebook)
    (course / "nbgrader_config.py").write_text(CONFIG, "utf-8")
    handout = PurePosixPath("notebooks", "exercises", f"{name}.ipynb")
    _save(site / handout, learners(notebook))
    _offer(doctree, f"../{handout}")


def _offer(doctree: nodes.document, link: str) -> None:
    """Say under the title where the notebook is."""
    title = next(doctree.findall(nodes.title))
    words = nodes.reference("", "Download this sheet as a notebook", refuri=link)
    title.parent.insert(1, nodes.paragraph("", "", words, classes=["sheet-notebook"]))


def _flat(doctree: nodes.Element, level: int = 1) -> list[tuple[int, nodes.Element]]:
    """Return the blocks of all sections in their order, each with the level of its headings."""
    found: list[tuple[int, nodes.Element]] = []
    for child in doctree.children:
        if isinstance(child, nodes.section):
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


def _marks(grade_id: str, *, solution: bool = False, points: int | None = None) -> dict[str, Any]:
    marks = {"schema_version": 3, "grade_id": grade_id, "task": False, "solution": solution}
    graded = points is not None
    return marks | {"grade": graded, "locked": graded} | ({"points": points} if graded else {})


def _save(path: Path, notebook: NotebookNode) -> None:
    nbformat.validate(notebook)
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)


def setup(app: Sphinx) -> dict[str, bool]:
    """Write once a page is resolved."""
    app.connect("doctree-resolved", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
