"""A missing optional package is named, with the one command that installs it."""

import importlib
import re
import subprocess
import sys
import tomllib

import pytest
from shared_files import REPOSITORY

from labs import _extras

PROGRAM = """
import sys
sys.modules[{package!r}] = None
try:
{call}
except ModuleNotFoundError as missing:
    print(missing.name, missing, sep="|")
"""

CALLS = {
    "explore": """
    import numpy as np
    from labs.explore import Panel, Quantity, Slider, lines
    size = Slider("size", [1, 2], "Size")
    area = [Quantity("area", "Area")]
    square = lambda size: {"area": size**2}
    lines("s", "Area", square, [size], "size", area, [Panel("size", "area")], "{area}").widget
""",
    "figure": """
    from labs import style
    style.figure()
""",
    "show": """
    from labs import style
    style.show(None, "Nothing.")
""",
    "quote": """
    from labs import style
    style.quote(useful="36.8")
""",
    "digits": """
    from labs import digits
    digits.load()
""",
    "sweep": """
    from labs import sweep
    sweep.run(lambda mean, rng: mean, {"mean": [0]}, [1])
""",
    "contract": """
    from labs.contracts import Contract
    Contract({"type": "object"})
""",
    "violations": """
    from labs import contracts
    contracts.violations(None, {})
""",
}

CASES = [
    ("anywidget", "explore", "labs.explore", "widgets"),
    ("ipywidgets", "explore", "labs.explore", "widgets"),
    ("traitlets", "explore", "labs.explore", "widgets"),
    ("IPython", "quote", "labs.prose", "widgets"),
    ("matplotlib", "figure", "labs.style", "plots"),
    ("matplotlib", "show", "labs.style", "plots"),
    ("cycler", "figure", "labs.style", "plots"),
    ("sklearn", "digits", "labs.digits", "learn"),
    ("joblib", "sweep", "labs.sweep", "sweep"),
    ("jsonschema", "contract", "labs.contracts", "contracts"),
    ("referencing", "violations", "labs.contracts", "contracts"),
]


def said(package: str, call: str) -> tuple[str, str]:
    code = PROGRAM.format(package=package, call=CALLS[call])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    name, _, message = done.stdout.strip().partition("|")
    return name, message


@pytest.mark.parametrize(("package", "call", "module", "extra"), CASES)
def test_what_is_missing_is_named_with_its_command(
    package: str, call: str, module: str, extra: str
) -> None:
    name, message = said(package, call)
    assert name.partition(".")[0] == package
    shown = _extras.PACKAGES.get(package, package)
    assert message == (
        f"{module} needs {shown}, which is not installed: pip install 'serving-labs[{extra}]'"
    )


@pytest.mark.parametrize(
    ("module", "package"), [("sklearn.datasets", "scikit-learn"), ("dask", "dask")]
)
def test_a_browser_is_told_its_own_command(
    module: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "emscripten")
    with pytest.raises(ModuleNotFoundError) as missing, _extras.needed_by("labs.here"):
        raise ModuleNotFoundError("halted", name=module)
    needs = f"labs.here needs {package}, which is not installed"
    assert str(missing.value) == f"{needs}: %pip install {package}"
    assert missing.value.name == module


def test_every_package_of_an_extra_is_known_with_the_extra_that_brings_it() -> None:
    declared = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    modules = {package: module for module, package in _extras.PACKAGES.items()}
    for extra, requirements in declared["optional-dependencies"].items():
        for requirement in requirements:
            package = re.split(r"[^\w.-]", requirement)[0]
            assert _extras.EXTRAS[modules.get(package, package)] == extra, requirement


def test_what_no_extra_brings_is_missing_as_it_was() -> None:
    with pytest.raises(ModuleNotFoundError) as missing, _extras.needed_by("labs.style"):
        importlib.import_module("nowhere_at_all")
    assert str(missing.value) == "No module named 'nowhere_at_all'"


def test_an_import_that_fails_otherwise_fails_as_it_did() -> None:
    with pytest.raises(ImportError) as wrong, _extras.needed_by("labs.style"):
        raise ImportError("of another version", name="matplotlib")
    assert str(wrong.value) == "of another version"
    assert not isinstance(wrong.value, ModuleNotFoundError)
