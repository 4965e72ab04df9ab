"""The built site as a reader's browser sees it. ``make test`` builds it first."""

import gzip
import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from functools import cache
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin

import pytest
import theme_page
from conftest import Visit
from fontTools.ttLib import TTFont
from playwright.sync_api import Browser, Page, Response

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "_build" / "html"
TOOLS = ROOT / "node_modules"
CONTENTS = [
    f"{name}.html"
    for name in re.findall(r"(?:root|file): *(\S+)", (ROOT / "_toc.yml").read_text("utf-8"))
]
# JupyterLite's pages are not ours; test_lite.py opens them. Of a site that is not built the pages
# that it should have are tested, and fail.
PAGES = sorted(
    str(path.relative_to(SITE))
    for path in SITE.rglob("*.html")
    if path.relative_to(SITE).parts[0] != "lite"
) or sorted(CONTENTS)
# The root is a redirect to the landing page.
READ = [page for page in PAGES if page != "index.html"]
WEIGHT = 400_000

# What is tested of one page is tested together: most of it looks at one visit.
every_page = pytest.mark.parametrize("name", READ, scope="module")


class Document(HTMLParser):
    """What a page's markup says, for the tests that need no browser."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.feed((SITE / name).read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {key: value or "" for key, value in attrs}))

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def meta(self, name: str) -> list[str]:
        return [meta["content"] for meta in self.all("meta") if meta.get("name") == name]

    @property
    def anchors(self) -> set[str]:
        return {attributes["id"] for _, attributes in self.tags if "id" in attributes}


@cache
def document(name: str) -> Document:
    return Document(name)


@pytest.fixture(scope="session")
def site(serve: Callable[[Path], str]) -> str:
    assert SITE.is_dir(), "the site is not built: make book"
    return serve(SITE)


@pytest.fixture
def opened(site: str, visit: Callable[..., Page]) -> Callable[..., Page]:
    """Open a page of the site and wait until all of it is loaded."""

    def at(name: str, **options: object) -> Page:
        page = visit(f"{site}/{name}", **options)
        theme_page.typeset(page)
        return page

    return at


@pytest.fixture(scope="module")
def seen(browser: Browser, site: str) -> Iterator[Callable[..., Page]]:
    """Open a page once for all tests that only look at it, whole: all loaded, every fold open.

    ``page.sizes`` has the gzipped weight of each file it asked for.
    """
    pages: dict[tuple[int, str], tuple[str, Page]] = {}

    def at(name: str, width: int = 1280, scheme: str = "light") -> Page:
        key = width, scheme
        if key in pages and pages[key][0] != name:
            pages.pop(key)[1].context.close()
        if key not in pages:
            viewport = {"width": width, "height": 900}
            context = browser.new_context(
                viewport=viewport, color_scheme=scheme, reduced_motion="reduce"
            )
            context.add_init_script(theme_page.SHOWN)
            page = context.new_page()
            pages[key] = name, page
            page.visit, page.sizes = Visit(page, site), {}
            page.on("response", lambda reply: weigh(reply, page.sizes))
            page.goto(f"{site}/{name}")
            theme_page.typeset(page)
            show_everything(page)
        return pages[key][1]

    yield at
    for _, page in pages.values():
        page.context.close()


def weigh(reply: Response, sizes: dict[str, int]) -> None:
    sizes[reply.url] = len(gzip.compress(reply.body(), 9, mtime=0))


def show_everything(page: Page) -> None:
    """Open every fold-out and walk to the end, so that what loads late has loaded."""
    page.evaluate(
        """async () => {
          for (const fold of document.querySelectorAll("details")) fold.open = true;
          window.scrollTo(0, document.body.scrollHeight);
          await new Promise((done) => setTimeout(done, 100));
          window.scrollTo(0, 0);
        }"""
    )
    page.wait_for_load_state("networkidle")


def test_the_site_has_the_pages_of_the_table_of_contents() -> None:
    assert [name for name in CONTENTS if not (SITE / name).is_file()] == []


def visible(page: Page, selector: str) -> list[str]:
    """The names of the elements that can be seen, in the page's order."""
    return page.evaluate(
        """selector => [...document.querySelectorAll(selector)]
          .filter((part) => part.checkVisibility({visibilityProperty: true}))
          .map((part) => part.tagName)""",
        selector,
    )


def quiet(page: Page) -> None:
    assert page.visit.elsewhere == []
    assert page.visit.missing == []
    assert page.visit.errors == []


@every_page
def test_a_page_asks_no_other_host_and_reports_no_error(
    name: str, seen: Callable[..., Page]
) -> None:
    quiet(seen(name))


@every_page
def test_from_disk_it_asks_nobody_and_reports_no_error(
    name: str, visit: Callable[..., Page]
) -> None:
    page = visit(f"{SITE.as_uri()}/{name}")
    theme_page.typeset(page)
    show_everything(page)
    quiet(page)


@every_page
def test_a_page_weighs_at_most_400_kilobytes_gzipped(name: str, seen: Callable[..., Page]) -> None:
    heaviest = sorted(seen(name).sizes.items(), key=lambda item: -item[1])
    assert any(address.endswith(name) for address, _ in heaviest)
    assert sum(size for _, size in heaviest) <= WEIGHT, heaviest[:12]


@every_page
def test_mathematics_is_typeset(name: str, seen: Callable[..., Page]) -> None:
    page = seen(name)
    formulas = page.locator(".math").count()
    assert page.locator(".math > .katex, .math > .katex-display").count() == formulas
    assert page.locator(".math math").count() == formulas
    loaded = (
        "() => [...document.fonts].filter(({status}) => status === 'loaded').map(f => f.family)"
    )
    assert any(family.startswith("KaTeX") for family in page.evaluate(loaded)) == bool(formulas)


@pytest.mark.parametrize("name", ["book/notation.html", "lessons/quantization.html"])
def test_the_fonts_of_formulas_hold_every_sign(name: str, seen: Callable[..., Page]) -> None:
    page = seen(name)
    session = page.context.new_cdp_session(page)
    for domain in ("DOM", "CSS"):
        session.send(f"{domain}.enable")
    document = session.send("DOM.getDocument")["root"]["nodeId"]
    parts = session.send(
        "DOM.querySelectorAll", {"nodeId": document, "selector": ".katex-html *:not(:has(*))"}
    )["nodeIds"]
    assert len(parts) > 200
    for part in parts:
        fonts = session.send("CSS.getPlatformFontsForNode", {"nodeId": part})["fonts"]
        names = {font["familyName"] for font in fonts}
        if not all(found.startswith("KaTeX_") for found in names):
            pytest.fail(f"{names}: {session.send('DOM.getOuterHTML', {'nodeId': part})}")
    session.detach()


# What a theme changes are colours, and what a width does not change are colours.
COLOURS = ["color-contrast", "link-in-text-block"]
RULES = {
    ("light", 1280): {},
    ("dark", 1280): {"runOnly": {"type": "rule", "values": COLOURS}},
    ("light", 375): {"rules": {name: {"enabled": False} for name in COLOURS}},
}


@every_page
@pytest.mark.parametrize(("scheme", "width"), RULES)
def test_axe_finds_nothing(name: str, scheme: str, width: int, seen: Callable[..., Page]) -> None:
    page = seen(name, width, scheme)
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    theme_page.reachable(page)
    page.evaluate((TOOLS / "axe-core" / "axe.min.js").read_text("utf-8"))
    options = {**RULES[scheme, width], "resultTypes": ["violations"]}
    found = page.evaluate("async (options) => (await axe.run(options)).violations", options)
    assert [
        (rule["id"], node["target"], node["failureSummary"])
        for rule in found
        for node in rule["nodes"]
    ] == []


@every_page
def test_a_phone_scrolls_down_only(name: str, seen: Callable[..., Page]) -> None:
    page = seen(name, 375)
    for width in (320, 375):
        page.set_viewport_size({"width": width, "height": 900})
        wide = page.evaluate(
            """width => document.documentElement.scrollWidth <= width ? [] :
              [...document.querySelectorAll("main *")]
                .filter((part) => part.getBoundingClientRect().right > width)
                .map((part) => part.outerHTML.slice(0, 120)).slice(0, 8)
                .concat(`${document.documentElement.scrollWidth} px wide`)""",
            width,
        )
        assert wide == [], width


@every_page
def test_print_leaves_the_article_alone_on_the_page(name: str, seen: Callable[..., Page]) -> None:
    page = seen(name)
    page.emulate_media(media="print")
    parts = ("#pst-primary-sidebar", "#pst-secondary-sidebar", ".bd-header-article")
    shown = visible(page, ", ".join(parts))
    titles = len(visible(page, "main h1"))
    page.emulate_media(media="screen")
    assert (shown, titles) == ([], 1)


@every_page
def test_headings_descend_one_level_at_a_time(name: str, seen: Callable[..., Page]) -> None:
    levels = [int(tag[1]) for tag in visible(seen(name), "main :is(h1,h2,h3,h4,h5,h6)")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


@every_page
def test_a_page_says_what_it_is(name: str) -> None:
    page = document(name)
    assert page.all("html")[0]["lang"] == "en"
    assert len(page.all("title")) == 1
    (description,) = page.meta("description")
    assert 20 <= len(description) <= 200
    others = [document(other).meta("description") for other in READ if other != name]
    assert [description] not in others
    assert len(page.meta("viewport")) == 1


@every_page
def test_images_have_alternative_text(name: str) -> None:
    for image in document(name).all("img"):
        assert len(image.get("alt", "")) > 10, image
        assert not re.fullmatch(r"\S*\.(png|svg|jpg)", image["alt"]), image


@every_page
def test_drawings_have_a_name(name: str, seen: Callable[..., Page]) -> None:
    nameless = seen(name).evaluate(
        """() => [...document.querySelectorAll("main .cell_output svg")]
          .filter((drawing) => !drawing.closest("button, [aria-hidden=true]"))
          .filter((drawing) => !drawing.closest("[role=img][aria-label], [role=img]:has(> title)"))
          .map((drawing) => drawing.outerHTML.slice(0, 120))"""
    )
    assert nameless == []


@pytest.mark.parametrize("name", PAGES)
def test_links_inside_the_site_resolve(name: str) -> None:
    for link in document(name).all("a"):
        target = link.get("href", "")
        if not target or re.match(r"[a-z]+:", target):
            continue
        address, anchor = urldefrag(urljoin(f"/{name}", target))
        path = unquote(address.partition("?")[0]).lstrip("/")
        path = f"{path}index.html" if path.endswith("/") or not path else path
        assert (SITE / path).is_file(), target
        if anchor and path.endswith(".html") and "?" not in anchor:
            assert unquote(anchor) in document(path).anchors, target


def test_the_root_leads_to_the_landing_page(site: str, visit: Callable[..., Page]) -> None:
    page = visit(f"{site}/")
    page.wait_for_url(f"{site}/book/index.html")
    assert page.visit.errors == []


def test_the_markup_is_valid(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    pages = [str(SITE / name) for name in PAGES]
    command = ["node", str(TOOLS / "html-validate" / "bin" / "html-validate.mjs"), *pages]
    config = Path(__file__).with_name("htmlvalidate.cjs")
    subprocess.run(
        [*command, "--config", str(config), "--formatter", f"json={report}"], check=False
    )
    found = [
        f"{file['filePath']}:{message['line']}: {message['message']}"
        for file in json.loads(report.read_text("utf-8"))
        for message in file["messages"]
        # A notebook's output brings its style with it, so that it looks the same in Jupyter.
        if not message["message"].startswith("<style> element is not permitted")
    ]
    assert found == []
    assert len(READ) > 5


class TestThemeMends:
    """Faults of the theme that ``bookkit/finish/theme.py`` mends."""

    @every_page
    def test_thebe_is_left_off(self, name: str) -> None:
        assert "thebe" not in (SITE / name).read_text("utf-8").lower()

    @every_page
    def test_icons_are_not_loaded_again_as_a_script(self, name: str) -> None:
        assert "fontawesome" not in (SITE / name).read_text("utf-8")
        assert not list(SITE.rglob("fontawesome.js"))

    def test_the_icon_font_holds_the_icons_in_use_and_few_more(self) -> None:
        font = SITE / "_static/vendor/fontawesome/webfonts/fa-solid-900.woff2"
        assert font.stat().st_size < 10_000
        styles = (SITE / "_static/book.css").read_text("utf-8")
        glyphs = TTFont(font).getBestCmap()
        used = {
            icon
            for name in READ
            for icon in re.findall(r'"[^"]*\bfa-solid (fa-[a-z-]+)', (SITE / name).read_text())
        }
        assert "fa-magnifying-glass" in used
        for icon in used:
            glyph = re.search(rf'\.{icon}:before[^{{}}]*\{{content:"(.)"', styles)
            assert glyph, icon
            assert ord(glyph[1]) in glyphs, icon

    @every_page
    def test_the_search_button_is_called_by_its_text(self, name: str) -> None:
        fields = [
            button
            for button in document(name).all("button")
            if "search-button-field" in button.get("class", "")
        ]
        assert fields
        assert not any({"aria-label", "title"} & button.keys() for button in fields)

    @every_page
    def test_scripts_of_the_search_page_are_not_loaded_elsewhere(self, name: str) -> None:
        scripts = " ".join(script.get("src", "") for script in document(name).all("script"))
        assert ("sections.js" in scripts) == (name == "search.html")


@pytest.mark.parametrize("home", ["from a server", "from disk"])
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("λ", "lessons/batching.html#busy-is-not-loaded"),
        ("lambda", "lessons/batching.html#busy-is-not-loaded"),
        ("knee", "book/glossary.html#term-knee"),
        ("chunked prefill", "lessons/batching-production.html#chunked-prefill"),
        ("token budgt", "book/glossary.html#term-token-budget"),
    ],
)
def test_search_finds_sections_and_terms(
    home: str, query: str, found: str, site: str, visit: Callable[..., Page]
) -> None:
    page = visit(f"{site if home == 'from a server' else SITE.as_uri()}/search.html?q={query}")
    page.wait_for_selector(f".search-hits a[href='{found}']")
    assert page.locator(".search-hits mark").count()
    page.locator(".search-hits a").first.click()
    page.wait_for_url("**/*.html#*")
    assert page.locator(f"[id='{urldefrag(page.url)[1]}']").count() == 1
    quiet(page)


def test_search_says_when_it_finds_nothing(site: str, visit: Callable[..., Page]) -> None:
    page = visit(f"{site}/search.html?q=zzzz")
    assert page.get_by_role("status").inner_text() == "No sections found for “zzzz”."
    quiet(page)


FULL_MARKS = ("accessibility", "best-practices", "seo")


def audit(address: str, form: str, chromium: str | None, folder: Path) -> dict[str, dict]:
    """The categories of one Lighthouse report, and the audits below full marks."""
    report = folder / "report.json"
    command = [
        *("node", str(TOOLS / "lighthouse" / "cli" / "index.js"), address),
        *("--quiet", "--output=json", f"--output-path={report}"),
        *(["--preset=desktop"] if form == "desktop" else []),
        "--chrome-flags=--headless=new --no-sandbox",
        f"--only-categories={','.join(FULL_MARKS)}",
    ]
    environment = {**os.environ, **({"CHROME_PATH": chromium} if chromium else {})}
    subprocess.run(command, check=True, env=environment, capture_output=True)
    found = json.loads(report.read_text("utf-8"))
    return {
        name: {
            "score": round(100 * category["score"]),
            "below": [
                (reference["id"], found["audits"][reference["id"]].get("displayValue"))
                for reference in category["auditRefs"]
                if (found["audits"][reference["id"]]["score"] or 0) < 0.9
                and found["audits"][reference["id"]]["scoreDisplayMode"] in ("binary", "numeric")
            ],
        }
        for name, category in found["categories"].items()
    }


@pytest.mark.lighthouse
@pytest.mark.parametrize(
    ("name", "form"),
    [(name, "desktop") for name in READ]
    + [(name, "mobile") for name in ("book/index.html", "lessons/batching.html")],
)
def test_lighthouse_gives_full_marks(
    name: str, form: str, site: str, chromium: str | None, tmp_path: Path
) -> None:
    """Performance, a time on this machine, is left to ``make bench``."""
    report = audit(f"{site}/{name}", form, chromium, tmp_path)
    assert {key: found for key, found in report.items() if found["score"] < 100} == {}


@pytest.mark.parametrize("name", ["book/contents.html", "book/practice.html"])
@pytest.mark.parametrize("width", [320, 1280])
def test_what_scripts_fill_keeps_its_place(
    name: str, width: int, site: str, visit: Callable[..., Page]
) -> None:
    page = visit(f"{site}/{name}", width=width)
    page.wait_for_load_state("networkidle")
    moved = page.evaluate(
        """() => new Promise((done) => {
          let sum = 0;
          const add = (list) => {
            for (const entry of list.getEntries()) sum += entry.value;
          };
          new PerformanceObserver(add).observe({ type: "layout-shift", buffered: true });
          setTimeout(() => done(sum), 500);
        })"""
    )
    assert moved <= 0.05


def test_the_contents_and_the_first_page_say_what_each_lesson_answers(
    site: str, visit: Callable[..., Page]
) -> None:
    contents, first = visit(f"{site}/book/contents.html"), visit(f"{site}/book/index.html")
    questions = contents.locator(".lessons-table .answers").all_inner_texts()
    assert len(questions) == len(set(questions)) == contents.locator("tbody tr").count()
    assert all(question.endswith("?") for question in questions)
    table = first.locator("article table", has_text="You ask")
    assert table.locator("tbody td:first-child").all_inner_texts() == questions
    link = table.locator("tbody tr", has_text=questions[0]).get_by_role("link")
    assert link.get_attribute("href").endswith("lessons/intuition.html")


def test_without_scripts_a_page_has_its_colours_and_no_empty_columns(
    site: str, visit: Callable[..., Page]
) -> None:
    page = visit(f"{site}/book/contents.html", java_script_enabled=False)
    link = page.locator("article a.reference").first
    assert link.evaluate("one => getComputedStyle(one).color") == "rgb(11, 93, 67)"
    assert page.locator(".lessons-table .mine:visible").count() == 0
