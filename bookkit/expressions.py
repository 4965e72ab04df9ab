"""Python expressions over ``labs``, as claims and questions hold them."""

from __future__ import annotations

import ast
import importlib
import math
from typing import Any

import numpy as np

from bookkit import ROOT

MODULES = {path.stem for path in (ROOT / "labs").glob("[a-z]*.py")}


def modules(expression: str) -> set[str]:
    """Return the modules of ``labs`` that an expression names."""
    tree = ast.parse(expression, mode="eval")
    return MODULES & {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def called(expression: str) -> set[str]:
    """Return the modules of ``labs`` of which an expression calls something."""
    tree = ast.parse(expression, mode="eval")
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return MODULES & set(map(_root, calls))


def evaluate(expression: str, known: dict[str, Any] | None = None) -> Any:
    """Return the value of an expression.

    Parameters
    ----------
    expression : str
        It may name ``np``, ``math`` and every module of ``labs``.
    known : dict, optional
        What else it may name; these come first.
    """
    names = {name: importlib.import_module(f"labs.{name}") for name in modules(expression)}
    return eval(expression, {"np": np, "math": math, **names, **(known or {})})  # noqa: S307


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute | ast.Call):
        node = node.value if isinstance(node, ast.Attribute) else node.func
    return node.id if isinstance(node, ast.Name) else ""
