"""Test ``labs`` on every Python that is to be had, and on the oldest packages that it declares.

``make test`` runs this after the tests on its own Python. Each environment has the wheel, so that
what is tested is what somebody installs. The oldest packages (``tests/labs/oldest.lock``) go with
the oldest Python, for which all of them have wheels; the newest go with every other.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from bookkit import ROOT
from bookkit.commands import pythons
from bookkit.editions import wheels

FOLDER = ROOT / "_build" / "compatibility"
NEWEST = ("requirements.lock", "tests/requirements.lock")
OLDEST = ("tests/labs/oldest.lock",)
UV = [Path(sys.executable).with_name("uv"), "--quiet"]
SAY = (
    "import numpy, scipy, sys; print(sys.version.split()[0], numpy.__version__, scipy.__version__)"
)


def environment(python: Path, name: str, locks: tuple[str, ...], wheel: Path) -> Path:
    """Make an environment of a Python and locked packages; its Python."""
    place = FOLDER / name
    made = place / "bin" / "python"
    install = [*UV, "pip", "install", "--python", made]
    needed = [part for lock in locks for part in ("-r", lock)]
    for command in (
        [*UV, "venv", "--clear", "--no-python-downloads", "--python", python, place],
        [*install, "--require-hashes", *needed],
        [*install, "--no-deps", wheel],
    ):
        subprocess.run(command, cwd=ROOT, check=True)
    return made


def test(python: Path) -> int:
    """Run the package's tests with a Python; the exit status."""
    versions = subprocess.run([python, "-c", SAY], capture_output=True, text=True, check=True)
    print("\nPython {}, numpy {}, scipy {}".format(*versions.stdout.split()), flush=True)
    command = [python, "-m", "pytest", "-q", "-n", "2", "--dist", "loadfile", "tests/labs"]
    # Not the sources beside it, but the wheel is tested.
    environment = {**os.environ, "PYTHONSAFEPATH": "1"}
    return subprocess.run(command, cwd=ROOT, env=environment).returncode


def main() -> int:
    wheel = wheels.make(FOLDER)
    known = pythons.found()
    lanes = {"oldest": (known[min(known)], OLDEST)}
    others = [version for version in known if version != sys.version_info[:2]]
    lanes |= {".".join(map(str, version)): (known[version], NEWEST) for version in others}
    failed = []
    for name, (python, locks) in lanes.items():
        if test(environment(python, name, locks, wheel)):
            failed.append(name)
        shutil.rmtree(FOLDER / name)
    print(f"{len(lanes)} environments, failed: {', '.join(failed) or 'none'}")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
