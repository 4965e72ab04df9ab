"""The Pythons of this machine that the project supports."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

from bookkit import ROOT

ASK = "import sys, ensurepip, venv; print(*sys.version_info[:2], sys.base_prefix)"


def oldest() -> tuple[int, ...]:
    """The version that ``pyproject.toml`` asks for at least."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return tuple(map(int, project["requires-python"].removeprefix(">=").split(".")))


def places() -> list[Path]:
    """Where a Python may lie: on the path, or where pyenv, uv and setup-python keep theirs."""
    home = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    kept = [home / "versions", Path.home() / ".local" / "share" / "uv" / "python"]
    if tools := os.environ.get("RUNNER_TOOL_CACHE"):
        kept += Path(tools, "Python").glob("*")
    folders = [Path(part) for part in os.environ.get("PATH", "").split(os.pathsep) if part]
    return [
        Path(sys.executable),
        *(
            python
            for folder in [*folders, *(place for base in kept for place in base.glob("*/bin"))]
            for python in sorted(folder.glob("python3.[0-9]*"))
            if python.name.removeprefix("python3.").isdigit()
        ),
    ]


def found() -> dict[tuple[int, ...], Path]:
    """One Python a minor version, the running one first among equals, oldest version first."""
    pythons: dict[tuple[int, ...], Path] = {}
    for python in places():
        try:
            answer = subprocess.run(
                [python, "-c", ASK], capture_output=True, text=True, timeout=60, check=True
            ).stdout.split(maxsplit=2)
        except (OSError, subprocess.SubprocessError):
            continue
        version = tuple(map(int, answer[:2]))
        if version >= oldest():
            pythons.setdefault(version, python)
    return dict(sorted(pythons.items()))
