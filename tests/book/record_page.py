"""A small book with a learner's record, and what a reader does on its pages."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Locator, Page

ROOT = Path(__file__).resolve().parents[2]
KEY = "serving-by-the-numbers:/"

CONFIG = """
project = html_title = "A small book"
extensions = ["myst_nb", "sphinxcontrib.bibtex", "sphinx_book_theme", "bookkit.extension"]
finishing = ["policy"]
bibtex_bibfiles = ["book/references.bib"]
myst_enable_extensions = ["colon_fence", "dollarmath"]
nb_execution_mode = "off"
html_theme = "sphinx_book_theme"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_context = {"default_mode": "auto"}
html_theme_options = {"use_download_button": False, "use_fullscreen_button": False}
root_doc = "book/index"
jupyterlite = False
html_math_renderer = "katex"
"""

INDEX = """\
# A small book

```{progress}
:summary:
```

```{progress}
```

```{toctree}
:hidden:
../lessons/first
../lessons/second
practice
```
"""

LESSON = """\
# {title}

```{{lesson}}
**You will be able to** do it.
```

## A section

:::{{predict}} How many?
:name: many
:asks: So many
:value: 40
:unit: ms

It is 40.
:::

:::{{predict}} Which way?
:name: way
:asks: It goes
:value: up
:choices: up | down

Up.
:::

## Skill check

```{{skillcheck}}
```

```{{notes}}
```
"""

BANK = """\
- id: one
  kind: one
  ask: Which of $x$ and $y$?
  options:
    - {text: The first one, right: false, feedback: The first is wrong for its reason.}
    - {text: The second one, right: true, feedback: The second is right for its reason.}
    - {text: The third one, right: false, feedback: The third is wrong for its reason.}
  explain: The second it is, as it was before.
- id: several
  kind: several
  ask: Which ones?
  options:
    - {text: Alpha, right: true, feedback: Alpha belongs here.}
    - {text: Beta, right: false, feedback: Beta does not belong here.}
    - {text: Gamma, right: true, feedback: Gamma belongs here.}
  explain: Alpha and Gamma belong here by their names.
- id: number
  kind: number
  ask: Twice {x} ms?
  draw: {x: [1, 2, 3, 4, 5, 6, 7, 8, 9]}
  answer: 2 * x
  unit: ms
  tolerance: 0.01
  slips:
    - {answer: 3 * x, feedback: That is three times.}
  explain: Twice {x} ms is {answer} ms, as anyone can count.
- id: order
  kind: order
  ask: In order of size, as in the [next lesson](../lessons/second.md).
  items: [small, middle, large]
  explain: Sizes are ordered by what they are.
"""

PRACTICE = "# Practice\n\n## What is due\n\n```{practice}\n```\n\n## Record\n\n```{record}\n```\n"


def build(folder: Path, server: str = "", finishing: tuple[str, ...] = ()) -> Path:
    """Build the small book and return its site.

    `server` is that of accounts, if any; steps of `finishing` come to that which the record needs.
    """
    source, out = folder / "source", folder / "site"
    for name, text in {
        "conf.py": f"{CONFIG}finishing += {list(finishing)}\n",
        "book/references.bib": "",
        "book/index.md": INDEX,
        "book/practice.md": PRACTICE,
        "lessons/first.md": LESSON.format(title="First lesson"),
        "lessons/second.md": LESSON.format(title="Second lesson"),
        "book/questions/first.yml": BANK,
        "book/questions/second.yml": BANK,
    }.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(text, "utf-8")
    shutil.copytree(ROOT / "book" / "_static", source / "_static")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going"]
    options = ["-D", f"account_server={server}"] if server else []
    subprocess.run([*command, *options, str(source), str(out)], check=True)
    return out


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


# Skill checks


def question(page: Page, name: str) -> Locator:
    """A question, of the group that holds it."""
    if page.locator(f'.not-now[data-question="{name}"]').count():
        page.evaluate("name => location.hash = `question-${name}`", name)
        page.wait_for_selector(f'.question[data-question="{name}"]:not(.not-now)')
    return page.locator(f'.question[data-question="{name}"]')


def folded(page: Page, name: str) -> Locator:
    return page.locator(f'details.answer[data-question="{name}"]')


def status(page: Page, name: str) -> str:
    return question(page, name).locator(".question-status").inner_text()


def standing(page: Page) -> str:
    return " ".join(page.locator(".check-standing p").first.inner_text().split())


def data(found: Locator) -> dict:
    return json.loads(found.locator("script").first.text_content())


def check(found: Locator) -> None:
    found.get_by_role("button", name="Check").click()


def again(found: Locator) -> None:
    found.get_by_role("button", name="Try").click()


def choose(page: Page, name: str, *options: int) -> None:
    """Answer a question of choices."""
    found = question(page, name)
    for option in options:
        found.locator(".options input").nth(option).check()
    check(found)


def say(page: Page, name: str, text: str) -> None:
    """Answer a question of numbers."""
    found = question(page, name)
    found.locator(".number-answer input").fill(text)
    check(found)


def sort(found: Locator, places: list[int]) -> None:
    """Bring items whose right places are given into order, by their buttons."""
    present = list(places)
    for wanted in range(len(places)):
        at = present.index(wanted)
        while at > wanted:
            found.locator(".options > li").nth(at).get_by_role("button", name="Move up").click()
            present[at - 1], present[at] = present[at], present[at - 1]
            at -= 1
    check(found)


def solve(found: Locator, *, right: bool = True, variant: int = 0) -> None:
    """Answer a question by its key, or against it."""
    key, kind = data(found), found.get_attribute("data-kind")
    if kind == "number":
        value = key["variants"][variant]["answer"] * (1 if right else 7.7)
        found.locator(".number-answer input").fill(f"{value:.12g}")
        check(found)
    elif kind == "order":
        sort(found, key["places"]) if right else check(found)
    else:
        count = found.locator(".options input").count()
        chosen = key["right"] if right else [i for i in range(count) if i not in key["right"]][:1]
        for option in chosen:
            found.locator(".options input").nth(option).check()
        check(found)


# The record


def stored(page: Page) -> str | None:
    """What is in the browser's storage, as it is."""
    return page.evaluate(f"localStorage.getItem({KEY!r})")


def store(page: Page, text: str) -> None:
    page.evaluate(f"text => localStorage.setItem({KEY!r}, text)", text)


def answers(page: Page) -> list[dict]:
    """The answers on record, as the page's own store gives them."""
    return page.evaluate("bookRecord.answers()")


def sentence(page: Page) -> str:
    """What the foot of the page says is wrong, empty if nothing is."""
    bar = page.locator(".record-trouble")
    return bar.locator("p").inner_text() if bar.is_visible() else ""


def notes(page: Page) -> Locator:
    return page.get_by_label("Private notes")


def export(page: Page, folder: Path) -> dict:
    """Press export on the practice page and read the file."""
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Export everything").click()
    path = folder / "export.json"
    waiting.value.save_as(path)
    return json.loads(path.read_text("utf-8"))
