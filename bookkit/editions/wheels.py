"""The wheel of ``labs`` that the site ships, for notebooks that run where it is not installed."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bookkit import ROOT

if TYPE_CHECKING:
    from bookkit.finish import Site

FOLDER = "wheels"
PARTS = ("pyproject.toml", "LICENSE", "labs")
NEEDED = "labs[learn,plots,widgets]"
INSTALL = """\
# Installs labs where it is missing; where it is there, this does nothing.
try:
    from labs import queueing
except ImportError:
    %pip install --quiet "{}"\
"""
BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"


def version() -> str:
    """Return the version of ``labs``, without importing it."""
    text = (ROOT / "labs" / "__init__.py").read_text("utf-8")
    found = re.search(r'^__version__ = "([^"]+)"', text, re.MULTILINE)
    assert found  # noqa: S101
    return found[1]


def name() -> str:
    """Return the name of the wheel's file."""
    return f"labs-{version()}-py3-none-any.whl"


def copy(folder: Path) -> None:
    """Copy what the package is built from."""
    for part in PARTS:
        source, target = ROOT / part, folder / part
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)


def make(folder: Path) -> Path:
    """Build the wheel into a folder, from a copy, so that the sources stay as they are."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        copy(Path(place))
        command = [sys.executable, "-W", "ignore", "-c", BUILD, str(folder.resolve())]
        subprocess.run(command, cwd=place, check=True, capture_output=True)
    return folder / name()


def ship(site: Site) -> None:
    """Put the wheel beside the pages."""
    make(site.out / FOLDER)
