"""The learner's record on built pages: which scripts a page loads, and the account server, if any.

``account_server`` in ``_config.yml`` is the address of one (``bookkit/accounts``). Without it a
page holds no address, and no request leaves it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sphinx.errors import ConfigError

from bookkit.directives.notes import notes
from bookkit.directives.practice import keeping, practice
from bookkit.directives.predict import prediction
from bookkit.directives.progress import progress
from bookkit.directives.skillcheck import skill_check

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.config import Config

FOLDER = "record"


# Which nodes need which script.
SCRIPTS = {
    "predict.js": prediction,
    "skillcheck.js": skill_check,
    "notes.js": notes,
    "progress.js": progress,
    "practice.js": practice,
    "keeping.js": keeping,
}


def load(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Load the scripts of what a page holds, and no other."""
    needed = [name for name, kind in SCRIPTS.items() if doctree and doctree.next_node(kind)]
    for name in needed:
        app.add_js_file(f"{FOLDER}/{name}", type="module")
    if needed:
        app.add_css_file("record.css")
    if needed and app.config.account_server:
        app.add_js_file(f"{FOLDER}/account.js", type="module")
        server = f'<meta name="account-server" content="{app.config.account_server}" />'
        context["metatags"] = f"{context.get('metatags', '')}\n{server}"


def check(app: Sphinx, config: Config) -> None:
    """Refuse an address that is not one, or one that sends passwords in clear text."""
    address = config.account_server
    if not address:
        return
    parts = urlsplit(address)
    local = parts.hostname in ("localhost", "127.0.0.1")
    if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and local)):
        raise ConfigError(
            f"account_server must be an https address, or http on this machine, got {address!r}"
        )
    config.account_server = address.rstrip("/")


def setup(app: Sphinx) -> None:
    """Register the setting."""
    app.add_config_value("account_server", "", "html", str)
