"""Build the book into ``_build/html``: ``python -m bookkit.commands.build [--force]``.

The exercises become a course for nbgrader beside it, in ``_build/course``.

Without ``--force`` the results of cells come from a cache where neither they nor anything they
depend on has changed, and a book that has not changed is left alone. With it everything is executed
anew. Either way every warning is an error, and a site replaces the one before it only when its
build succeeded. With ``--numbers`` the numbers of every page are written anew beside it.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from bookkit import ROOT, numbers

BUILD = ROOT / "_build"
SITE = BUILD / "html"
NOTEBOOKS = BUILD / "jupyter_execute"
COURSE = BUILD / "course"
STAGING = BUILD / "staging"
STAGED = STAGING / "_build"
STATE = BUILD / "built.json"

SOURCES = (
    "_config.yml",
    "_toc.yml",
    "pyproject.toml",
    "requirements.lock",
    "book",
    "bookkit",
    "lessons",
    "exercises",
    "labs",
)
# Variables that a build reads, and that make another site of the same sources.
SETTINGS = ("BOOK_REPOSITORY", numbers.WRITE)
PAGES = (".md", ".ipynb")
ANSI = re.compile(r"\x1b\[[0-9;]*m")
REASON = re.compile(r"(?!During handling)\s*[A-Za-z]")
NOISE = re.compile(r".*((Md|Nb)ParserConfig\(|Kernel is running over TCP)")


def files(names: Iterable[str]) -> Iterator[Path]:
    """Every file under the named paths of the repository, in a fixed order."""
    for name in names:
        path = ROOT / name
        found = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in found:
            hidden = any(
                part.startswith(".") or part == "__pycache__"
                for part in file.relative_to(ROOT).parts
            )
            if file.is_file() and not hidden and not file.name.endswith("~"):
                yield file


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def snapshot() -> dict[str, str]:
    """The checksum of every source, the settings, and what executes it."""
    sources = {str(path.relative_to(ROOT)): digest(path) for path in files(SOURCES)}
    settings = {name: os.environ.get(name, "") for name in SETTINGS}
    return {**sources, **settings, "python": sys.version}


def listing() -> dict[str, int]:
    """Names and sizes of the published files."""
    return {
        str(path.relative_to(SITE)): path.stat().st_size
        for path in sorted(SITE.rglob("*"))
        if path.is_file()
    }


def read_state() -> dict[str, dict[str, Any]]:
    """The sources and the site of the last build, empty unless it succeeded."""
    try:
        return json.loads(STATE.read_text())
    except (OSError, json.JSONDecodeError):
        return {}


def cached_config() -> Path:
    """``_config.yml`` with execution through the cache."""
    config = yaml.safe_load((ROOT / "_config.yml").read_text())
    cache = BUILD / "cache"
    config.setdefault("execute", {}).update(execute_notebooks="cache", cache=str(cache))
    sphinx = config.get("sphinx", {})
    for name, folder in sphinx.get("local_extensions", {}).items():
        sphinx["local_extensions"][name] = str(ROOT / folder)
    derived = BUILD / "config.yml"
    derived.write_text(yaml.safe_dump(config))
    return derived


def forget_changed_pages(before: dict[str, str], now: dict[str, str]) -> None:
    """Make Sphinx read again every page that a change may have touched.

    Sphinx goes by modification times and by the page's own file; contents decide here, and a
    change to anything but a known page has every page read again.
    """
    doctrees = STAGED / ".doctrees"
    changed = {name for name in before.keys() | now.keys() if before.get(name) != now.get(name)}
    for name in changed:
        doctree = (doctrees / name).with_suffix(".doctree")
        if not name.endswith(PAGES) or not doctree.exists():
            shutil.rmtree(doctrees, ignore_errors=True)
            return
        doctree.unlink()


def readable(lines: Iterable[str]) -> Iterator[str]:
    """What Jupyter Book prints, without dumped settings, its own tracebacks and staged paths."""
    traceback: list[str] = []

    def told() -> list[str]:
        if not any("/jupyter_book/" in line for line in traceback):
            return traceback
        # Where the frames are Jupyter Book's own only its reason is worth reading.
        frames = [n for n, line in enumerate(traceback) if line.startswith(" ")]
        after = (ANSI.sub("", line) for line in traceback[frames[-1] + 2 :])
        reason = [line for line in after if REASON.match(line)]
        return [] if any("non-zero exit code" in line for line in reason) else reason

    for line in lines:
        if line.startswith("The HTML pages are in"):
            break
        if line.startswith("Traceback "):
            yield from told()
            traceback = [line]
        elif traceback:
            traceback.append(line)
        elif not NOISE.match(line):
            yield line
    yield from told()


def recompute_claims() -> int:
    """Recompute the published figures that can be, in a book that has any; the exit status."""
    claims = ROOT / "book" / "claims.yml"
    command = [sys.executable, "-m", "bookkit.commands.recompute"]
    return subprocess.run(command, cwd=ROOT).returncode if claims.exists() else 0


def run_jupyter_book(config: Path) -> int:
    """Run Jupyter Book into the staging folder, every warning an error; its exit status."""
    command = [
        str(Path(sys.executable).with_name("jupyter-book")),
        *("build", str(ROOT), "--path-output", str(STAGING), "--config", str(config)),
        *("-W", "-n", "--keep-going"),
    ]
    environment = {**os.environ, "JUPYTER_PREFER_ENV_PATH": "1", "PYTHONUNBUFFERED": "1"}
    rejected = False
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as process:
        assert process.stdout is not None  # noqa: S101
        for line in readable(process.stdout):
            print(line if sys.stdout.isatty() else ANSI.sub("", line), end="", flush=True)
            rejected = rejected or "Validation errors in config" in line
        process.stdout.read()
    return process.returncode or int(rejected)


def publish(forced: bool) -> None:
    """Put the staged site in the place of the old one."""
    shutil.rmtree(NOTEBOOKS, ignore_errors=True)
    if forced:
        shutil.copytree(STAGED / "jupyter_execute", NOTEBOOKS)
    # Only what a build makes: a teacher's gradebook and submissions may lie beside it.
    shutil.rmtree(COURSE / "source", ignore_errors=True)
    if (STAGED / "course").exists():
        shutil.copytree(STAGED / "course", COURSE, dirs_exist_ok=True)
    old = BUILD / "html.old"
    shutil.rmtree(old, ignore_errors=True)
    if SITE.exists():
        SITE.rename(old)
    (STAGED / "html").rename(SITE)
    shutil.rmtree(old, ignore_errors=True)


def build(force: bool) -> int:
    """Build what is out of date and publish it; the exit status."""
    sources, state = snapshot(), read_state()
    if not force and state.get("sources") == sources and state.get("site") == listing():
        print("Nothing has changed since the last build.")
        return 0
    STATE.unlink(missing_ok=True)
    BUILD.mkdir(exist_ok=True)
    if force:
        shutil.rmtree(STAGING, ignore_errors=True)
        shutil.rmtree(SITE, ignore_errors=True)
    for made in ("html", "course"):
        shutil.rmtree(STAGED / made, ignore_errors=True)
    forget_changed_pages(state.get("sources", {}), sources)
    config = ROOT / "_config.yml" if force else cached_config()
    status = recompute_claims() or run_jupyter_book(config)
    if status:
        print("The book was not built.", file=sys.stderr)
        return status
    publish(force)
    STATE.write_text(json.dumps({"sources": sources, "site": listing()}, indent=1))
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--force", action="store_true", help="execute everything anew")
    parser.add_argument("--numbers", action="store_true", help="write the numbers of pages anew")
    asked = parser.parse_args()
    if asked.numbers:
        os.environ[numbers.WRITE] = "write"
    status = build(asked.force)
    if not status:
        print(f"The site is at {os.path.relpath(SITE / 'index.html')}")
    return status


if __name__ == "__main__":
    sys.exit(main())
