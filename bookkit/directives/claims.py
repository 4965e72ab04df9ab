"""Published figures: ``{claim}`` quotes one of book/claims.yml, ``{claims}`` lists them all."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from docutils import nodes
from sphinx.errors import SphinxError
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective, SphinxRole

from bookkit import records

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

FILE = "book/claims.yml"
PAGE = "book/claims"
GLUED_UNITS = ("", "×", "%")

logger = logging.getLogger(__name__)


class ClaimError(SphinxError):
    """The file of claims is malformed."""

    category = "Claims"


@dataclass(frozen=True)
class Claim:
    """One published figure: its value as printed, and where and under which conditions."""

    what: str
    value: float | str | list[float]
    source: str
    where: str
    year: int
    conditions: str
    unit: str = ""
    note: str = ""
    recompute: str = ""
    tolerance: float = 0.0
    line: int = 0

    def __str__(self) -> str:
        if isinstance(self.value, str):
            value = self.value
        else:
            several = self.value if isinstance(self.value, list) else [self.value]
            value = ", ".join(f"{one:,}" for one in several)
        return value + ("" if self.unit in GLUED_UNITS else "\N{NO-BREAK SPACE}") + self.unit


def load(path: Path) -> dict[str, Claim]:
    """Return the claims of a file by name.

    Raises
    ------
    ClaimError
        If it is malformed: a line a problem, with file, line and the valid keys.
    """
    try:
        root = records.compose(path)
    except records.RecordError as error:
        raise ClaimError(str(error)) from None
    entries = root.value if root else []
    wrong, names = [], [key.value for key, _ in entries]
    for key, node in entries:
        wrong += records.problems(path, key.value, node, Claim, given=("line",))
        if names.count(key.value) > 1:
            wrong.append(f"{path}:{records.line(key)}: {key.value}: defined twice")
    if wrong:
        raise ClaimError("\n".join(wrong))
    return {
        key.value: Claim(**records.value(node), line=records.line(key)) for key, node in entries
    }


def claims_of(env: BuildEnvironment) -> dict[str, Claim]:
    """Return the book's claims, and have the page being read rebuilt when they change."""
    path = Path(env.srcdir, FILE)
    env.note_dependency(str(path))
    return _unchanged(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=1)
def _unchanged(path: Path, modified: int) -> dict[str, Claim]:
    """Load the claims once, not once for each figure that a page quotes."""
    return load(path)


class ClaimRole(SphinxRole):
    """Show a figure, linked to its record."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the link, or warn of a claim that is not on file."""
        claims = claims_of(self.env)
        if self.text not in claims:
            logger.warning(
                "unknown claim: %s is not in %s", self.text, FILE, location=self.get_location()
            )
            return [nodes.literal(text=self.text)], []
        claim = claims[self.text]
        link = nodes.reference("", str(claim), internal=True, classes=["claim"])
        link["claim"] = self.text
        link["reftitle"] = f"{claim.what}; {claim.where} ({claim.year})"
        return [link], []


class ClaimList(SphinxDirective):
    """List every claim with its source, conditions and how it is recomputed."""

    def run(self) -> list[nodes.Node]:
        """Return one record a claim, each with an anchor of its own."""
        records: list[nodes.Node] = []
        for name, claim in claims_of(self.env).items():
            text = (
                f"**{claim}** {claim.what}. {{cite:t}}`{claim.source}`, {claim.where}.\n\n"
                f"{claim.conditions}"
            )
            if claim.note:
                text += f"\n\n*Note:* {claim.note}"
            if claim.recompute:
                text += f"\n\nRecomputed by every build: `{claim.recompute}`"
            record = nodes.container(ids=[f"claim-{name}"], classes=["claim-record"])
            record += self.parse_text_to_nodes(text)
            records.append(record)
        return records


def link_claims(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Point each quoted claim at its record, relative to the page it is quoted on."""
    for link in doctree.findall(nodes.reference):
        if "claim" in link:
            page = app.builder.get_relative_uri(docname, PAGE)
            link["refuri"] = f"{page}#claim-{link['claim']}"


def setup(app: Sphinx) -> None:
    """Register the role and the directive."""
    app.add_role("claim", ClaimRole())
    app.add_directive("claims", ClaimList)
