"""The pages on `labs` list every public name and link between them; the glossary is in order."""

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
def pages() -> dict[str, str]:
    return {path.stem: path.read_text("utf-8") for path in (SITE / "reference").glob("*.html")}


def test_every_public_name_is_on_the_pages_once(pages: dict[str, str]) -> None:
    anchors = Counter(re.findall(r'id="labs\.([\w.]+)"', "".join(pages.values())))
    for module in pkgutil.walk_packages(labs.__path__, "labs."):
        loaded = importlib.import_module(module.name)
        for name, thing in vars(loaded).items():
            defined = inspect.isfunction(thing) or inspect.isclass(thing)
            if name.startswith("_") or not defined or thing.__module__ != loaded.__name__:
                continue
            listed = [anchor for anchor in anchors if anchor.endswith(f".{name}")]
            assert listed or "._" in module.name, f"{module.name}.{name}"
    assert max(anchors.values()) == 1, anchors.most_common(3)


def test_the_first_page_leads_to_every_module_of_the_others(pages: dict[str, str]) -> None:
    first = (SITE / "reference.html").read_text("utf-8")
    for name, page in pages.items():
        assert f'href="reference/{name}.html"' in first
        for module in re.findall(r"<h2>(labs\.\w+)<", page):
            assert f'href="reference/{name}.html#module-{module}"' in first, module


def test_names_in_docstrings_are_links(pages: dict[str, str]) -> None:
    assert 'href="#labs.devices.DEVICES"' in pages["machines"]
    assert 'href="#labs.queueing.Queue"' in pages["load"]
    assert 'href="machines.html#labs.step.StepTime"' in pages["engines"]


def test_a_page_shows_formula_examples_and_source(pages: dict[str, str]) -> None:
    page = pages["methods"]
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
