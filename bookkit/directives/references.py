"""``{references}``: the works a page cites, in order, as the bibliography prints them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from docutils import nodes
from pybtex.backends import plaintext
from pybtex.plugin import register_plugin
from sphinx.util.docutils import SphinxDirective
from sphinxcontrib.bibtex.domain import BibtexDomain

if TYPE_CHECKING:
    from sphinx.application import Sphinx


class references(nodes.General, nodes.Element):  # noqa: N801
    """Filled in once every page has been read."""


class References(SphinxDirective):
    """Takes no argument: what is cited above it is what it lists."""

    option_spec: ClassVar[dict[str, object]] = {}

    def run(self) -> list[nodes.Node]:
        """Return the list to be filled."""
        return [references()]


def fill(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """List the entries in the order of their first citation."""
    lists = list(doctree.findall(references))
    if not lists:
        return
    domain = app.env.get_domain("cite")
    assert isinstance(domain, BibtexDomain)  # noqa: S101
    cited = (ref for ref in domain.citation_refs if ref.docname == docname)
    keys = dict.fromkeys(target.key for ref in cited for target in ref.targets)
    known = {citation.key: citation for citation in domain.citations}
    items = nodes.bullet_list(classes=["references"])
    items += [
        nodes.list_item("", domain.backend.paragraph(known[key].formatted_entry)) for key in keys
    ]
    for place in lists:
        place.replace_self(items.deepcopy())


def setup(app: Sphinx) -> None:
    """Register the directive."""
    # It is looked for among all that is installed for each citation of the book.
    register_plugin("pybtex.backends", "plaintext", plaintext.Backend, force=True)
    app.add_directive("references", References)
    app.add_node(references)
