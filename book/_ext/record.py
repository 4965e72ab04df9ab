"""The learner's record on built pages: how its parts look, and the account server, if any.

``account_server`` in ``_config.yml`` is the address of one (``book/accounts``). Without it a page
holds no address, and no request leaves it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sphinx.errors import ConfigError

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.application import Sphinx
    from sphinx.config import Config


def dress(app: Sphinx, kind: type[nodes.Node]) -> None:
    """Give pages that hold a node of this kind, and no other, what parts of the record need."""

    def load(
        app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
    ) -> None:
        if doctree is not None and doctree.next_node(kind):
            app.add_css_file("record.css")
            if app.config.account_server:
                server = f'<meta name="account-server" content="{app.config.account_server}" />'
                if server not in context.get("metatags", ""):
                    context["metatags"] = f"{context.get('metatags', '')}\n{server}"

    app.connect("html-page-context", load)


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


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the setting."""
    app.setup_extension("scripts")
    app.add_config_value("account_server", "", "html", str)
    app.connect("config-inited", check)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
