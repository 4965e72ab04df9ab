"""Published figures: each is sourced, cited, and computed again where that is possible."""

import re
from pathlib import Path

import pytest

from bookkit.commands import recompute
from bookkit.directives.claims import ClaimError, load

ROOT = Path(__file__).resolve().parents[2]
CLAIMS = ROOT / "book" / "claims.yml"

GOOD = """\
waits:
  what: Mean wait at load 0.9
  value: 9
  unit: s
  source: somebody
  where: Table 1
  year: 2020
  conditions: One server.
  recompute: queueing.mm1(0.9, 1.0).mean_wait
  tolerance: 0.001
"""


@pytest.fixture
def claims(tmp_path):
    path = tmp_path / "claims.yml"

    def write(text: str) -> Path:
        path.write_text(text)
        return path

    return write


def test_every_computable_claim_of_the_book_recomputes():
    assert recompute.problems(CLAIMS) == []
    assert sum(bool(claim.recompute) for claim in load(CLAIMS).values()) >= 5


def test_a_claim_that_does_not_recompute_is_named_with_its_line(claims):
    path = claims("# a comment first\n" + GOOD.replace("value: 9", "value: 8"))
    (line,) = recompute.problems(path)
    assert line.startswith(f"{path}:2: waits: claimed 8, recomputed 9")


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("9.0", "calls nothing of labs"),
        ("np.float64(9.0)", "calls nothing of labs"),
        ("queueing.NO_SUCH(1)", "NO_SUCH"),
        ("queueing.mm1(-1, 1).mean_wait", "arrival_rate must be"),
    ],
)
def test_an_expression_that_repeats_the_number_or_fails_does_not_count(claims, expression, reason):
    path = claims(GOOD.replace("queueing.mm1(0.9, 1.0).mean_wait", expression))
    (line,) = recompute.problems(path)
    assert reason in line


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (GOOD.replace("  year: 2020\n", ""), "year"),
        (
            GOOD.replace("unit: s", "units: s"),
            "unknown key units (unit?); the keys are what, value, source",
        ),
        (GOOD + GOOD, "defined twice"),
        (GOOD.replace("unit: s", "unit: [s"), "claims.yml"),
    ],
)
def test_a_malformed_claim_is_named_with_its_line(claims, text, reason):
    with pytest.raises(ClaimError, match=r"claims\.yml:\d+:.*") as caught:
        load(claims(text))
    assert reason in str(caught.value)


def test_every_claim_is_quoted_by_a_page_and_has_a_source_in_the_bibliography():
    pages = "".join(
        path.read_text("utf-8")
        for folder in ("lessons", "exercises", "book")
        for path in (ROOT / folder).glob("*.md")
    )
    quoted = set(re.findall(r"(?<!`` )\{claim\}`([^`]+)`", pages))
    keys = set(re.findall(r"^@\w+\{([^,]+),", (ROOT / "book/references.bib").read_text(), re.M))
    claims = load(CLAIMS)
    assert quoted == set(claims)
    assert {claim.source for claim in claims.values()} <= keys


def test_a_claim_shows_its_value_as_printed_with_its_unit(claims):
    shown = {
        unit: str(load(claims(GOOD.replace("unit: s", f"unit: '{unit}'")))["waits"])
        for unit in ("s", "×", "%")
    }
    assert shown == {"s": "9\N{NO-BREAK SPACE}s", "×": "9×", "%": "9%"}
