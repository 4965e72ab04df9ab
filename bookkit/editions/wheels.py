"""The wheel of ``labs`` that the site ships, for notebooks that run where it is not installed.

``labs`` on the package index is somebody else's: the distribution has a name of its own. Its
version follows its content: ``0.1.0+c1f2e3d4c5b6.m7a8b`` is version 0.1.0 with these very files and
this ``pyproject.toml``, so that no two wheels share a version, and a notebook can say which it was
made with. A checkout of the repository is version 0.1.0 alone.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bookkit import ROOT
from labs._version import content

if TYPE_CHECKING:
    from bookkit.site import Site

DISTRIBUTION = "serving-labs"
FOLDER = "wheels"
ABOUT = ("pyproject.toml", "LICENSE")
PARTS = (*ABOUT, "labs")
EXTRAS = "learn,plots,widgets"
NEEDED = f"{DISTRIBUTION}[{EXTRAS}]"
VERSION = re.compile(r'^__version__ = "([^"]+)"', re.MULTILINE)


def base() -> str:
    """Return the version that the sources name, without importing them."""
    found = VERSION.search((ROOT / "labs" / "__init__.py").read_text("utf-8"))
    assert found  # noqa: S101
    return found[1]


def made_with() -> str:
    """Return the version of ``labs`` with the checksum that the package tells of itself."""
    return f"{base()}+{content(ROOT / 'labs')}"


def version() -> str:
    """Return the version of a wheel of the sources as they are."""
    about = hashlib.sha256(b"".join((ROOT / part).read_bytes() for part in ABOUT))
    return f"{made_with()}.m{about.hexdigest()[:4]}"


def name() -> str:
    """Return the name of the wheel's file."""
    return f"{DISTRIBUTION.replace('-', '_')}-{version()}-py3-none-any.whl"


def make(folder: Path, kind: str = "wheel") -> Path:
    """Build the wheel (or ``kind="sdist"``) into a folder, from a copy with its version in it."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        _copy(Path(place))
        uv = [str(Path(sys.executable).with_name("uv")), "build", "--quiet", f"--{kind}"]
        here = ["--no-build-isolation", "--python", sys.executable]
        there = ["--out-dir", str(folder.resolve()), place]
        subprocess.run([*uv, *here, *there], check=True)
    (folder / ".gitignore").unlink(missing_ok=True)
    made = folder / name()
    return made if kind == "wheel" else made.with_name(f"{made.name.split('-py3')[0]}.tar.gz")


def ship(site: Site) -> None:
    """Put the wheel beside the pages."""
    make(site.out / FOLDER)


def _copy(folder: Path) -> None:
    """Copy what the package is built from, with the version that its content gives it."""
    for part in PARTS:
        source, target = ROOT / part, folder / part
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    stated = folder / "labs" / "__init__.py"
    text = stated.read_text("utf-8")
    stated.write_text(VERSION.sub(f'__version__ = "{version()}"', text), "utf-8")
