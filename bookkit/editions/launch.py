"""Where a page's notebook opens: one setting, ``repository``, names where it is published from.

It is ``owner/name``, or empty. The publish workflow sets it by ``BOOK_REPOSITORY`` to its own, so a
fork's pages lead to the fork: its site, and the notebooks on its branch ``notebooks``, which
``bookkit/commands/branch.py`` makes.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from sphinx.errors import ConfigError

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.config import Config

BRANCH = "notebooks"
REPOSITORY = re.compile(r"(?P<owner>[A-Za-z0-9-]+)/(?P<name>[\w.-]+)")


def site(repository: str) -> str:
    """Return the address of the pages that a repository publishes."""
    found = REPOSITORY.fullmatch(repository)
    if not found:
        raise ConfigError(f"repository must be owner/name, got {repository!r}")
    owner, name = found["owner"].lower(), found["name"]
    return f"https://{owner}.github.io/" + ("" if name == f"{owner}.github.io" else f"{name}/")


def places(repository: str, notebook: str) -> dict[str, str]:
    """Return where a notebook of the branch opens, by the name of the service."""
    return {
        "Colab": f"https://colab.research.google.com/github/{repository}/blob/{BRANCH}/{notebook}",
        "Binder": f"https://mybinder.org/v2/gh/{repository}/{BRANCH}"
        f"?urlpath={quote(f'lab/tree/{notebook}', safe='')}",
    }


def settle(app: Sphinx, config: Config) -> None:
    """Take the repository from the workflow, and the site from the repository."""
    config.repository = os.environ.get("BOOK_REPOSITORY", "") or config.repository
    if config.repository:
        config.html_baseurl = config.html_baseurl or site(config.repository)


def setup(app: Sphinx) -> None:
    """Register the setting."""
    app.add_config_value("repository", "", "env", str)
