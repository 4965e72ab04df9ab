"""The first cell of every notebook: it sees to it that the ``labs`` it was made with is there."""

from __future__ import annotations

from urllib.parse import quote

from bookkit.editions import wheels

# What runs is a checkout of the repository, or what the notebook was made with, or is installed.
CHECK = """\
# Installs the labs that this notebook was made with; where it is there, this does nothing.
from importlib.metadata import PackageNotFoundError, version

try:
    found = version("{distribution}")
except PackageNotFoundError:
    found = ""
if found not in ("{version}", "{base}"):
"""
PUBLISHED = """\
    %pip install --quiet "{needed} @ {address}"\
"""
BESIDE = """\
    from pathlib import Path

    # Beside this notebook, or where the site keeps it.
    wheel = "{wheel}"
    places = [Path(folder, wheel) for folder in (".", "../../wheels", "../wheels")]
    have = [str(place.resolve()) for place in places if place.exists()]
    if have:
        install = f"{{have[0]}}[{extras}]"
        %pip install --quiet "{{install}}"
    else:
        raise ModuleNotFoundError(
            f"put {{wheel}}, which the page of this notebook links, beside the notebook, "
            "and run this cell again: it installs labs with all that the notebook needs"
        )\
"""
LITE = """\
    %pip install --quiet "{needed}"\
"""


def cell(site: str) -> str:
    """Return the cell, for a site that is published at an address, or for one that is not."""
    address = f"{site}{wheels.FOLDER}/{quote(wheels.name())}"
    return _filled(CHECK + (PUBLISHED if site else BESIDE), address=address)


def lite() -> str:
    """Return the cell for JupyterLite, which finds the site's own wheels by their name."""
    return _filled(CHECK + LITE)


def _filled(text: str, **more: str) -> str:
    return text.format(
        distribution=wheels.DISTRIBUTION,
        version=wheels.version(),
        base=wheels.base(),
        needed=wheels.NEEDED,
        extras=wheels.EXTRAS,
        wheel=wheels.name(),
        **more,
    )
