"""Follow every link of the book to another host, by Sphinx's linkcheck: ``make links``.

It needs a network, and fails if a link is broken. A host that refuses programs is named, and not
held against the link.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from bookkit import ROOT

OUT = ROOT / "_build" / "links"
REFUSED = re.compile(r"\b(401|403|405|406|418|429|999)\b")


def check(source: Path, settings: Path, out: Path, *options: str) -> None:
    """Have Sphinx follow the links of a book, whose cells need not be run for that."""
    command = [sys.executable, "-m", "sphinx", "-q", "-b", "linkcheck", "-c", str(settings)]
    off = ["-D", "nb_execution_mode=off", "-D", "linkcheck_retries=3", "-D", "linkcheck_timeout=20"]
    # Its exit status would hold a refusal against a link, and its warnings repeat what it wrote.
    subprocess.run(
        [*command, *off, *options, str(source), str(out)], stderr=subprocess.DEVNULL, check=False
    )


def judged(out: Path) -> Iterator[tuple[bool, str]]:
    """Yield whether each link that did not answer is broken, and what to say of it."""
    for line in (out / "output.json").read_text("utf-8").splitlines():
        link = json.loads(line)
        if link["status"] in ("broken", "timeout"):
            place = f"{link['filename']}:{link['lineno']}: {link['uri']}: {link['info']}"
            refused = REFUSED.search(link["info"]) is not None
            yield not refused, f"{'no program may ask' if refused else 'broken'}: {place}"


def main() -> int:
    check(ROOT, ROOT / "bookkit" / "sphinx", OUT)
    found = list(judged(OUT))
    for _, said in found:
        print(said)
    followed = len((OUT / "output.json").read_text("utf-8").splitlines())
    wrong = sum(broken for broken, _ in found)
    print(f"{followed} links, {wrong} broken")
    return int(bool(wrong) or not followed)


if __name__ == "__main__":
    sys.exit(main())
