"""Make ``_build/branch``, what the publish workflow pushes to the branch ``notebooks``.

Colab and Binder open notebooks from a branch: it holds those of the built site, and what Binder
needs to run them.
"""

import shutil
import sys
from pathlib import Path

from bookkit import ROOT
from bookkit.editions import wheels

BUILD = ROOT / "_build"
SITE = BUILD / "html"
BRANCH = BUILD / "branch"
EXTRAS = "learn,plots,sweep,widgets"
README = """\
# Notebooks of *Serving, by the Numbers*

Made by the publish workflow from what the book is built of; changes made here are overwritten.
"""


def make(site: Path, branch: Path) -> None:
    """Write the branch's files from a built site."""
    shutil.rmtree(branch, ignore_errors=True)
    shutil.copytree(site / "notebooks", branch)
    shutil.copytree(site / wheels.FOLDER, branch / wheels.FOLDER)
    (branch / "README.md").write_text(README, "utf-8")
    binder = branch / "binder"
    binder.mkdir()
    (binder / "runtime.txt").write_text("python-3.11\n", "utf-8")
    labs = f"./{wheels.FOLDER}/{wheels.name()}[{EXTRAS}]"
    (binder / "requirements.txt").write_text(f"{labs}\n", "utf-8")


if __name__ == "__main__":
    if not (SITE / "notebooks").is_dir():
        sys.exit("Build the book first: make book")
    make(SITE, BRANCH)
    print(f"The branch is at {BRANCH.relative_to(ROOT)}")
