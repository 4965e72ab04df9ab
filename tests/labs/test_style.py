"""Pictures follow the page's theme, speak to those who cannot see, and never clash."""

import html
import re
from html.parser import HTMLParser
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from matplotlib import pyplot as plt

from labs import style

WHITE, DARK = "#ffffff", "#121212"

# Machado, Oliveira and Fernandes (2009), severity 1.0, on linear RGB.
BLINDNESS = {
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
}


def linear(colour: str) -> np.ndarray:
    channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def luminance(colour: str) -> float:
    return float(linear(colour) @ [0.2126, 0.7152, 0.0722])


def contrast(left: str, right: str) -> float:
    high, low = sorted((luminance(left), luminance(right)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIE L*a*b* of linear sRGB, D65."""
    xyz = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    ) @ np.clip(rgb, 0, 1)
    x, y, z = np.cbrt(np.maximum(xyz / [0.9505, 1, 1.089], 0.008856))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def picture(alt: str = "Latency rises with load.", **lines: Any) -> style.Picture:
    fig, ax = style.figure()
    ax.plot([0, 1, 2], lines.get("y", [0, 1, 4]), label="wait")
    ax.plot([0, 1, 2], [1, 2, 3], label="bound")
    ax.fill_between([0, 1, 2], [0, 0, 0], [1, 1, 1], alpha=0.2)
    ax.set_xlabel("load")
    ax.set_ylabel("wait (s)")
    ax.legend()
    return style.show(fig, alt)


class Page(HTMLParser):
    """The ids, references and attributes of a piece of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.references: list[str] = []
        self.svg: dict[str, str | None] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            elif value and name.endswith("href") and value.startswith("#"):
                self.references.append(value[1:])
            elif value:
                self.references += re.findall(r"url\(#([^)]+)\)", value)
        if tag == "svg":
            self.svg = dict(attrs)


def test_every_palette_colour_stands_out_from_its_page() -> None:
    for light, dark in (*style.PALETTE, style.INK):
        assert contrast(light, WHITE) >= 3, light
        assert contrast(dark, DARK) >= 3, dark


def test_ink_is_readable_as_text() -> None:
    assert contrast(style.INK[0], WHITE) >= 4.5
    assert contrast(style.INK[1], DARK) >= 4.5


@pytest.mark.parametrize("member", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("vision", ["normal", *BLINDNESS])
def test_palette_colours_are_told_apart(member: int, vision: str) -> None:
    sees = np.array(BLINDNESS.get(vision, np.eye(3)))
    colours = [pair[member] for pair in style.PALETTE]
    for left, right in combinations(range(len(colours)), 2):
        apart = np.linalg.norm(
            lab(sees @ linear(colours[left])) - lab(sees @ linear(colours[right]))
        )
        assert apart > 5, (colours[left], colours[right], apart)


def test_lines_differ_in_dashes_as_well_as_colour() -> None:
    fig, ax = style.figure()
    lines = [ax.plot([0, 1])[0] for _ in style.PALETTE]
    assert len({str(line.get_linestyle()) + str(line._dash_pattern) for line in lines}) == len(
        lines
    )
    assert [line.get_color() for line in lines] == [light for light, _ in style.PALETTE]
    plt.close(fig)


def test_colours_are_variables_with_a_light_fallback() -> None:
    svg = picture().svg
    for name in ("0", "1", "ink"):
        light = style.THEMED[name][0]
        assert f"var(--labs-{name},{light})" in svg
    drawn = re.sub(r"var\([^)]*\)", "", svg)
    for light, _ in style.THEMED.values():
        assert light not in drawn.lower()


def test_the_page_says_what_the_variables_are_in_the_dark() -> None:
    page = picture()._repr_html_()
    rule = re.search(r"html\[data-theme=dark\] \.labs-picture,[^{]*\{([^}]*)\}", page)
    assert rule
    declared = dict(item.split(":") for item in rule[1].strip(";").split(";"))
    assert declared == {f"--labs-{name}": pair[1] for name, pair in style.THEMED.items()}
    assert 'body[data-jp-theme-light="false"]' in page


def test_the_background_is_the_page() -> None:
    svg = picture().svg
    assert not re.search(r"(?i)fill:\s*#f{3,6}\b", svg)
    assert not re.search(r"(?i)fill:\s*white", svg)


def test_text_stays_text() -> None:
    svg = picture().svg
    assert re.search(r"<text[^>]*>wait \(s\)</text>", svg)


@pytest.mark.parametrize(
    "alt", ["Plain words.", "a < b & \"c\" > 'd'", "<script>alert(1)</script>", "ü × λ\nnew line"]
)
def test_the_description_is_an_escaped_label(alt: str) -> None:
    shown = picture(alt)
    page = Page(shown._repr_html_())
    assert page.svg["aria-label"] == alt
    assert page.svg["role"] == "img"
    assert shown.alt == alt
    assert html.escape(alt) in shown.svg
    assert "<script" not in shown.svg


def test_every_reference_within_a_picture_leads_somewhere() -> None:
    page = Page(picture()._repr_html_())
    assert page.references
    assert set(page.references) <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))


def test_two_pictures_share_no_id() -> None:
    left, right = (Page(picture(alt).svg) for alt in ("One.", "Two."))
    assert left.ids
    assert not set(left.ids) & set(right.ids)


def test_two_pictures_described_alike_share_no_id() -> None:
    fig, axes = style.figure(width=3, ncols=3)
    for ax in axes:
        ax.plot([1, 2])
    other = style.show(fig, "The same words.")
    assert not set(Page(picture("The same words.").svg).ids) & set(Page(other.svg).ids)


def test_the_same_figure_gives_the_same_bytes() -> None:
    assert picture()._repr_html_() == picture()._repr_html_()
    assert picture(y=[3, 1, 2]).svg != picture().svg


def test_nothing_in_a_picture_leads_outside_the_page() -> None:
    svg = picture().svg
    assert "<metadata" not in svg
    assert "<?xml" not in svg
    assert "<!DOCTYPE" not in svg
    links = re.findall(r'https?://[^"\s]+', re.sub(r'xmlns(:\w+)?="[^"]*"', "", svg))
    assert links == []


def test_show_closes_the_figure() -> None:
    before = plt.get_fignums()
    picture()
    assert plt.get_fignums() == before


def test_figure_takes_its_size_and_what_subplots_takes() -> None:
    fig, axes = style.figure(width=5, height=2, ncols=2, sharey=True)
    assert fig.get_size_inches().tolist() == [5, 2]
    assert len(axes) == 2
    plt.close(fig)


def test_figure_makes_the_style_the_default_whatever_was_before() -> None:
    plt.close(style.figure()[0])
    settled = plt.rcParams.copy()
    plt.rcdefaults()
    plt.close(style.figure()[0])
    assert plt.rcParams["axes.prop_cycle"] == settled["axes.prop_cycle"]
    assert plt.rcParams["axes.spines.top"] is False
    assert plt.rcParams["figure.facecolor"] == "none"


def test_a_picture_prints_its_description() -> None:
    assert repr(picture("Words.")) == "Picture('Words.')"


@pytest.mark.parametrize(
    ("call", "argument", "shown"),
    [
        (lambda: style.figure(width=0), "width", "0"),
        (lambda: style.figure(height=-1), "height", "-1"),
        (lambda: style.figure(width="7"), "width", "'7'"),
        (lambda: style.show(plt.figure(), ""), "alt", "''"),
        (lambda: style.show(plt.figure(), "  \n"), "alt", "n'"),
        (lambda: style.show(plt.figure(), None), "alt", "None"),
        (lambda: style.show("figure", "Words."), "figure", "'figure'"),
    ],
)
def test_bad_input_is_named(call: Any, argument: str, shown: str) -> None:
    try:
        with pytest.raises(ValueError, match=rf"\b{argument}\b") as problem:
            call()
    finally:
        plt.close("all")
    assert shown in str(problem.value)
