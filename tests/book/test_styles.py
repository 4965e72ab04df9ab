"""What the style sheet of the site keeps, and what it may leave out."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import tinycss2

from bookkit.finish import styles
from bookkit.site import Site

WORDS = {"card", "open", "main"}


@pytest.mark.parametrize(
    ("selector", "kept"),
    [
        ("p", True),
        (".card", True),
        (".card.open > p", True),
        (".card .absent", False),
        ("#main", True),
        ("#absent", False),
        (".card:not(.absent)", True),
        (".card:is(.absent, .open)", True),
        ("[class*='.absent'] p", True),
        (".card::before", True),
    ],
)
def test_a_rule_goes_only_if_it_demands_what_no_page_has(selector: str, kept: bool) -> None:
    assert styles.may_apply(selector, WORDS) is kept


def test_selectors_are_split_outside_brackets_only() -> None:
    assert styles.selectors("a, :is(b, c) > d,e[x='1,2']") == ["a", ":is(b, c) > d", "e[x='1,2']"]


def test_a_sheet_keeps_what_applies_in_its_order() -> None:
    css = """
      /*! licence */ /* remark */
      .absent, .card { color: red }
      @media print { .absent { color: red } .open { color: blue } }
      @media screen { .absent { color: red } }
      @font-face { font-family: F; src: url(f.woff2) }
      .absent { color: green }
    """
    rules = tinycss2.parse_stylesheet(css, skip_whitespace=True)
    assert styles.trimmed(rules, WORDS).splitlines() == [
        "/*! licence */",
        ".card{color: red}",
        "@media print{.open{color: blue}}",
        "@font-face { font-family: F; src: url(f.woff2) }",
    ]


def test_imports_are_put_in_place_and_addresses_follow(tmp_path: Path) -> None:
    (tmp_path / "styles").mkdir()
    (tmp_path / "base.css").write_text("p { background: url(images/p.png) }")
    theme = tmp_path / "styles" / "theme.css"
    theme.write_text(
        '@import "../base.css"; .card { src: url("../fonts/f.woff2"), url(data:font/woff2,x) }'
    )
    assert styles.style_sheet(theme, tmp_path, WORDS).splitlines() == [
        "p{background: url(images/p.png)}",
        ".card{src: url(fonts/f.woff2), url(data:font/woff2,x)}",
    ]


def test_pages_share_one_sheet_and_keep_their_own(tmp_path: Path) -> None:
    static = tmp_path / "_static"
    (tmp_path / "lessons").mkdir()
    static.mkdir()
    for name in ("a", "b", "own"):
        (static / f"{name}.css").write_text(f".card {{ --{name}: 1 }}")

    def page(root: str, *names: str) -> str:
        links = "".join(f'<link rel="stylesheet" href="{root}_static/{n}.css" />' for n in names)
        return f'<head>{links}</head><p class="card">'

    (tmp_path / "index.html").write_text(page("", "a", "b"))
    (tmp_path / "lessons" / "x.html").write_text(page("../", "a", "b", "own"))
    site = Site(SimpleNamespace(outdir=tmp_path))
    styles.bundle(site)
    front, lesson = (site.pages[tmp_path / name] for name in ("index.html", "lessons/x.html"))
    assert front.count("<link") == 1
    assert lesson.count("<link") == 2
    assert 'href="../_static/book.css?v=' in lesson
    assert 'href="../_static/own.css"' in lesson
    bundle = (static / "book.css").read_text()
    assert bundle.index("--a") < bundle.index("--b")
    assert "--own" not in bundle
