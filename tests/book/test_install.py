"""The installation: on any day, by any pip, with what pip is configured with, and whole or not."""

import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bookkit.commands import install, wheelhouse

ROOT = Path(__file__).resolve().parents[2]
OLD = "22.3"
PIPS = (OLD, "23.2.1", "")
LOCKS = ("requirements.lock", "tests/requirements.lock")
PIN = re.compile(r"^([\w.-]+)(?:\[([\w,-]+)\])?==(\S+)", re.MULTILINE)
# Only what a test asks for decides, and what pip is configured with here.
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("UV_", "MAKE"))}


def environment(folder: Path, pip: str) -> Path:
    """An empty environment whose pip is of a version, the newest if none is named; its Python."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    wanted = f"pip=={pip}" if pip else "pip"
    bring = [python, "-m", "pip", "install", "--quiet", "--upgrade", wanted]
    subprocess.run(bring, check=True, env=CLEAN)
    return python


@pytest.mark.parametrize("pip", PIPS, ids=lambda pip: pip or "newest")
def test_the_lock_resolves_with_pip_alone(pip: str, tmp_path: Path) -> None:
    """As ``requirements.txt`` is for: with the index there is, whatever was published since."""
    python = environment(tmp_path / "venv", pip)
    said = subprocess.run([python, "-m", "pip", "--version"], capture_output=True, text=True)
    if pip:
        assert said.stdout.startswith(f"pip {pip} ")
    asked = ["install", "--dry-run", "--quiet", "--require-hashes", "-r", ROOT / LOCKS[0]]
    done = subprocess.run([python, "-m", "pip", *asked], capture_output=True, text=True, env=CLEAN)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_keeps_every_extra_that_something_asks_for(lock: str) -> None:
    """Without them pip before 24 refuses the lock as soon as a newer release is out."""
    pins = {canonicalize_name(name): extras for name, extras, _ in PIN.findall(lock_text(lock))}
    kept = {(name, extra) for name, extras in pins.items() for extra in extras.split(",") if extra}
    asked, active = set(), {(name, "") for name in pins} | kept
    for found in distributions():
        name = canonicalize_name(found.metadata["Name"])
        for text in found.requires or () if name in pins else ():
            need = Requirement(text)
            wanted = {extra for who, extra in active if who == name}
            if any(not need.marker or need.marker.evaluate({"extra": e}) for e in wanted):
                asked |= {(canonicalize_name(need.name), extra) for extra in need.extras}
    asked = {(name, extra) for name, extra in asked if name in pins}
    assert asked
    assert asked <= kept


def lock_text(lock: str) -> str:
    return (ROOT / lock).read_text("utf-8")


def test_locks_and_uv_name_no_index() -> None:
    for path in (*LOCKS, "bookkit/commands/uv.txt", "bookkit/sphinx/requirements.lock"):
        assert "://" not in lock_text(path)
        assert "index-url" not in lock_text(path)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy of the repository's own files, with nothing installed."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True).stdout.splitlines()
    wanted = ("bookkit", "labs", "tests/", "Makefile", "requirements", "pyproject", "LICENSE")
    for name in names:
        if name.startswith(wanted) and (ROOT / name).is_file():
            (tmp_path / "clone" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tmp_path / "clone" / name)
    return tmp_path / "clone"


def make(clone: Path, *targets: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", f"PYTHON={sys.executable}", *targets],
        cwd=clone,
        env={**CLEAN, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_both_commands_install_into_an_empty_environment_with_an_old_pip(clone: Path) -> None:
    python = environment(clone / ".venv", OLD)
    for target in (".venv/book", ".venv/tests", ".venv/wheels"):
        done = make(clone, target)
        assert done.returncode == 0, done.stdout + done.stderr
    installed = held(python)
    pinned: dict[str, set[str]] = {}
    for name, _, version in PIN.findall("\n".join(map(lock_text, LOCKS))):
        pinned.setdefault(canonicalize_name(name), set()).add(version)
    others = {name for name in installed if installed[name] not in pinned.get(name, set())}
    assert others <= {"pip", "serving-labs", "torch", "uv"}
    assert {"jupyter-book", "pytest", "serving-labs", "uv"} <= set(installed)
    assert len(list((clone / ".venv" / "wheels").glob("*.whl"))) == len(wheelhouse.SHIPPED)
    assert make(clone, "-q", ".venv/book", ".venv/tests", ".venv/wheels").returncode == 0


def held(python: Path) -> dict[str, str]:
    code = (
        "import importlib.metadata as m; "
        "print(*(f\"{d.metadata['Name']} {d.version}\" for d in m.distributions()), sep='\\n')"
    )
    said = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout
    found = dict(line.split() for line in said.splitlines())
    return {canonicalize_name(name): version for name, version in found.items()}


def test_what_could_not_be_fetched_leaves_nothing_that_counts_as_done(
    clone: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    none = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path / "empty")}
    for _ in range(2):
        done = make(clone, ".venv/book", **none)
        assert done.returncode != 0
        assert not (clone / ".venv" / "book").exists()
    wheels = tmp_path / "wheels"
    fetch = [sys.executable, "-m", "bookkit.commands.wheelhouse", wheels]
    for _ in range(2):
        done = subprocess.run(fetch, cwd=ROOT, env={**CLEAN, **none}, capture_output=True)
        assert done.returncode != 0
        assert not wheels.exists()
    subprocess.run(fetch, cwd=ROOT, env=CLEAN, check=True)
    assert len(list(wheels.glob("*.whl"))) == len(wheelhouse.SHIPPED)


@pytest.mark.parametrize(
    ("listed", "handed"),
    [
        ("", {}),
        (
            "global.index-url='https://u:p@a.example/simple'\n"
            ":env:.index-url='https://b.example/simple'",
            {"UV_DEFAULT_INDEX": "https://b.example/simple"},
        ),
        (
            "global.extra-index-url='\\nfile:///a/simple\\nfile:///b/simple'",
            {"UV_INDEX": "file:///a/simple file:///b/simple"},
        ),
        (
            "install.find-links='/a /b'\nglobal.no-index='true'",
            {"UV_FIND_LINKS": "/a,/b", "UV_NO_INDEX": "true"},
        ),
        ("global.cert='/c.pem'\nglobal.constraint='/d.txt'", {"SSL_CERT_FILE": "/c.pem"}),
        ("download.find-links='/a'", {}),
    ],
)
def test_what_pip_is_configured_with_is_handed_to_uv(listed: str, handed: dict) -> None:
    assert install.settings(listed) == handed


def test_a_folder_of_wheels_serves_both(tmp_path: Path) -> None:
    """What pip is told by its settings uv finds: an offline machine with a folder of wheels."""
    download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    wanted = tmp_path / "wanted.txt"
    wanted.write_text(wheelhouse.pinned(lock_text(LOCKS[0]), ("comm",)))
    get = [*download, "--require-hashes", "-r", wanted, "-d", tmp_path / "folder"]
    subprocess.run(get, check=True, env=CLEAN)
    uv = [Path(sys.executable).with_name("uv"), "pip", "install", "--quiet", "--no-cache"]
    target = [*uv, "--require-hashes", "--no-deps", "--target", tmp_path / "site", "-r", wanted]
    listed = f":env:.no-index='1'\n:env:.find-links='{tmp_path / 'folder'}'"
    subprocess.run(target, env={**CLEAN, **install.settings(listed)}, check=True)
    assert (tmp_path / "site" / "comm").is_dir()
