"""Install locked packages into an environment: ``python install.py ENVIRONMENT LOCK ...``.

It needs a Python and its pip alone, of any version from 22.3 on: pip installs uv, at the version
and with the hashes of ``uv.txt``, and uv the rest. What pip is configured with (an index, a folder
of wheels, a certificate) is handed to uv in its environment, and written nowhere. ``labs`` itself
is installed from this repository, as it stands. It ends well only if all of it was installed.
"""

import ast
import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
UV = Path(__file__).with_name("uv.txt")
# pip's settings by uv's; one that holds several separates them by spaces in both.
HANDED = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "cert": "SSL_CERT_FILE",
    "trusted-host": "UV_INSECURE_HOST",
    "timeout": "UV_HTTP_TIMEOUT",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "proxy": "ALL_PROXY",
}
# uv separates these by commas.
COMMAS = {"UV_FIND_LINKS"}
# Where a setting stands in pip's files; the later counts.
SECTIONS = ("global", "install", ":env:")


def settings(listed: str) -> dict[str, str]:
    """Return uv's variables for what ``pip config list`` prints."""
    found: dict[str, tuple[int, str]] = {}
    for line in listed.splitlines():
        key, _, value = line.partition("=")
        section, _, name = key.rpartition(".")
        if name in HANDED and section in SECTIONS:
            rank, variable = SECTIONS.index(section), HANDED[name]
            if rank >= found.get(variable, (0, ""))[0]:
                found[variable] = rank, " ".join(str(ast.literal_eval(value)).split())
    return {
        variable: value.replace(" ", ",") if variable in COMMAS else value
        for variable, (_, value) in found.items()
    }


def handed(python: Path) -> dict[str, str]:
    """Return the environment that uv runs in."""
    listing: list[str | Path] = [
        python,
        "-m",
        "pip",
        "config",
        "list",
        "--disable-pip-version-check",
    ]
    listed = subprocess.run(listing, capture_output=True, text=True, check=True).stdout
    return {
        # pip takes the best of all its indexes; hashes say which file is the right one.
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_PYTHON_DOWNLOADS": "never",
        **settings(listed),
        **os.environ,
    }


def environment(folder: Path) -> Path:
    """Return the Python of an environment, which is made if it is not there."""
    python = folder / "bin" / "python"
    if not python.exists():
        try:
            import ensurepip  # noqa: F401
        except ImportError:
            sys.exit(
                "This Python cannot make environments. On Debian and Ubuntu: "
                "apt-get install python3-venv"
            )
        venv.create(folder, with_pip=True, clear=True)
    return python


def installed(uv: Path, pin: str) -> bool:
    """Whether uv is there in the version that is pinned."""
    if not uv.exists():
        return False
    said = subprocess.run([uv, "--version"], capture_output=True, text=True, check=False).stdout
    return f"uv=={said.split()[1] if said else ''} " in pin


def main() -> None:
    # Whatever Python is there runs this.
    if sys.version_info < (3, 11):  # noqa: UP036
        sys.exit("Python 3.11 or newer is needed; name one with: make PYTHON=python3.12")
    folder, *locks = map(Path, sys.argv[1:])
    python = environment(folder)
    uv = python.with_name("uv")
    quiet = ["--quiet", "--disable-pip-version-check"]
    if not installed(uv, UV.read_text("utf-8")):
        pip: list[str | Path] = [
            python,
            "-m",
            "pip",
            "install",
            *quiet,
            "--require-hashes",
            "-r",
            UV,
        ]
        subprocess.run(pip, check=True)
    install: list[str | Path] = [uv, "pip", "install", "--quiet", "--python", python]
    locked: list[str | Path] = [part for lock in locks for part in ("-r", lock)]
    # Compiled once, as pip does: where Python may not write, every process would do it again.
    packages: list[str | Path] = ["--compile-bytecode", "--require-hashes", *locked]
    own: list[str | Path] = ["--no-deps", "--no-build-isolation", "--editable", ROOT]
    for what in (packages, own):
        subprocess.run([*install, *what], env=handed(python), check=True)


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)
