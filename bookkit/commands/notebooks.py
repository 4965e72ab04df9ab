"""Run every notebook of the forced build again and compare what each cell puts out, by nbval.

It runs as a reader's would: in an environment that has the libraries of this one, and of the book
nothing but the wheel that the site ships.
"""

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

from bookkit import ROOT
from bookkit.editions import wheels

BUILD = ROOT / "_build"
PLACE = BUILD / "reader"
PYTEST = ["-m", "pytest", "-q", "-n", "2", "--dist", "loadfile", "-p", "no:cacheprovider"]
NBVAL = ["--nbval", "--nbval-current-env", "--nbval-sanitize-with", "tests/nbval.cfg"]


def environment(folder: Path, wheel: Path) -> Path:
    """Make an environment of this one's libraries and a wheel of ``labs``; its Python.

    Raises
    ------
    RuntimeError
        If it would import ``labs`` from elsewhere.
    """
    venv.create(folder, with_pip=False, clear=True)
    python = folder / "bin" / "python"
    library = next((folder / "lib").glob("python*/site-packages"))
    others = [path for path in sys.path if path.endswith("site-packages")]
    (library / "others.pth").write_text("\n".join(others), "utf-8")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(library)
    ask: list[str | Path] = [python, "-c", "import labs; print(labs.__file__)"]
    said = subprocess.run(ask, cwd=folder, capture_output=True, text=True, check=True).stdout
    if not Path(said.strip()).is_relative_to(library):
        raise RuntimeError(f"labs would come from {said.strip()}, not from the wheel")
    return python


def main() -> int:
    python = environment(PLACE, BUILD / "html" / wheels.FOLDER / wheels.name())
    command: list[str | Path] = [python, *PYTEST, *NBVAL, BUILD / "jupyter_execute"]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
