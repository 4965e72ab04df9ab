"""Ship what the pages use: one style sheet of the rules that apply, and a font of those icons.

The theme's style sheets hold Bootstrap and two thousand icons, nine tenths of them unused, in a
dozen files each of which a phone waits for before it draws.
"""

from __future__ import annotations

import hashlib
import logging
import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING

import tinycss2
from fontTools import subset
from fontTools.ttLib import TTFont

if TYPE_CHECKING:
    from bookkit.site import Site

BUNDLE = "book.css"
LINK = re.compile(
    r"\s*<link [^>]*?href=\"(?P<root>(?:\.\./)*)_static/(?P<file>[^\"?]+\.css)[^\"]*\"[^>]*?/>"
)
WORD = re.compile(r"[\w-]+")
NAME = re.compile(r"[.#](-?[A-Za-z_][\w-]*)")
BRACKETS = re.compile(r"\([^()]*\)|\[[^\]]*\]")
ADDRESS = re.compile(r"url\(\s*['\"]?(?!data:|#)([^'\")]+)['\"]?\s*\)")
NESTING = {"media", "supports", "layer"}
# Folders of scripts that pages run as part of another.
BUNDLED = {"record", "vendor"}

ICON = re.compile("[\ue000-\uf8ff]")
ICON_FONT = "vendor/fontawesome/webfonts/fa-solid-900.woff2"


def vocabulary(site: Site) -> set[str]:
    """Every word that could name a class: those of all pages and all scripts that they run."""
    every = site.out.glob("_static/**/*.js")
    scripts = [path for path in every if not BUNDLED.intersection(path.parts)]
    words: set[str] = set()
    for text in [*site.pages.values(), *(path.read_text("utf-8") for path in scripts)]:
        words.update(WORD.findall(text))
    return words


def selectors(prelude: str) -> list[str]:
    """The selectors of a rule, split at the commas that are outside brackets."""
    found, depth = [""], 0
    for character in prelude:
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(character, 0)
        if character == "," and not depth:
            found.append("")
        else:
            found[-1] += character
    return [selector.strip() for selector in found]


def may_apply(selector: str, words: set[str]) -> bool:
    """Whether every class and identifier that a selector demands occurs somewhere."""
    plain, before = selector, ""
    while plain != before:
        before, plain = plain, BRACKETS.sub("", plain)
    return all(name in words for name in NAME.findall(plain))


def trimmed(rules: list[tinycss2.ast.Node], words: set[str]) -> str:
    """The style sheet of the rules that may apply."""
    kept = []
    for rule in rules:
        if rule.type == "qualified-rule":
            prelude = tinycss2.serialize(rule.prelude)
            applying = [part for part in selectors(prelude) if may_apply(part, words)]
            if applying:
                kept.append(f"{','.join(applying)}{{{tinycss2.serialize(rule.content).strip()}}}")
        elif rule.type == "at-rule" and rule.lower_at_keyword in NESTING and rule.content:
            inside = tinycss2.parse_rule_list(
                rule.content, skip_comments=True, skip_whitespace=True
            )
            if body := trimmed(inside, words):
                condition = tinycss2.serialize(rule.prelude).strip()
                kept.append(f"@{rule.at_keyword} {condition}{{{body}}}")
        elif rule.type == "comment" and rule.value.startswith("!"):
            kept.append(f"/*{rule.value}*/")
        elif rule.type == "at-rule" and rule.lower_at_keyword != "charset":
            kept.append(rule.serialize())
        elif rule.type == "error":
            raise ValueError(f"{rule.message} in {kept[-1:]}")
    return "\n".join(kept)


def style_sheet(path: Path, static: Path, words: set[str]) -> str:
    """One file with its imports in place, trimmed, its addresses relative to the bundle."""
    css = path.read_text("utf-8")
    folder = posixpath.dirname(path.relative_to(static).as_posix())
    rules = tinycss2.parse_stylesheet(css, skip_whitespace=True)
    imported = []
    for rule in rules:
        if rule.type == "at-rule" and rule.lower_at_keyword == "import":
            target = next(
                part for part in rule.prelude if part.type in ("string", "url", "function")
            )
            value = target.arguments[0].value if target.type == "function" else target.value
            imported.append((rule, (path.parent / value).resolve()))
    own = [rule for rule in rules if rule not in [statement for statement, _ in imported]]
    css = ADDRESS.sub(
        lambda found: f"url({posixpath.normpath(posixpath.join(folder, found[1]))})",
        trimmed(own, words),
    )
    return "\n".join([*(style_sheet(target, static, words) for _, target in imported), css])


def bundle(site: Site) -> None:
    """Give all pages one style sheet in the place of those that every page has."""
    static = site.out / "_static"
    for path in static.glob("*webpack-macros.html"):
        site.pages.pop(path)
        path.unlink()
    lists = [[found["file"] for found in LINK.finditer(page)] for page in site.pages.values()]
    lists = [files for files in lists if files]
    if not lists:
        return
    common = [file for file in lists[0] if all(file in files for files in lists)]
    words = vocabulary(site)
    sheets = [style_sheet(static / file, static, words) for file in common]
    css = "\n".join(['@charset "utf-8";', *sheets])
    (static / BUNDLE).write_text(css, "utf-8")
    version = hashlib.sha256(css.encode()).hexdigest()[:8]
    for path, page in site.pages.items():
        first = True

        def one(found: re.Match[str]) -> str:
            nonlocal first
            if found["file"] not in common:
                return found[0]
            link = f'\n<link rel="stylesheet" href="{found["root"]}_static/{BUNDLE}?v={version}" />'
            link, first = (link if first else ""), False
            return link

        site.pages[path] = LINK.sub(one, page)


def trim_icons(site: Site) -> None:
    """Leave in the icon font the glyphs that the style sheets still name."""
    static = site.out / "_static"
    (static / "scripts" / "fontawesome.js").unlink(missing_ok=True)
    codes = map(ord, ICON.findall((static / BUNDLE).read_text("utf-8")))
    logging.getLogger("fontTools").setLevel(logging.WARNING)
    font = TTFont(static / ICON_FONT)
    subsetter = subset.Subsetter()
    subsetter.populate(unicodes=codes)
    subsetter.subset(font)
    font.flavor = "woff2"
    font.save(static / ICON_FONT)
