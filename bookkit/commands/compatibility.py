"""Test ``labs`` on other Pythons, and on the oldest packages that it declares.

Without arguments, on every Python of this machine (``make pythons``); with versions (``3.12``,
``oldest``), on those alone; with ``--one``, as ``make test`` does, on the newest other Python there
is, or it says that there is none. Each environment has the wheel, so that what is tested is what
somebody installs. The oldest packages (``tests/labs/oldest.lock``) go with the oldest Python, for
which all of them have wheels; the newest go with every other.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from bookkit import ROOT
from bookkit.commands import pythons
from bookkit.commands.install import handed
from bookkit.editions import wheels

FOLDER = ROOT / "_build" / "compatibility"
NEWEST = ("requirements.lock", "tests/requirements.lock")
OLDEST = ("tests/labs/oldest.lock",)
UV: list[str | Path] = [Path(sys.executable).with_name("uv"), "--quiet"]
SAY = (
    "import numpy, scipy, sys; print(sys.version.split()[0], numpy.__version__, scipy.__version__)"
)


def environment(python: Path, name: str, locks: tuple[str, ...], wheel: Path) -> Path:
    """Make an environment of a Python and locked packages; its Python."""
    place = FOLDER / name
    made = place / "bin" / "python"
    install: list[str | Path] = [*UV, "pip", "install", "--python", made]
    needed: list[str | Path] = [part for lock in locks for part in ("-r", lock)]
    commands: tuple[list[str | Path], ...] = (
        [*UV, "venv", "--clear", "--python", python, place],
        [*install, "--compile-bytecode", "--require-hashes", *needed],
        [*install, "--no-deps", wheel],
    )
    for command in commands:
        subprocess.run(command, cwd=ROOT, env=handed(Path(sys.executable)), check=True)
    return made


def test(python: Path) -> int:
    """Run the package's tests with a Python; the exit status."""
    versions = subprocess.run([python, "-c", SAY], capture_output=True, text=True, check=True)
    print("\nPython {}, numpy {}, scipy {}".format(*versions.stdout.split()), flush=True)
    command: list[str | Path] = [
        python,
        "-m",
        "pytest",
        "-q",
        "-n",
        "2",
        "--dist",
        "loadfile",
        "tests/labs",
    ]
    # Not the sources beside it, but the wheel is tested.
    environment = {**os.environ, "PYTHONSAFEPATH": "1"}
    return subprocess.run(command, cwd=ROOT, env=environment).returncode


def lanes(asked: list[str]) -> dict[str, tuple[Path, tuple[str, ...]]]:
    """Return a Python and locks for each environment that is asked for."""
    known = pythons.found()
    every: dict[str, tuple[Path, tuple[str, ...]]] = {"oldest": (known[min(known)], OLDEST)}
    others = [version for version in known if version != sys.version_info[:2]]
    every |= {".".join(map(str, version)): (known[version], NEWEST) for version in others}
    if asked == ["--one"]:
        return dict(list(every.items())[1:][-1:])
    if missing := set(asked) - set(every):
        raise SystemExit(f"not on this machine: {', '.join(sorted(missing))}")
    return {name: lane for name, lane in every.items() if not asked or name in asked}


def main() -> int:
    chosen = lanes(sys.argv[1:])
    if not chosen:
        print("not tested: labs on another Python, of which this machine has none (make pythons)")
        return 0
    wheel, failed = wheels.make(FOLDER), []
    for name, (python, locks) in chosen.items():
        if test(environment(python, name, locks, wheel)):
            failed.append(name)
        shutil.rmtree(FOLDER / name)
    print(f"{', '.join(chosen)}: {'failed: ' + ', '.join(failed) if failed else 'passed'}")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
