"""The book's own roles and directives, on pages built for real."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

CONFIG = """
extensions = ["myst_nb", "sphinxcontrib.bibtex", "bookkit.extension"]
finishing = []
myst_enable_extensions = ["colon_fence", "dollarmath"]
nb_execution_mode = "off"
bibtex_bibfiles = ["book/references.bib"]
root_doc = "page"
"""

BIB = "@misc{somebody, author={Some Body}, title={A Source}, year={2020}}\n"

CLAIMS = """\
speed:
  what: Speed of the thing
  value: 12
  unit: ×
  source: somebody
  where: Table 1
  year: 2020
  conditions: In the lab.
"""

PAGE = """\
# A page

```{toctree}
:hidden:
book/claims
book/bibliography
```

```{lesson}
:needs: patience

**You will be able to** do it.
```

## First

It is {claim}`speed` as fast {cite:p}`somebody`.

:::{predict} How fast is it, $x$ times?
Very *fast*.
:::

## References

```{references}
```
"""


class Pages:
    """A small book with the repository's extensions."""

    def __init__(self, root: Path) -> None:
        self.source, self.out = root / "source", root / "out"
        (self.source / "book").mkdir(parents=True)
        self.write("conf.py", CONFIG)
        self.write("book/references.bib", BIB)
        self.write("book/claims.yml", CLAIMS)
        self.write("book/claims.md", "# Claims\n\n```{claims}\n```\n")
        self.write("book/bibliography.md", "# Bibliography\n\n```{bibliography}\n:all:\n```\n")
        self.write("page.md", PAGE)

    def write(self, name: str, text: str) -> None:
        (self.source / name).write_text(text, "utf-8")

    def build(self) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "sphinx", "-q", "-W", "-n", "--keep-going", "-b", "html"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.run(
            [*command, str(self.source), str(self.out)],
            capture_output=True,
            text=True,
            env=environment,
        )

    def html(self, name: str = "page") -> str:
        return (self.out / f"{name}.html").read_text("utf-8")


@pytest.fixture
def pages(tmp_path) -> Pages:
    return Pages(tmp_path)


def test_a_page_shows_claims_predictions_facts_and_references(pages):
    built = pages.build()
    assert built.returncode == 0, built.stderr
    html = pages.html()
    link = re.search(r'<a class="claim[^>]*href="([^"]+)"[^>]*>([^<]+)</a>', html)
    assert link[1] == "book/claims.html#claim-speed"
    assert link[2] == "12×"
    assert 'id="claim-speed"' in pages.html("book/claims")
    assert re.search(r"<details>\s*<summary>[^<]+</summary>\s*<p>Very <em>fast</em>", html)
    assert "2 minutes · 2 sections" in html
    assert "Some Body. A source. 2020." in html[html.index('<section id="references">') :]


MISTAKES = {
    "{claim}`sped`": "unknown claim: sped",
    ":::{predict} Why?\n:points: 3\n\nBecause.\n:::": "points",
    ":::{predict} Why not?\n:::": 'Content block expected for the "predict" directive',
    "```{lesson}\n:minutes: 5\n\nText.\n```": "minutes",
    "{glue:text}`never_computed`": "never_computed",
}


def test_each_mistake_fails_the_build_naming_file_and_line(pages):
    pages.write("page.md", PAGE + "\n" + "\n\n".join(MISTAKES) + "\n")
    built = pages.build()
    assert built.returncode != 0
    text = (pages.source / "page.md").read_text()
    for wrong, reason in MISTAKES.items():
        written = text[: text.index(wrong)].count("\n") + 1
        (line,) = (line for line in built.stderr.splitlines() if reason in line)
        reported = int(re.search(r"/page\.md:(\d+): (WARNING|ERROR)", line)[1])
        assert reported - written in (0, 1), line


def test_a_malformed_file_of_claims_fails_the_build_with_its_line(pages):
    pages.write("book/claims.yml", CLAIMS.replace("year", "yaer"))
    built = pages.build()
    assert built.returncode != 0
    assert re.search(
        r"claims\.yml:7: speed: unknown key yaer \(year\?\); the keys are what, ", built.stderr
    )


def test_a_changed_claim_changes_the_pages_that_quote_it(pages):
    assert pages.build().returncode == 0
    pages.write("book/claims.yml", CLAIMS.replace("value: 12", "value: 13"))
    assert pages.build().returncode == 0
    assert "13×" in pages.html()
