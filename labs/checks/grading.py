"""What nbgrader's autograde does besides, so that a mark says what the check said.

Both functions are preprocessors of nbconvert, named in the course's ``nbgrader_config.py`` around
nbgrader's own ``Execute``. A submission that they refuse is reported as
failed and has no mark, where nbgrader alone would have given 0.
"""

from typing import Any

from labs.checks.versions import version

METADATA = "serving_labs"
PROBE = "labs-probe"

# What a check cell may end in for a reason of the learner's: a wrong or a missing answer, and one
# that did not return. Anything else, a missing check to begin with, is the grader's to mend.
LEARNERS = ("AnswerError", "NameError", "CellTimeoutError", "KeyboardInterrupt", "SystemExit")


class GraderError(RuntimeError):
    """A submission that cannot be marked here, which is no fault of who handed it in."""


def prepare(notebook: Any, resources: Any) -> tuple[Any, Any]:
    """Have the kernel say first, before any cell of the learner's, whether its ``labs`` will do.

    Parameters
    ----------
    notebook : NotebookNode
        The submission, its locked cells restored.
    resources : dict
        Of the conversion, handed on.

    Returns
    -------
    notebook, resources
        With the probe as first cell; without tags, one of which would keep a check from running
        and so earn its points.

    Examples
    --------
    >>> from nbformat.v4 import new_notebook
    >>> notebook, _ = prepare(new_notebook(metadata={METADATA: "0.1.0"}), {})
    >>> print(notebook.cells[0].source)
    from labs.checks import versions
    versions.require('0.1.0')
    """
    from nbformat.v4 import new_code_cell

    for cell in notebook.cells:
        cell.metadata.pop("tags", None)
    made_with = notebook.metadata.get(METADATA, version())
    source = f"from labs.checks import versions\nversions.require({str(made_with)!r})"
    notebook.cells.insert(0, new_code_cell(source, id=PROBE))  # type: ignore[no-untyped-call]
    return notebook, resources


def settle(notebook: Any, resources: Any) -> tuple[Any, Any]:
    """Refuse a submission whose checks could not be asked, and fail a check that said nothing.

    Parameters
    ----------
    notebook : NotebookNode
        What `prepare` returned, executed.
    resources : dict
        Of the conversion, handed on.

    Returns
    -------
    notebook, resources
        Without the probe, and beside a pass without what the learner's function wrote to stderr,
        which nbgrader takes for an error.

    Raises
    ------
    GraderError
        If the kernel has another ``labs`` than the sheet was made with, or lacks a check.

    Examples
    --------
    >>> from nbformat.v4 import new_notebook
    >>> settle(*prepare(new_notebook(), {}))[0].cells
    []
    """
    probe = notebook.cells.pop(0)
    for problem in _errors(probe):
        raise _refused(resources, problem)
    for cell in notebook.cells:
        if cell.cell_type == "code" and cell.metadata.get("nbgrader", {}).get("grade"):
            for problem in _errors(cell):
                if problem.ename not in LEARNERS:
                    raise _refused(resources, problem)
            if _errors(cell):
                continue
            if any(map(_passes, cell.outputs)):
                cell.outputs = list(filter(_passes, cell.outputs))
            else:
                cell.outputs.append(_unasked())
    return notebook, resources


def _errors(cell: Any) -> list[Any]:
    return [one for one in cell.get("outputs", ()) if one.output_type == "error"]


def _passes(output: Any) -> bool:
    """Say whether an output has a check's pass, among whatever the learner's function prints."""
    written = output.output_type == "stream" and output.name == "stdout"
    return written and any(line.startswith("PASS") for line in output.text.splitlines())


def _unasked() -> Any:
    """Return the error of a check that was not asked: no output is full marks to nbgrader."""
    from nbformat.v4 import new_output

    said = "the check printed no PASS"
    return new_output(  # type: ignore[no-untyped-call]
        "error", ename="AnswerError", evalue=said, traceback=[f"FAIL  {said}"]
    )


def _refused(resources: Any, problem: Any) -> GraderError:
    """Take a submission without marks out of the gradebook again, and return why."""
    from nbgrader.api import Gradebook, MissingEntry  # type: ignore[import-untyped]

    about = resources["nbgrader"]
    with Gradebook(about["db_url"]) as gradebook:
        try:
            found = gradebook.find_submission(about["assignment"], about["student"])
        except MissingEntry:
            found = None
        if found and all(
            grade.auto_score is None and grade.manual_score is None
            for book in found.notebooks
            for grade in book.grades
        ):
            gradebook.remove_submission(about["assignment"], about["student"])
    return GraderError(
        f"not marked: {about['notebook']} of {about['student']}: {problem.ename}: {problem.evalue}"
    )
