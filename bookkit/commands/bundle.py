"""Bundle the scripts: ``make bundle``.

A page, opened from a server or from disk, runs one classic script; a widget is one module. Both
are kept in the repository, so that building the site needs no node; a test says when they are old.
"""

import subprocess

from bookkit import ROOT

ESBUILD = ROOT / "node_modules" / ".bin" / "esbuild"
OPTIONS = ("--bundle", "--minify", "--charset=utf8", "--target=es2022", "--legal-comments=none")
BANNER = "/* Made from {} by make bundle.{} */"
HOLDS = " Holds TinyBase and ts-fsrs, both under the MIT licence: see vendor/."

# Each bundle with its entry, its form and what else its first line says.
BUNDLES = {
    "book/_static/book.js": ("book/_static/page/book.js", "iife", HOLDS),
    "book/_static/search.js": (
        "book/_static/page/search.js",
        "iife",
        " Holds MiniSearch, under the MIT licence: see vendor/.",
    ),
    "labs/explorer/made/widget.js": ("labs/explorer/page.js", "esm", ""),
}


def bundled(name: str) -> bytes:
    """Return what a bundle should hold."""
    entry, form, holds = BUNDLES[name]
    banner = f"--banner:js={BANNER.format(entry, holds)}"
    command = [str(ESBUILD), entry, f"--format={form}", banner, *OPTIONS]
    return subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.PIPE).stdout


def main() -> None:
    for name in BUNDLES:
        (ROOT / name).write_bytes(bundled(name))


if __name__ == "__main__":
    main()
