"""Make what a release publishes, in ``_build/release``: ``make release``.

The wheel and the sources of ``labs``, the site as a zip that any static server serves without a
network, and the notes of this version from ``CHANGELOG.md``.
"""

import re
import shutil
from pathlib import Path

from bookkit import ROOT
from bookkit.editions import wheels

SITE = ROOT / "_build" / "html"
RELEASE = ROOT / "_build" / "release"


def offline(site: Path, folder: Path) -> Path:
    """Pack the site."""
    name = folder / f"serving-by-the-numbers-{wheels.base()}-offline"
    return Path(shutil.make_archive(str(name), "zip", site))


def notes(changelog: str, version: str) -> str:
    """The part of the changelog on a version."""
    found = re.search(
        rf"^## {re.escape(version)}\b[^\n]*\n(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL
    )
    if not found:
        raise SystemExit(f"CHANGELOG.md has no section on {version}")
    return found[1].strip() + "\n"


def main() -> None:
    if not (SITE / "book" / "index.html").is_file():
        raise SystemExit("Build the book first: make book")
    shutil.rmtree(RELEASE, ignore_errors=True)
    RELEASE.mkdir(parents=True)
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    (RELEASE / "NOTES.md").write_text(notes(changelog, wheels.base()), "utf-8")
    wheels.make(RELEASE)
    wheels.make(RELEASE, "sdist")
    offline(SITE, RELEASE)
    print(*(path.relative_to(ROOT) for path in sorted(RELEASE.iterdir())), sep="\n")


if __name__ == "__main__":
    main()
