"""The machinery that makes the book of ``book/``, ``lessons/`` and ``exercises/``.

``extension.py`` is what Sphinx loads; `directives` are what pages may say, `finish` what is done to
the finished site, `editions` the notebooks and what runs them, `commands` what ``make`` calls.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
