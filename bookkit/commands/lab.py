"""Open the lessons and exercises in JupyterLab: ``make lab``.

Notebooks of the built site are copied to ``notebooks``, where they are yours. One that you have not
edited follows the book; one that you have is kept, and a newer edition is put beside it as
``NAME.new.ipynb``. Outputs do not count as an edit. Options go to JupyterLab.
"""

import argparse
import hashlib
import json
import os
import sys
from pathlib import Path

from bookkit import ROOT

EDITIONS = ROOT / "_build" / "html" / "notebooks"
FOLDER = ROOT / "notebooks"
GIVEN = ".given.json"
# JupyterLab asks its own host neither for news nor for newer versions.
ALONE = (
    "--LabApp.news_url=None",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
)


def written(path: Path) -> str:
    """What somebody wrote in a notebook, as a checksum: its cells without outputs.

    A file that is no notebook counts whole.
    """
    content = path.read_bytes()
    try:
        cells = [(cell["cell_type"], cell["source"]) for cell in json.loads(content)["cells"]]
        content = json.dumps(
            [(kind, "".join(source)) for kind, source in cells if "".join(source)]
        ).encode()
    except (ValueError, KeyError, TypeError):
        pass
    return hashlib.sha256(content).hexdigest()


def hand_out(editions: Path, folder: Path) -> list[str]:
    """Bring a folder up to date with the editions; what to tell of notebooks that were kept.

    Parameters
    ----------
    editions : Path
        The notebooks of the built site.
    folder : Path
        Where they are worked on; made if it is missing.

    Returns
    -------
    list of str
        A line for each notebook that was edited and has a newer edition.
    """
    folder.mkdir(parents=True, exist_ok=True)
    record = folder / GIVEN
    try:
        given = json.loads(record.read_text("utf-8"))
    except (OSError, ValueError):
        given = {}
    kept = []
    for edition in sorted(editions.rglob("*.ipynb")):
        now = written(edition)
        name = edition.relative_to(editions).as_posix()
        beside = name.removesuffix(".ipynb") + ".new.ipynb"
        for place in (name, beside):
            mine = folder / place
            if not mine.exists() or (have := written(mine)) in (given.get(place), now):
                if not mine.exists() or have != now:
                    mine.parent.mkdir(parents=True, exist_ok=True)
                    mine.write_bytes(edition.read_bytes())
                given[place] = now
                break
            if given.get(place) == now:
                break
        if place == beside:
            kept.append(f"{name} is as you edited it; what the book has now is {beside}")
    record.write_text(json.dumps(given, indent=1), "utf-8")
    return kept


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the notebooks lie")
    known, options = parser.parse_known_args()
    if not EDITIONS.is_dir():
        sys.exit("Build the book first: make book")
    for line in hand_out(EDITIONS, known.folder):
        print(line)
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    lab = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={known.folder.resolve()}"]
    os.execv(sys.executable, [*lab, *ALONE, *options])  # noqa: S606


if __name__ == "__main__":
    main()
