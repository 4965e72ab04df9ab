"""Run every check, then say how each went: ``make test``. Ends nonzero if any failed."""

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PYTHON = [sys.executable, "-m"]
PYTEST = [*PYTHON, "pytest", "-q"]
TWO = ["-n", "2", "--dist", "loadfile"]
SITE = {"book", "notebooks", "tests", "lighthouse"}
CHECKS = {
    "lint": [*PYTHON, "ruff", "check"],
    "format": [*PYTHON, "ruff", "format", "--check"],
    "types": [*PYTHON, "mypy", "--strict", "labs"],
    "script types": ["npm", "run", "--silent", "types"],
    "scripts": ["npm", "run", "--silent", "scripts"],
    "docstrings": [*PYTEST, "--doctest-modules", "labs"],
    "book": [sys.executable, "book/build.py", "--force"],
    "notebooks": [
        *PYTEST,
        *TWO,
        *("--nbval", "--nbval-current-env", "--nbval-sanitize-with", "tests/nbval.cfg"),
        "_build/jupyter_execute",
    ],
    "tests": [*PYTEST, *TWO, "-m", "not lighthouse and not network", "tests"],
    "other Pythons": [sys.executable, "tests/compatibility.py"],
    "lighthouse": [*PYTEST, "-m", "lighthouse", "tests/book/test_site.py"],
}


def run(name: str, command: list[str]) -> tuple[bool, str]:
    """Run one check, showing what it prints; whether it passed, and its closing line."""
    print(f"\n── {name}: {' '.join(command[1:])}", flush=True)
    began, closing = time.monotonic(), ""
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        for line in process.stdout:
            print(line, end="", flush=True)
            closing = line.strip() or closing
    seconds = time.monotonic() - began
    passed = process.returncode == 0
    verdict = closing if "pytest" in command else "passed" if passed else "failed"
    return passed, f"{'✓' if passed else '✗'} {name:13} {seconds:5.0f} s  {verdict}"


def main() -> int:
    results: dict[str, tuple[bool, str]] = {}
    for name, command in CHECKS.items():
        if name in SITE and not results.get("book", (True,))[0]:
            results[name] = (False, f"✗ {name:13}          needs the book, which was not built")
        else:
            results[name] = run(name, command)
    print("\n" + "\n".join(line for _, line in results.values()))
    return int(not all(passed for passed, _ in results.values()))


if __name__ == "__main__":
    sys.exit(main())
