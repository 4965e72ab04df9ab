"""Gates that leave evidence: compute a value, compare it with a declared rule, log a record.

``python -m labs.evidence < record.json`` replays a record in a process of its own. It answers in
JSON: ``{"replayed": …}``, or ``{"refused": "why"}`` and status 1.
"""

import dataclasses
import hashlib
import importlib
import inspect
import json
import math
import platform
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata, resources
from importlib.resources.abc import Traversable
from typing import Any, TextIO

import numpy as np

import labs
from labs import validation as check

COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<": lambda value, limit: value < limit,
    "<=": lambda value, limit: value <= limit,
    ">": lambda value, limit: value > limit,
    ">=": lambda value, limit: value >= limit,
    "==": lambda value, limit: value == limit,
}

# How a fresh process is started, after the name of Python.
AUDITOR = ("-m", "labs.evidence")
# What no verdict can depend on, at the top of the package: how figures look and what draws them.
LOOKS = ("explore", "prose", "style")
# Functions that have moved since records named them.
MOVED = {
    "labs.batch_queue.fit_batch_time": "labs.batch_times.fit_batch_time",
    "labs.caching.kv_bytes_per_token": "labs.models.kv_bytes_per_token",
    "labs.catalogue.device_of": "labs.devices.device_of",
    "labs.catalogue.kv_bytes_per_token": "labs.models.kv_bytes_per_token",
    "labs.catalogue.model_of": "labs.models.model_of",
    "labs.digits.paired_loss": "labs.intervals.paired_loss",
    "labs.engine.serve_chat": "labs.scenarios.serve_chat",
    **{
        f"labs.hardware.{name}": f"labs.bounds.{name}"
        for name in ("attainable", "decode_step", "largest_batch", "prefill_time", "ridge_point")
    },
    "labs.hardware.device_of": "labs.devices.device_of",
    "labs.hardware.measure": "labs.machine.measure",
    "labs.hardware.model_of": "labs.models.model_of",
    "labs.quantization.cast": "labs.small_floats.cast",
    "labs.scheduling.serve_tenants": "labs.scenarios.serve_tenants",
    "labs.simulation.mean_interval": "labs.intervals.mean_interval",
    "labs.slo.quantile_interval": "labs.intervals.quantile_interval",
    "labs.workload.azure_chat_facts": "labs.traces.azure_chat_facts",
    "labs.workload.mooncake_facts": "labs.traces.mooncake_facts",
    "labs.workload.mooncake_prefix_cache": "labs.traces.mooncake_prefix_cache",
}

Record = dict[str, Any]


@dataclass(frozen=True)
class Rule:
    """A declared rule: the metric passes when ``value op limit``.

    Attributes
    ----------
    metric : str
        What is measured, such as ``p99_ttft``.
    op : str
        One of ``<``, ``<=``, ``>``, ``>=``, ``==``.
    limit : float
        The value the metric is held against, in ``unit``.
    unit : str
        Unit of value and limits; empty for a plain number.
    action : str
        What is done when the rule fails: block, roll back, retrain, escalate.
    warn : float, optional
        A stricter limit; a value that passes ``limit`` but not ``warn`` is let through with a
        warning.

    Raises
    ------
    ValueError
        If an argument is out of range or ``warn`` is laxer than ``limit``.

    Examples
    --------
    >>> Rule("p99_ttft", "<=", 2.0, "s", "block", warn=1.5).verdict(1.7)
    'warn'
    """

    metric: str
    op: str
    limit: float
    unit: str
    action: str
    warn: float | None = None

    def __post_init__(self) -> None:
        for name in ("metric", "action"):
            if not check.instance(name, getattr(self, name), str).strip():
                raise check.refuse(name, "named", getattr(self, name))
        check.instance("unit", self.unit, str)
        check.one_of("op", self.op, tuple(COMPARISONS))
        object.__setattr__(self, "limit", check.number("limit", self.limit))
        if self.warn is not None:
            warn = check.number("warn", self.warn)
            if self.op == "==" or not COMPARISONS[self.op.rstrip("=") + "="](warn, self.limit):
                raise check.refuse("warn", f"stricter than {self.op} {self.limit:g}", warn)
            object.__setattr__(self, "warn", warn)

    def verdict(self, value: float) -> str:
        """Return how a value fares.

        Parameters
        ----------
        value : float
            In the rule's unit; infinite is a value, NaN is not.

        Returns
        -------
        str
            ``pass``, ``warn`` or ``fail``.

        Raises
        ------
        ValueError
            If ``value`` is no number.

        Examples
        --------
        >>> Rule("p99_ttft", "<=", 2.0, "s", "block").verdict(2.1)
        'fail'
        """
        value = check.number("value", value, infinite=True)
        passes = COMPARISONS[self.op]
        if not passes(value, self.limit):
            return "fail"
        return "pass" if self.warn is None or passes(value, self.warn) else "warn"


def decide(value: float | Callable[..., Any], rule: Rule, **context: Any) -> Record:
    """Hold a value against a rule and return the record of the decision.

    Parameters
    ----------
    value : float or function
        The metric's value in the rule's unit. Or a public function of ``labs``, which is called
        with the context and returns the value, or a result that has it as attribute
        ``rule.metric``; then `replay` can compute it again. ``inf`` is a value; NaN is not.
    rule : Rule
        The declared rule.
    **context
        The inputs that the value came from: plain values, arrays, dataclasses. Record seeds, not
        generators.

    Returns
    -------
    dict
        JSON-serialisable: value, unit, rule, verdict (pass, warn, fail), action (accept, warn, or
        the rule's), computed_by, inputs, the fingerprints of inputs and rule, code and environment
        versions.

    Raises
    ------
    ValueError
        If the value is no number, or an input cannot be recorded.

    Examples
    --------
    >>> record = decide(1.7, Rule("p99_ttft", "<=", 2.0, "s", "block"), rate=2.5, seed=7)
    >>> record["verdict"], record["action"], replay(record)["differences"]
    ('pass', 'accept', [])
    """
    check.instance("rule", rule, Rule)
    inputs = {name: _plain(name, item) for name, item in context.items()}
    computed_by = _name_of(value) if callable(value) else None
    if computed_by:
        value = _compute(computed_by, inputs, rule.metric)
    value = check.number("value", value, infinite=True)
    verdict = rule.verdict(value)
    return {
        "value": _finite_or_text(value),
        "unit": rule.unit,
        "rule": dataclasses.asdict(rule),
        "verdict": verdict,
        "action": {"pass": "accept", "warn": "warn", "fail": rule.action}[verdict],
        "computed_by": computed_by,
        "inputs": inputs,
        "fingerprint": {
            "inputs": _fingerprint(inputs),
            "rule": _fingerprint(dataclasses.asdict(rule)),
        },
        "code": code_version(),
        "environment": environment(),
    }


def replay(record: Mapping[str, Any], *, fresh: bool = False) -> Record:
    """Recompute a record from what it holds alone.

    Parameters
    ----------
    record : dict
        From `decide`, perhaps through JSON.
    fresh : bool, optional
        In a fresh process, which is given the record as JSON and nothing else; by default in this
        one.

    Returns
    -------
    dict
        A record of the same form made now, with ``differences``: a sentence for each figure, input,
        verdict, code or environment version that is no longer what was recorded.

    Raises
    ------
    ValueError
        If the record lacks a field or holds one that is malformed.
    RuntimeError
        If the fresh process ends otherwise than by returning or refusing the record.

    Warns
    -----
    RuntimeWarning
        If ``fresh`` is asked for in a browser (Pyodide), where no process starts: the record is
        replayed in this one.

    Examples
    --------
    >>> record = decide(2.4, Rule("p99_ttft", "<=", 2.0, "s", "block"), rate=2.5)
    >>> record["inputs"]["rate"] = 9.9
    >>> [difference.partition(":")[0] for difference in replay(record)["differences"]]
    ['inputs']
    """
    try:
        text = json.dumps(record)
    except (TypeError, ValueError, RecursionError) as problem:
        raise check.refuse("record", f"JSON from decide ({problem})", record) from None
    if fresh:
        if sys.platform != "emscripten":
            return _elsewhere(text)
        said = "a browser starts no second process: replayed in this one"
        warnings.warn(said, RuntimeWarning, stacklevel=2)
    record = json.loads(text)
    try:
        rule = Rule(**record["rule"])
        inputs, computed_by, value = record["inputs"], record["computed_by"], record["value"]
        compared = ("unit", "verdict", "action", "code", "environment")
        recorded = {name: record[name] for name in compared}
        fingerprints = {name: record["fingerprint"][name] for name in ("inputs", "rule")}
    except (KeyError, TypeError) as problem:
        raise ValueError(f"record must come from decide, got one without {problem}") from None
    taken = {"value", "rule"} & set(check.instance("inputs", inputs, dict))
    if taken:
        raise check.refuse("inputs", "free of the names value and rule", sorted(taken))
    value = float(value) if value in ("Infinity", "-Infinity") else value
    if computed_by is not None:
        value = _function(computed_by)
    again = decide(value, rule, **inputs)
    differences = [
        f"{name}: recorded fingerprint {fingerprint}, found {again['fingerprint'][name]}"
        for name, fingerprint in fingerprints.items()
        if again["fingerprint"][name] != fingerprint
    ]
    if again["value"] != record["value"]:
        differences.append(f"value: recorded {record['value']}, recomputed {again['value']}")
    differences += [
        f"{name}: recorded {recorded[name]}, now {again[name]}"
        for name in recorded
        if again[name] != recorded[name]
    ]
    return {**again, "differences": differences}


@cache
def code_version() -> Mapping[str, str]:
    """Return the version of ``labs`` and a fingerprint of its source.

    The fingerprint changes with whatever can change a verdict: every module that computes, the
    checks of exercises, every data file. It does not with how things look: the explorers with
    their scripts, the palette, the quoting of numbers in prose.

    Returns
    -------
    dict
        ``labs`` (version) and ``source`` (fingerprint).

    Examples
    --------
    >>> sorted(code_version())
    ['labs', 'source']
    """
    return {"labs": labs.__version__, "source": _fingerprint_of(resources.files("labs"))}


@cache
def environment() -> Mapping[str, str]:
    """Return the versions of Python and of the libraries that numbers depend on.

    Returns
    -------
    dict
        ``python``, ``numpy`` and ``scipy``.

    Examples
    --------
    >>> sorted(environment())
    ['numpy', 'python', 'scipy']
    """
    libraries = {name: metadata.version(name) for name in ("numpy", "scipy")}
    return {"python": platform.python_version(), **libraries}


def _fingerprint_of(package: Traversable) -> str:
    digest = hashlib.sha256()
    for name, file in sorted(_sources(package)):
        digest.update(name.encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def _sources(folder: Traversable, within: str = "") -> Iterator[tuple[str, Traversable]]:
    """Yield the modules and data files that a verdict can depend on, with their paths."""
    for entry in folder.iterdir():
        name = within + entry.name
        if name.startswith(LOOKS):
            continue
        if entry.is_dir():
            yield from _sources(entry, f"{name}/")
        elif name.endswith((".py", ".json")):
            yield name, entry


def _elsewhere(record: str) -> Record:
    """Replay in a fresh process; what that refuses is refused here."""
    command = [sys.executable, *AUDITOR]
    done = subprocess.run(  # noqa: S603
        command, input=record, capture_output=True, text=True, check=False
    )
    try:
        answer = json.loads(done.stdout)
    except json.JSONDecodeError:
        answer = {}
    if "refused" in answer:
        raise ValueError(answer["refused"])
    if "replayed" not in answer:
        raise RuntimeError(f"the fresh process ended with status {done.returncode}: {done.stderr}")
    return answer["replayed"]  # type: ignore[no-any-return]


def _answer(asked: TextIO, told: TextIO) -> int:
    """Replay the record that is read, write the answer as JSON and return the status to end with.

    Only a refusal is an answer: any other error is a fault of the process, and ends it.
    """
    answer: Record
    try:
        try:
            record = json.load(asked)
        except ValueError as problem:
            raise check.refuse("record", "JSON from decide", str(problem)) from None
        answer = {"replayed": replay(record)}
    except ValueError as refusal:
        answer = {"refused": str(refusal)}
    json.dump(answer, told, allow_nan=False)
    return int("refused" in answer)


def _plain(name: str, item: Any) -> Any:
    """Return an input as JSON holds it."""
    if dataclasses.is_dataclass(item) and not isinstance(item, type):
        item = {field.name: getattr(item, field.name) for field in dataclasses.fields(item)}
    if isinstance(item, np.generic | np.ndarray):
        item = item.tolist()
    if isinstance(item, Mapping):
        return {str(key): _plain(f"{name}.{key}", part) for key, part in item.items()}
    if isinstance(item, list | tuple):
        return [_plain(f"{name}[{index}]", part) for index, part in enumerate(item)]
    if isinstance(item, float) and not math.isfinite(item):
        raise check.refuse(name, "finite to be recorded", item)
    if isinstance(item, int) and item.bit_length() > 10_000:
        raise check.refuse(name, "short enough to be recorded", item)
    if item is None or isinstance(item, str | bool | int | float):
        return item
    raise check.refuse(name, "a plain value, array or dataclass to be recorded", item)


def _finite_or_text(value: float) -> float | str:
    """Return a number that strict JSON can hold, or its name."""
    if math.isfinite(value):
        return value
    return "Infinity" if value > 0 else "-Infinity"


def _fingerprint(inputs: Mapping[str, Any]) -> str:
    text = json.dumps(inputs, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _name_of(function: Callable[..., Any]) -> str:
    name = f"{getattr(function, '__module__', '')}.{getattr(function, '__qualname__', '')}"
    if _function(name) is not function:
        raise check.refuse("value", "a number or a public function of labs", function)
    return name


def _function(name: str) -> Callable[..., Any]:
    """Return a public function of labs by name; a record can call nothing else."""
    parts = MOVED.get(name, name).split(".") if isinstance(name, str) else []
    if len(parts) == 3 and parts[0] == "labs" and not any(p.startswith("_") for p in parts):
        try:
            found = getattr(importlib.import_module(".".join(parts[:2])), parts[2], None)
        except ImportError:
            found = None
        if callable(found) and getattr(found, "__module__", None) == ".".join(parts[:2]):
            return found  # type: ignore[no-any-return]
    raise check.refuse("computed_by", "a public function of labs", name)


def _compute(name: str, inputs: Mapping[str, Any], metric: str) -> Any:
    function = _function(name)
    try:
        inspect.signature(function).bind(**inputs)
    except TypeError as problem:
        raise ValueError(f"inputs must fit {name}: {problem}") from None
    result = function(**inputs)
    if dataclasses.is_dataclass(result):
        if not hasattr(result, metric):
            raise check.refuse("metric", f"an attribute of what {name} returns", metric)
        return getattr(result, metric)
    return result


if __name__ == "__main__":
    from labs import evidence  # under its own name: a record may name what is defined here

    sys.exit(evidence._answer(sys.stdin, sys.stdout))
