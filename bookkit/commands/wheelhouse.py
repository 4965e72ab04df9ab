"""Fetch the wheels that JupyterLite needs beside ``labs`` into a folder.

They are pure Python, of the versions and with the hashes that ``requirements.lock`` names, so that
widgets work in the browser as they do in the book. What is compiled (numpy, scipy, ...) comes with
the browser's Python.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from jupyterlite_pyodide_kernel.constants import PYODIDE_PYTHON_VERSION

from bookkit import ROOT

LOCK = ROOT / "requirements.lock"
SHIPPED = (
    "anywidget",
    "comm",
    "ipywidgets",
    "jupyterlab-widgets",
    "psygnal",
    "seaborn",
)
ANY = ("--platform", "any", "--implementation", "py", "--abi", "none")


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
    """Download them and check their hashes; the folder is there only once all of it is."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as place:
        wanted, fetched = Path(place, "wanted.txt"), Path(place, "wheels")
        wanted.write_text(pinned(LOCK.read_text("utf-8"), SHIPPED), "utf-8")
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        options = ["--no-deps", "--only-binary", ":all:", "--require-hashes", *ANY]
        python = ["--python-version", PYODIDE_PYTHON_VERSION]
        subprocess.run([*pip, *options, *python, "-r", wanted, "-d", fetched], check=True)
        shutil.rmtree(folder, ignore_errors=True)
        fetched.rename(folder)


if __name__ == "__main__":
    try:
        fetch(Path(sys.argv[1]))
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)
