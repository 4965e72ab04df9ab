"""Fetch the vendored JavaScript of ``book/_static/vendor`` from npm and record what it is.

``vendored.json`` names each package, its version and its licence, the files taken from it, and
the SHA-256 of each; and files that are written here, which say to the type checker what a script
exports. To update a package, change its version there and run ``make vendor``.
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

from bookkit import ROOT

VENDOR = ROOT / "book" / "_static" / "vendor"
RECORD = VENDOR / "vendored.json"


def fetch(package: str, version: str) -> tarfile.TarFile:
    """The published archive of a package, through npm and so from the registry npm uses."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", "--silent", "--pack-destination", folder, f"{package}@{version}"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        archive = next(Path(folder).glob("*.tgz")).read_bytes()
    return tarfile.open(fileobj=io.BytesIO(archive))


def unpack(entry: dict[str, Any]) -> dict[str, str]:
    """Write the files of one package; their checksums."""
    target = VENDOR / entry["package"]
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
        for name in entry["files"]:
            content = read(name)
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).write_bytes(content)
            checksums[name] = hashlib.sha256(content).hexdigest()
    for name, module in entry.get("types", {}).items():
        (target / name).write_text(f'export * from "{module}";\n')
    return checksums


def main() -> None:
    record = json.loads(RECORD.read_text())
    for entry in record:
        entry["files"] = unpack(entry)
    RECORD.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
