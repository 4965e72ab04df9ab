"""Data files that authors write: mappings whose keys are the fields of a dataclass.

What is wrong with one is said in a sentence with file, line and the keys that are valid, and all of
it at once.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import yaml


class RecordError(ValueError):
    """A data file is malformed; the text has a line for each thing that is wrong."""


def compose(path: Path) -> yaml.Node | None:
    """Return the nodes of a file, which know their lines.

    Raises
    ------
    RecordError
        If it is no YAML.
    """
    try:
        return yaml.compose(path.read_text("utf-8"), Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise RecordError(f"{path}:{line}: {error.problem}") from None
    except yaml.YAMLError as error:
        raise RecordError(f"{path}:1: {error}") from None


def value(node: yaml.Node) -> Any:
    """Return what a node says."""
    return yaml.SafeLoader("").construct_document(node)


def line(node: yaml.Node) -> int:
    """Return the line that a node begins in, from 1."""
    return int(node.start_mark.line) + 1


def problems(
    path: Path,
    name: str,
    node: yaml.Node,
    kind: type,
    *,
    given: tuple[str, ...] = (),
    parts: Mapping[str, type] | None = None,
) -> list[str]:
    """Return what the keys of a mapping have wrong, a sentence each with file and line.

    Parameters
    ----------
    path : Path
        The file.
    name : str
        What the mapping is called in it.
    node : yaml.Node
        The mapping.
    kind : type
        The dataclass whose fields are its keys.
    given : tuple of str
        Fields that no key gives.
    parts : mapping of str to type, optional
        The keys that hold lists of mappings, and their dataclasses.
    """
    known = {field.name: field for field in fields(kind) if field.name not in given}
    valid = f"the keys are {', '.join(known)}"
    if not isinstance(node, yaml.MappingNode):
        return [f"{path}:{line(node)}: {name}: {valid}; here stands something else"]
    found, keys = [], [key.value for key, _ in node.value]
    for key, below in node.value:
        place = f"{path}:{line(key)}: {name}"
        if key.value not in known:
            near = difflib.get_close_matches(key.value, known, n=1)
            meant = f" ({near[0]}?)" if near else ""
            found.append(f"{place}: unknown key {key.value}{meant}; {valid}")
        elif keys.count(key.value) > 1:
            found.append(f"{place}: {key.value} stands twice")
        elif parts and key.value in parts:
            for entry in below.value:
                found += problems(path, f"{name}: {key.value}", entry, parts[key.value])
    found += [
        f"{path}:{line(node)}: {name}: {field.name} is missing; {valid}"
        for field in known.values()
        if field.default is MISSING and field.default_factory is MISSING and field.name not in keys
    ]
    return list(dict.fromkeys(found))
