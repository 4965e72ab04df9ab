"""The page on `labs` lists every public name and links between them; the glossary is in order."""

import importlib
import inspect
import pkgutil
import re
from collections import Counter
from pathlib import Path

import pytest

import labs

SITE = Path(__file__).resolve().parents[2] / "_build" / "html" / "book"


@pytest.fixture(scope="module")
def page() -> str:
    return (SITE / "reference.html").read_text("utf-8")


def test_every_public_name_is_on_the_page_once(page: str) -> None:
    anchors = Counter(re.findall(r'id="labs\.([\w.]+)"', page))
    for module in pkgutil.walk_packages(labs.__path__, "labs."):
        loaded = importlib.import_module(module.name)
        for name, thing in vars(loaded).items():
            defined = inspect.isfunction(thing) or inspect.isclass(thing)
            if name.startswith("_") or not defined or thing.__module__ != loaded.__name__:
                continue
            listed = [anchor for anchor in anchors if anchor.endswith(f".{name}")]
            assert listed or "._" in module.name, f"{module.name}.{name}"
    assert max(anchors.values()) == 1, anchors.most_common(3)


def test_names_in_docstrings_are_links(page: str) -> None:
    assert re.search(r'href="#labs\.devices\.DEVICES"', page)
    assert re.search(r'href="#labs\.queueing\.Queue"', page)


def test_the_page_shows_formula_examples_and_source(page: str) -> None:
    che = page[page.index('id="labs.caching.che"') :]
    che = che[: che.index('id="labs.caching.prefix_hits"')]
    for part in ("exp(-p", "Parameters", "Returns", "Raises", "References", "&gt;&gt;&gt;"):
        assert part in re.sub(r"<[^>]+>", "", che), part


def test_every_term_of_the_glossary_has_one_place_and_is_in_order() -> None:
    html = (SITE / "glossary.html").read_text("utf-8")
    terms = re.findall(r'<dt id="term-[^"]+">([^<]+)<', html)
    assert len(terms) > 50
    assert len(set(terms)) == len(terms)
    assert terms == sorted(terms, key=str.casefold)
