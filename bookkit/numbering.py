"""Figures and tables are numbered from 1 on every page, as formulas are."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment


def by_page(app: Sphinx, env: BuildEnvironment) -> None:
    """Number anew what Sphinx has numbered through the book; what it keeps stays as it was."""
    env.toc_fignumbers = {
        page: {
            kind: {
                label: (place,)
                for place, label in enumerate(sorted(numbers, key=numbers.__getitem__), 1)
            }
            for kind, numbers in kinds.items()
        }
        for page, kinds in env.toc_fignumbers.items()
    }
