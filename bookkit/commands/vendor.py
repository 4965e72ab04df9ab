"""Fetch the vendored JavaScript and fonts of ``book/_static/vendor`` and record what they are.

``vendored.json`` names each package, its version and its licence, the files taken from it, and
the SHA-256 of each; files that are written here, which say to the type checker what a script
exports; and fonts that are made here of published ones, with the axes and characters that the book
uses, under names of their own, as their licence asks. To update a package, change its version there
and run ``make vendor``.
"""

import hashlib
import io
import json
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from fontTools import subset
from fontTools.ttLib import TTFont
from fontTools.varLib import instancer

from bookkit import ROOT

VENDOR = ROOT / "book" / "_static" / "vendor"
RECORD = VENDOR / "vendored.json"


#: What the book writes beside Latin-1: dashes, quotation marks, arrows, signs.
SIGNS = "\u2009\u2010\u2011\u2012–—‘’“”•…′−€→←≤≥≈≠"
FEATURES = ["kern", "liga", "tnum", "lnum", "mark", "mkmk", "ccmp", "locl"]


def folder(entry: dict[str, Any]) -> Path:
    """Where a package lies: by its name without the scope."""
    return VENDOR / str(entry["package"]).rpartition("/")[2]


def font(published: bytes, family: str, axes: dict[str, Any]) -> bytes:
    """A font of the axes and characters that the book uses, under a name of its own."""
    options = subset.Options(layout_features=FEATURES, hinting=False)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=[*range(0x20, 0x7F), *range(0xA0, 0x100), *map(ord, SIGNS)])
    found = TTFont(io.BytesIO(published), recalcTimestamp=False)
    subsetter.subset(found)
    between, made = io.BytesIO(), io.BytesIO()
    found.flavor = None
    found.save(between)
    limits = {axis: tuple(at) if isinstance(at, list) else at for axis, at in axes.items()}
    found = instancer.instantiateVariableFont(TTFont(between, recalcTimestamp=False), limits)
    for record in found["name"].names:
        if record.nameID in {1, 4, 6, 16}:
            record.string = family.replace(" ", "") if record.nameID == 6 else family
    found.flavor = "woff2"
    found.save(made)
    return made.getvalue()


def fetch(package: str, version: str) -> tarfile.TarFile:
    """The published archive of a package, through npm and so from the registry npm uses."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", "--silent", "--pack-destination", folder, f"{package}@{version}"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        archive = next(Path(folder).glob("*.tgz")).read_bytes()
    return tarfile.open(fileobj=io.BytesIO(archive))


def unpack(entry: dict[str, Any]) -> dict[str, str]:
    """Write the files of one package and what is made of them; their checksums."""
    target = folder(entry)
    shutil.rmtree(target, ignore_errors=True)
    checksums = {}
    with fetch(entry["package"], entry["version"]) as archive:

        def read(name: str) -> bytes:
            file = archive.extractfile(f"package/{name}")
            assert file is not None, name  # noqa: S101
            return file.read()

        licence = json.loads(read("package.json"))["license"]
        if licence != entry["license"]:
            raise SystemExit(f"{entry['package']}: the licence is now {licence}")
        made = {
            name: font(read(how["of"]), how["family"], how["axes"])
            for name, how in entry.get("fonts", {}).items()
        }
        for name in entry["files"]:
            content = made[name] if name in made else read(name)
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).write_bytes(content)
            checksums[name] = hashlib.sha256(content).hexdigest()
    for name, module in entry.get("types", {}).items():
        script = (target / name).with_suffix("").with_suffix(".js")
        whole = script.exists() and "as default" in script.read_text("utf-8")
        exports = ["*", "{ default }"] if whole else ["*"]
        lines = (f'export {what} from "{module}";\n' for what in exports)
        (target / name).write_text("".join(lines))
    return checksums


def main() -> None:
    record = json.loads(RECORD.read_text())
    for entry in record:
        entry["files"] = unpack(entry)
    RECORD.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
