"""The numbers that pages show are on file beside them, and a change that moves one is told."""

from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell, new_output

from bookkit import numbers

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    path
    for folder in ("book", "lessons", "exercises")
    for path in (ROOT / folder).glob("*.md")
    if "```{code-cell}" in path.read_text("utf-8")
)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_every_page_with_cells_has_its_numbers_on_file(page: Path) -> None:
    assert page.with_suffix(numbers.SUFFIX).is_file(), "make numbers"


def test_no_file_of_numbers_outlives_its_page() -> None:
    for folder in ("book", "lessons", "exercises"):
        for file in (ROOT / folder).glob(f"*{numbers.SUFFIX}"):
            page = file.with_name(file.name.removesuffix(numbers.SUFFIX) + ".md")
            assert page in PAGES, file.name


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("busy 87.4%", "busy 87.5%"),
        ("1,146 ms", "1,147 ms"),
        ("-0.36788", "-0.36789"),
        ("2.50e-03 s", "2.501e-03 s"),
        ("x = 5902.1", "x = 5903.0"),
        ("same 12 words", "same 12 words"),
    ],
)
def test_another_processors_rounding_is_no_difference(one: str, other: str) -> None:
    assert numbers.alike(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("busy 87.4%", "busy 91.8%"),
        ("8 cards", "9 cards"),
        ("0.37", "0.38"),
        ("1,146 ms", "1,158 ms"),
        ("-0.5", "0.5"),
        ("accept", "block"),
        ("checksum 3f2a91c0", "checksum 3f2a91c1"),
        ("1.5e-3", "1.5e-2"),
        ("12 ms", "12 s"),
    ],
)
def test_whatever_a_reader_would_see_is_one(one: str, other: str) -> None:
    assert not numbers.alike(one, other)


def cell(source: str, *outputs: object, tags: tuple[str, ...] = ()) -> object:
    return new_code_cell(source, outputs=list(outputs), metadata={"tags": list(tags)})


def glued(name: str, text: str) -> object:
    return new_output(
        "display_data",
        data={numbers.GLUE: repr(text)},
        metadata={"scrapbook": {"name": name, "mime_prefix": "application/papermill.record/"}},
    )


def test_what_prints_and_what_prose_quotes_is_kept_and_what_a_machine_measures_is_not() -> None:
    printed = new_output("stream", text="one 1\n\n<Figure at 0x7f3a>\n")
    result = new_output("execute_result", data={"text/plain": "2.0", "image/png": "…"})
    found = numbers.shown(
        [
            cell("print(x)", printed),
            cell("print(x)", result),
            cell("style.quote(x=x)", glued("x", "0.37")),
            cell("measure()", result, tags=(numbers.MEASURED,)),
        ]
    )
    assert found == {
        "printed": {"print(x)": ["one 1", "<Figure>"], "print(x) (again, 1)": ["2.0"]},
        "quoted": {"x": "0.37"},
    }


def test_what_comes_and_what_goes_is_told_by_name() -> None:
    before = {"printed": {"a": ["1", "2"]}, "quoted": {"x": "1"}}
    now = {"printed": {"a": ["1"], "b": ["3"]}, "quoted": {}}
    assert numbers.differences(before, now) == [
        "a: '2' is now None",
        "b: None is now '3'",
        "x: '1' is now None",
    ]
    assert numbers.differences(before, before) == []
