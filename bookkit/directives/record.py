"""The learner's record on built pages: how its parts look, and the account server, if any.

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

# What keeps a record, or shows one.
KINDS = (prediction, skill_check, notes, progress, practice, keeping)


def load(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Give pages that hold a part of the record what it needs, and no others."""
    if not doctree or not any(doctree.next_node(kind) for kind in KINDS):
        return
    app.add_css_file("record.css")
    if app.config.account_server:
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
