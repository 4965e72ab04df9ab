"""Write what Sphinx has read as Markdown that any Jupyter renders."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import urljoin

from docutils import nodes

Address = Callable[[str], str | None]


class Markdown:
    """Markdown of resolved nodes; ``address`` makes a link on the page one that works elsewhere.

    ``numbers`` are those that the page gives to equations and figures, by their identifiers.
    """

    def __init__(self, address: Address, numbers: Mapping[str, str] | None = None) -> None:
        self.address = address
        self.numbers = numbers or {}

    def block(self, node: nodes.Node, level: int = 1) -> str:
        """Return one block; ``level`` is that of the headings next in it."""
        write = getattr(self, f"_{type(node).__name__}", None)
        if write is None:
            raise NotImplementedError(
                f"no Markdown for {type(node).__name__}: {node.astext()[:60]!r}"
            )
        return write(node, level).strip("\n")

    def blocks(self, children: Iterable[nodes.Node], level: int = 1) -> str:
        """Return blocks one after another, those that leave nothing left out."""
        return "\n\n".join(filter(None, (self.block(child, level) for child in children)))

    def inline(self, node: nodes.Node) -> str:
        """Return the text of a node with its emphasis, links and mathematics."""
        if isinstance(node, nodes.Text):
            return re.sub(r"([\\*_`<$])", r"\\\1", str(node)).replace("\n", " ")
        inner = "".join(self.inline(child) for child in node.children)
        match type(node).__name__:
            case "strong":
                return f"**{inner}**"
            case "emphasis":
                return f"*{inner}*"
            case "literal":
                return f"`{node.astext()}`"
            case "math":
                return f"${node.astext()}$"
            case "reference":
                link = self.address(node["refuri"]) if "refuri" in node else None
                return f"[{inner}]({link})" if link else inner
            case "target" | "comment" | "meta" | "raw":
                return ""
        return inner

    def _paragraph(self, node: nodes.Element, _: int) -> str:
        return "".join(self.inline(child) for child in node.children)

    _caption = _rubric = _lesson_facts = _paragraph

    def _section(self, node: nodes.Element, level: int) -> str:
        return self.blocks(node.children, level + 1)

    def _title(self, node: nodes.Element, level: int) -> str:
        return f"{'#' * (level - 1)} {self._paragraph(node, level)}"

    def _container(self, node: nodes.Element, level: int) -> str:
        return self.blocks(node.children, level)

    def _bullet_list(self, node: nodes.Element, level: int) -> str:
        return "\n".join(self._item(item, "- ", level) for item in node.children)

    def _enumerated_list(self, node: nodes.Element, level: int) -> str:
        first = node.get("start", 1)
        if node.get("enumtype") == "upperalpha":
            return "\n".join(
                self._item(item, f"- {chr(65 + n)}. ", level)
                for n, item in enumerate(node.children)
            )
        return "\n".join(
            self._item(item, f"{number}. ", level)
            for number, item in enumerate(node.children, first)
        )

    def _item(self, item: nodes.Node, mark: str, level: int) -> str:
        lines = self.blocks(item.children, level).split("\n")
        return mark + "\n".join(
            [lines[0], *(f"{' ' * len(mark)}{line}".rstrip() for line in lines[1:])]
        )

    def _figure(self, node: nodes.Element, level: int) -> str:
        said = [self._paragraph(part, level) for part in node.findall(nodes.caption)]
        drawn = f"\n\n*In the picture: {node['alt']}*" if node.get("alt") else ""
        return f"**Fig. {self._number(node)}** {' '.join(said)}{drawn}"

    def _number(self, node: nodes.Element) -> str:
        return next((self.numbers[name] for name in node["ids"] if name in self.numbers), "")

    def _table(self, node: nodes.Element, level: int) -> str:
        rows = [
            [self.blocks(entry.children, level).replace("|", r"\|") for entry in row.children]
            for row in node.findall(nodes.row)
        ]
        rows.insert(1, ["---"] * len(rows[0]))
        return "\n".join(f"| {' | '.join(row)} |" for row in rows)

    def _math_block(self, node: nodes.Element, _: int) -> str:
        number = self._number(node) and f" \\tag{{{self._number(node)}}}"
        return f"$$\n{node.astext().strip()}{number}\n$$"

    def _literal_block(self, node: nodes.Element, _: int) -> str:
        return f"```{node.get('language', '')}\n{node.astext()}\n```"

    def _block_quote(self, node: nodes.Element, level: int) -> str:
        return "\n".join(
            f"> {line}".rstrip() for line in self.blocks(node.children, level).split("\n")
        )

    def _dropdown_main(self, node: nodes.Element, level: int) -> str:
        title, *rest = node.children
        said = "".join(self.inline(child) for child in title.children).strip()
        return self._fold(said, rest, level)

    def _prediction(self, node: nodes.Element, level: int) -> str:
        question, *rest = node.children
        return (
            f"**Predict first.** {self._paragraph(question, level)}\n\n{self.blocks(rest, level)}"
        )

    def _prediction_answer(self, node: nodes.Element, level: int) -> str:
        return self._fold("I have committed to an answer: show it", node.children, level)

    def _skill_question(self, node: nodes.Element, level: int) -> str:
        return f"**Question {node['number']}.** {self.blocks(node.children, level)}"

    def _skill_answer(self, node: nodes.Element, level: int) -> str:
        return self._fold(f"Answer to question {node['number']}", node.children, level)

    def _fold(self, title: str, inside: Iterable[nodes.Node], level: int) -> str:
        return (
            f"<details>\n<summary>{title}</summary>\n\n{self.blocks(inside, level)}\n\n</details>"
        )

    def _nothing(self, *_: object) -> str:
        return ""

    _target = _comment = _meta = _raw = _notes = _prediction_truth = _nothing
    _skill_check = _container


def elsewhere(site: str, page: str) -> Address:
    """Return how links on a page of the site are written outside it; without a site, only its own.

    Parameters
    ----------
    site : str
        Address of the published site, or nothing.
    page : str
        Address of the page below it.
    """

    def address(link: str) -> str | None:
        if re.match(r"[a-z]+:", link):
            return link
        return urljoin(urljoin(site, page), link) if site else None

    return address
