"""The scripts of pages and widgets: bundled as they stand, pure, and exact."""

import json
import math
import random
import struct
import subprocess
from pathlib import Path

import pytest

from bookkit.commands import bundle
from labs.explore import format_value

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "book" / "_static"
PURE = [
    STATIC / "explorers.js",
    *sorted((STATIC / "record").glob("*.js")),
    *sorted((ROOT / "labs" / "explorer").glob("*.js")),
]
FORMATS = ("g", ",g", "d", ",d", ".0f", ".1f", ",.2f", ".1g", ".3g", ",.4g", ".0%", ",.1%")
WRITE = """
import { readFileSync } from "node:fs";
const { formatValue } = await import(process.argv[1]);
const { bits, formats } = JSON.parse(readFileSync(0, "utf8"));
const view = new DataView(new ArrayBuffer(8));
const number = (text) => (view.setBigUint64(0, BigInt(text)), view.getFloat64(0));
const all = formats.map((format) => bits.map((text) => formatValue(number(text), format, "ms")));
process.stdout.write(JSON.stringify(all));
"""


def node(program: str, *arguments: str, given: str = "") -> str:
    """What a program prints that runs where there is no page."""
    command = ["node", "--input-type=module", "-e", program, *arguments]
    done = subprocess.run(command, input=given, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", bundle.BUNDLES)
def test_a_bundle_is_what_its_sources_make(name: str) -> None:
    fresh = (ROOT / name).read_bytes() == bundle.bundled(name)
    assert fresh, f"{name} is older than its sources: make bundle"


def test_modules_do_nothing_when_they_are_imported() -> None:
    load = "for (const path of process.argv.slice(1)) await import(path);"
    assert node(load, *map(str, PURE)) == ""


def test_the_widgets_script_is_a_module_that_renders() -> None:
    tell = "const it = await import(process.argv[1]); console.log(typeof it.default.render)"
    assert node(tell, str(ROOT / "labs" / "explorer" / "made" / "widget.js")) == "function\n"


def numbers() -> list[float]:
    """Ties, edges, single and double precision of every size, and whole numbers beyond 1e21."""
    draw = random.Random(20261127)
    doubles = [struct.unpack("<d", draw.randbytes(8))[0] for _ in range(2000)]
    singles = [struct.unpack("<f", draw.randbytes(4))[0] for _ in range(2000)]
    sized = [draw.uniform(-10, 10) * 10 ** draw.randint(-8, 26) for _ in range(4000)]
    ties = [(draw.randint(0, 4000) + 0.5) / 2 ** draw.randint(0, 6) for _ in range(2000)]
    whole = [float(draw.randint(0, 10**9)) for _ in range(1000)]
    edges = [0.0, 0.5, 62.5, 99.95, 999.5, 9999995.0, 1e-5, 1e20, 1e21, 999999999999999868928.0]
    edges += [1e22, 1.5e22, 1e23, 1.7976931348623157e308, 5e-324, math.inf, math.nan]
    found = [*doubles, *singles, *sized, *ties, *whole, *edges]
    return [*found, *(-value for value in found)]


def test_browser_and_python_write_every_number_alike() -> None:
    values = numbers()
    bits = [str(struct.unpack("<Q", struct.pack("<d", value))[0]) for value in values]
    given = json.dumps({"bits": bits, "formats": FORMATS})
    module = str(ROOT / "labs" / "explorer" / "text.js")
    for spec, told in zip(FORMATS, json.loads(node(WRITE, module, given=given)), strict=True):
        wanted = [format_value(value, spec, "ms") for value in values]
        wrong = [trio for trio in zip(values, told, wanted, strict=True) if trio[1] != trio[2]]
        assert wrong == [], spec
