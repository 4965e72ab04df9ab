"""Run the checks of a tier, then say how each went: ``make check``, ``make site``, ``make test``.

Ends nonzero if any failed. The closing lines also say what this machine did not allow to be tested.
"""

import os
import re
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass

from bookkit import ROOT

PYTHON = [sys.executable, "-m"]
PYTEST = [*PYTHON, "pytest", "-q"]
TWO = ["-n", "2", "--dist", "loadfile"]
NPM = ["npm", "run", "--silent"]
CHECK, SITE, TEST = "check", "site", "test"
SKIPPED = re.compile(r"^SKIPPED \[(\d+)\] \S+: (.*)$")
ABSENT = re.compile(r"^not tested: (.*)$")
# Hundreds of processes start, each of which would compile labs again.
ENVIRONMENT = {
    name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"
}


@dataclass(frozen=True)
class Check:
    """A command, the tiers it belongs to, and whether it looks at the built book."""

    name: str
    command: list[str]
    tiers: tuple[str, ...]
    book: bool = False


CHECKS = (
    Check("lint", [*PYTHON, "ruff", "check"], (CHECK, TEST)),
    Check("format", [*PYTHON, "ruff", "format", "--check"], (CHECK, TEST)),
    Check("types", [*PYTHON, "mypy", "--strict", "labs", "bookkit"], (CHECK, TEST)),
    Check("scripts", [*NPM, "check"], (CHECK, TEST)),
    Check("docstrings", [*PYTEST, "--doctest-modules", "labs"], (CHECK, TEST)),
    Check("labs", [*PYTEST, *TWO, "-m", "not fuzz", "tests/labs"], (CHECK, TEST)),
    Check("fuzz", [*PYTEST, *TWO, "-m", "fuzz", "tests/labs"], (TEST,)),
    Check("book", [*PYTHON, "bookkit.commands.build", "--force"], (SITE, TEST)),
    Check("notebooks", [*PYTHON, "bookkit.commands.notebooks"], (SITE, TEST), book=True),
    Check(
        "pages",
        [
            *(*PYTEST, *TWO, "--no-loadscope-reorder", "--durations=30"),
            *("-m", "not lighthouse and not network", "tests/book"),
        ],
        (SITE, TEST),
        book=True,
    ),
    Check(
        "lighthouse",
        [*PYTEST, "-n", "2", "-m", "lighthouse", "tests/book/test_site.py"],
        (SITE, TEST),
        book=True,
    ),
    Check("other Python", [*PYTHON, "bookkit.commands.compatibility", "--one"], (TEST,)),
)


def run(check: Check, untested: Counter[str]) -> tuple[bool, str]:
    """Run one check, showing what it prints; whether it passed, and its closing line."""
    print(f"\n── {check.name}: {' '.join(check.command[1:])}", flush=True)
    began, closing = time.monotonic(), ""
    with subprocess.Popen(
        check.command,
        cwd=ROOT,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            closing = line.strip() or closing
            if found := SKIPPED.match(line.strip()):
                untested[found[2]] += int(found[1])
            elif found := ABSENT.match(line.strip()):
                untested[found[1]] += 1
    seconds = time.monotonic() - began
    passed = process.returncode == 0
    counted = re.search(r"\d+ passed.*|no tests ran.*", closing)
    verdict = closing if counted else "passed" if passed else "failed"
    return passed, f"{'✓' if passed else '✗'} {check.name:13} {seconds:5.0f} s  {verdict}"


def main() -> int:
    tier = sys.argv[1]
    results: dict[str, tuple[bool, str]] = {}
    untested: Counter[str] = Counter()
    for check in CHECKS:
        if tier not in check.tiers:
            continue
        if check.book and not results["book"][0]:
            line = f"✗ {check.name:13}          needs the book, which was not built"
            results[check.name] = (False, line)
        else:
            results[check.name] = run(check, untested)
    print("\n" + "\n".join(line for _, line in results.values()))
    for reason, count in untested.items():
        print(f"– not tested on this machine ({count}): {reason}")
    return int(not all(passed for passed, _ in results.values()))


if __name__ == "__main__":
    sys.exit(main())
