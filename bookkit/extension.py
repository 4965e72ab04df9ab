"""The Sphinx extension: every part of the machinery, and in which order it does what to a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bookkit import execution, finish, formulas, numbering, scripts
from bookkit.directives import (
    claims,
    exercises,
    explorers,
    lesson,
    notes,
    practice,
    predict,
    progress,
    record,
    references,
    schematic,
    scorecard,
    skillcheck,
)
from bookkit.editions import launch, lite, notebooks
from bookkit.finish import theme

if TYPE_CHECKING:
    from collections.abc import Callable

    from sphinx.application import Sphinx

# What each part adds of its own: nodes, directives, roles, settings.
PARTS = (
    execution,
    theme,
    scripts,
    formulas,
    claims,
    predict,
    lesson,
    record,
    skillcheck,
    notes,
    progress,
    practice,
    launch,
    lite,
    references,
    schematic,
    scorecard,
    finish,
)

# What happens to a page and when, from its settings to the finished site. The number is Sphinx's
# priority: 400 is before other extensions, 500 among them, 900 after them.
ORDER: dict[str, tuple[int, tuple[Callable[..., Any], ...]]] = {
    "config-inited": (400, (launch.settle, record.check, theme.use_templates)),
    "env-purge-doc": (500, (explorers.forget,)),
    "env-merge-info": (500, (explorers.merge,)),
    # What is changed here is not kept for the next build.
    "env-check-consistency": (500, (numbering.by_page,)),
    "doctree-read": (500, (exercises.fold, explorers.place_explorers)),
    "doctree-resolved": (
        900,
        (
            claims.link_claims,
            lesson.fill,
            progress.fill,
            references.fill,
            notebooks.write,
        ),
    ),
    "html-page-context": (
        900,
        (
            explorers.load_on_page,
            record.load,
            skillcheck.write_questions,
            theme.drop_pagename,
            theme.defer_scripts,
            theme.describe,
        ),
    ),
    "build-finished": (900, (finish.finish,)),
}


def setup(app: Sphinx) -> dict[str, bool]:
    """Register every part, then the order."""
    for part in PARTS:
        part.setup(app)
    for event, (priority, handlers) in ORDER.items():
        for handler in handlers:
            app.connect(event, handler, priority=priority)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
