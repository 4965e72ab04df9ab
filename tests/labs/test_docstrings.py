"""Every public name says what it takes, gives and refuses, and shows an example that runs."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import is_dataclass
from typing import Any

import pytest

import labs

MODULES = [
    module.name.removeprefix("labs.")
    for module in pkgutil.walk_packages(labs.__path__, "labs.")
    if not module.name.startswith("labs._")
]


def public(module: str) -> Iterator[tuple[str, Any]]:
    """Yield the classes and functions that a module defines, and the methods of its classes."""
    loaded = importlib.import_module(f"labs.{module}")
    for name, thing in vars(loaded).items():
        defined = inspect.isfunction(thing) or inspect.isclass(thing)
        if name.startswith("_") or not defined or thing.__module__ != loaded.__name__:
            continue
        yield name, thing
        if inspect.isclass(thing):
            for method, part in vars(thing).items():
                if not method.startswith("_") and (inspect.isfunction(part)):
                    yield f"{name}.{method}", part


NAMES = [(f"{module}.{name}", thing) for module in MODULES for name, thing in public(module)]


def sections(thing: Any) -> dict[str, str]:
    """The numpy sections of a docstring, the summary under the empty name."""
    pieces = re.split(r"\n([A-Z]\w+)\n-{3,}\n", f"\n{inspect.getdoc(thing)}\n")
    return {"": pieces[0], **dict(zip(pieces[1::2], pieces[2::2], strict=True))}


@pytest.mark.parametrize(("name", "thing"), NAMES, ids=[name for name, _ in NAMES])
def test_a_docstring_covers_its_signature(name: str, thing: Any) -> None:
    assert thing.__doc__, f"{name} has no docstring"
    found = sections(thing)
    if inspect.isclass(thing):
        fields = vars(thing).get("__annotations__", {}) if is_dataclass(thing) else ()
        told = found.get("Attributes", "") + found.get("Parameters", "")
        for field in fields:
            if not field.startswith("_"):
                assert re.search(rf"^{field} :", told, re.M), f"{name}.{field} is not described"
        return
    told = found.get("Parameters", "")
    taken = [part for part in inspect.signature(thing).parameters if part != "self"]
    for part in taken:
        described = re.search(
            rf"^[\w*, ]*\b{part}\b[\w, ]*(:|$)", found.get("Parameters", ""), re.M
        )
        assert described or name.startswith("validation."), f"{name}({part}) is not described"


@pytest.mark.parametrize(
    ("name", "thing"),
    [(name, thing) for name, thing in NAMES if inspect.isfunction(thing) and "." in name],
    ids=[name for name, thing in NAMES if inspect.isfunction(thing)],
)
def test_a_function_shows_an_example(name: str, thing: Any) -> None:
    assert ">>>" in (thing.__doc__ or ""), f"{name} shows no example"
