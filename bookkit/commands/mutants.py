"""Change one thing in `labs` at a time and see whether a test notices.

``make mutants MODULES='queueing slo'`` draws mutants of each module (of every one if none is
named), runs the tests that reach the changed statement, and prints each survivor as
``module:line``, old and new; ``--sample 40 --seed 1`` are its options. A mutant has another
comparison, operator, number, condition, argument or result, or lacks a call; annotations, texts and
what is raised stay. It works on a copy.
"""

import argparse
import ast
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from coverage import CoverageData
from hypothesis import Phase, settings

from bookkit import ROOT

PYTEST = ["-q", "-x", "-p", "no:cacheprovider"]
PAIRS = """FloorDiv Div, Mod Mult, Pow Mult, MatMult Mult, LShift RShift, Mult Div, Add Sub, Lt LtE,
Gt GtE, Eq NotEq, Is IsNot, In NotIn, And Or, BitAnd BitOr"""
NAMES = [[getattr(ast, name) for name in pair.split()] for pair in PAIRS.split(",")]
SWAPS = {old: new for a, b in NAMES for old, new in ((a, b), (b, a))}  # the later pair counts
KEPT = {"annotation", "returns", "decorator_list", "bases"}


def variants(node: Any) -> Iterator[ast.AST]:
    """What may stand in a node's place."""

    def but(**fields: Any) -> ast.AST:
        return type(node)(**(vars(node) | fields))

    match node:
        case ast.Compare(ops=[op]) if type(op) in SWAPS:
            yield but(ops=[SWAPS[type(op)]()])
        case ast.BinOp(op=op) | ast.BoolOp(op=op) | ast.AugAssign(op=op) if type(op) in SWAPS:
            yield but(op=SWAPS[type(op)]())
        case ast.UnaryOp():
            yield node.operand
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value) | float(value)):
            yield ast.Constant(value + 1 if isinstance(value, int) else 2 * value or 1.0)
        case ast.If() | ast.While() | ast.IfExp():
            yield but(test=ast.UnaryOp(ast.Not(), node.test))
        case ast.Return(value=ast.expr()):
            yield ast.Return(ast.Constant(None))
        case ast.Expr(value=ast.Call()):
            yield ast.Pass()
        case ast.Call(args=args, keywords=words):
            for i, a in enumerate(args):
                if isinstance(a, ast.Name | ast.Attribute | ast.Subscript | ast.BinOp | ast.Call):
                    yield but(args=[*args[:i], ast.UnaryOp(ast.USub(), a), *args[i + 1 :]])
            for i in (i for i, word in enumerate(words) if word.arg != "strict"):
                yield but(keywords=words[:i] + words[i + 1 :])


def mutants(node: ast.AST, lines: range = range(0)) -> Iterator[range]:
    """Change what is below a node in one way after another; yield the statement's lines."""
    for field, value in ast.iter_fields(node):
        holder: Any = value if isinstance(value, list) else node.__dict__
        for at, child in list(enumerate(value)) if holder is value else [(field, value)]:
            told = isinstance(child, ast.Call) and "refuse" in ast.unparse(child.func)
            told |= isinstance(child, ast.Raise | ast.JoinedStr) or field in KEPT
            if told or getattr(node, "arg", "") == "strict" or not isinstance(child, ast.AST):
                continue
            around = lines
            if isinstance(child, ast.stmt):
                body = getattr(child, "body", None)
                around = range(
                    child.lineno, body[0].lineno if body else (child.end_lineno or child.lineno) + 1
                )
            for holder[at] in variants(child):
                yield around
            holder[at] = child
            yield from mutants(child, around)


def passes(tests: list[str]) -> bool:
    """Say whether tests pass, in a process of its own and within their time."""
    if not (child := os.fork()):
        signal.alarm(150)
        log = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(log, 1), os.dup2(log, 2)
        try:
            os._exit(pytest.main([*PYTEST, "--hypothesis-profile=mutants", *tests]))
        finally:
            os._exit(1)
    return os.waitpid(child, 0)[1] == 0


def reach() -> CoverageData:
    """Return which tests reach each line of labs; load all that they import but labs."""
    noted = ["-m", "pytest", "--cov=labs", "--cov-context=test", "--cov-report="]
    subprocess.run([sys.executable, *noted, *PYTEST, "tests/labs"], check=True)
    (data := CoverageData()).read()
    pytest.main(["-qq", "--collect-only", *PYTEST, "tests/labs"])
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", "")).startswith(os.getcwd()):
            del sys.modules[name]
    at_once = [Phase.explicit, Phase.generate]  # no search for a smaller example
    settings.register_profile("mutants", settings.get_profile("labs"), phases=at_once)
    return data


def try_mutants(module: str, most: int, seed: int, data: CoverageData) -> str:
    source = Path(f"labs/{module}.py")
    tree = ast.parse(source.read_text("utf-8"))
    plain, total, alive = ast.unparse(tree), sum(1 for _ in mutants(tree)), 0
    chosen = set(random.Random(seed).sample(range(total), min(most, total)))
    noted = data.contexts_by_lineno(str(source.resolve())).items()
    reached = {line: {test.partition("|")[0] for test in tests if test} for line, tests in noted}
    every = set().union(*reached.values())
    own = {test for test in every if f"/test_{module}.py" in test}  # fixtures are shared
    for lines in (lines for n, lines in enumerate(mutants(tree)) if n in chosen):
        source.write_text(mutated := ast.unparse(tree), "utf-8")
        tests = set().union(*(reached.get(n, ()) for n in lines)) or every
        if passes(sorted(own) + sorted(tests - own)):
            alive += 1
            pairs = zip(plain.splitlines(), mutated.splitlines(), strict=False)
            old, new = next((a.strip(), b.strip()) for a, b in pairs if a != b)
            print(f"{module}:{lines.start}  {old}\n  → {new}", flush=True)
    shutil.copy(ROOT / source, source)
    return f"{module}: {len(chosen) - alive} of {len(chosen)} noticed, {total} in all"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("modules", nargs="*")
    parser.add_argument("--sample", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        unneeded = shutil.ignore_patterns(".*", "_build", "node_modules", "__pycache__")
        os.chdir(shutil.copytree(ROOT, Path(folder, "main"), ignore=unneeded))
        Path("../shared").symlink_to(ROOT.parent / "shared")
        sys.dont_write_bytecode = True
        os.environ |= {"PYTHONPATH": os.getcwd(), "PYTHONDONTWRITEBYTECODE": "1"}
        sys.path.insert(0, os.getcwd())
        data = reach()
        for module in asked.modules or sorted(p.stem for p in Path("labs").glob("[!_]*.py")):
            print(try_mutants(module, asked.sample, asked.seed, data), flush=True)


if __name__ == "__main__":
    main()
