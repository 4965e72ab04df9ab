"""The pages of a lesson: what it teaches and, where one page is too long, what production takes.

``lessons/batching-production.md`` is no lesson of its own: it goes on with ``lessons/batching.md``,
and what readers answer, predict and note on either is kept under that name.
"""

from __future__ import annotations

from pathlib import PurePosixPath

FOLDER = "lessons/"
SECOND = "-production"


def lesson_of(page: str) -> str:
    """Return the name of the lesson or sheet that a page belongs to.

    Examples
    --------
    >>> lesson_of("lessons/batching-production"), lesson_of("exercises/batching")
    ('batching', 'batching')
    """
    return PurePosixPath(page).name.removesuffix(SECOND)


def goes_on(page: str) -> bool:
    """Return whether a page is the second of a lesson."""
    return page.startswith(FOLDER) and page.endswith(SECOND)
