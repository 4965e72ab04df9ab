"""Fetch the wheels that JupyterLite needs beside ``labs``: ``python book/wheelhouse.py FOLDER``.

They are pure Python, of the versions and with the hashes that ``requirements.lock`` names, so that
widgets work in the browser as they do in the book. What is compiled (numpy, scipy, ...) comes with
the browser's Python.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

LOCK = Path(__file__).parents[1] / "requirements.lock"
SHIPPED = (
    "anywidget",
    "comm",
    "ipywidgets",
    "jupyterlab-widgets",
    "psygnal",
    "seaborn",
)
ANY = ("--platform", "any", "--implementation", "py", "--abi", "none", "--python-version", "3.14")


def pinned(lock: str, names: tuple[str, ...]) -> str:
    """The parts of a lock on these packages.

    Raises
    ------
    ValueError
        If one is not in it.
    """
    entries = re.findall(r"^([a-z0-9-]+)==(?:.*\\\n)+.*\n", lock, re.MULTILINE)
    missing = set(names) - set(entries)
    if missing:
        raise ValueError(f"requirements.lock does not pin {sorted(missing)}")
    parts = re.findall(r"^(?:" + "|".join(names) + r")==(?:.*\\\n)+.*\n", lock, re.MULTILINE)
    return "".join(parts)


def fetch(folder: Path) -> None:
    """Download them, and check their hashes."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as wanted:
        wanted.write(pinned(LOCK.read_text("utf-8"), SHIPPED))
        wanted.flush()
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        options = ["--no-deps", "--only-binary", ":all:", "--require-hashes", *ANY]
        subprocess.run([*pip, *options, "-r", wanted.name, "-d", str(folder)], check=True)


if __name__ == "__main__":
    fetch(Path(sys.argv[1]))
