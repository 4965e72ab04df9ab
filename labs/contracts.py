"""Contracts of endpoints: the shape a payload must have, and what must be true of it besides."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from labs import _extras
from labs import validation as check

Predicate = Callable[[Any], bool]


@dataclass(frozen=True)
class Violation:
    """One way in which a payload breaks a contract.

    Attributes
    ----------
    where : str
        Path into the payload, such as ``$.messages[0].role``; ``$`` is the whole.
    rule : str
        The keyword of the schema or the sentence of the rule that is broken.
    message : str
        What is wrong, with the value.

    Examples
    --------
    >>> str(Violation("$.max_tokens", "minimum", "0 is less than the minimum of 1"))
    '$.max_tokens: 0 is less than the minimum of 1'
    """

    where: str
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


@dataclass(frozen=True)
class Contract:
    """A JSON Schema, and rules that no schema can say.

    Attributes
    ----------
    schema : mapping
        JSON Schema, draft 2020-12.
    rules : mapping of str to function
        For each sentence that must be true of a payload, the function that says whether it is:
        ``{"output fits the context": lambda p: p["max_tokens"] <= 4096}``.

    Raises
    ------
    ValueError
        If the schema is malformed or a rule is not a function.

    Examples
    --------
    >>> contract = Contract({"type": "object", "required": ["prompt"]})
    >>> [str(v) for v in violations(contract, {})]
    ["$: 'prompt' is a required property"]
    """

    schema: Mapping[str, Any]
    rules: Mapping[str, Predicate] = field(default_factory=dict)

    def __post_init__(self) -> None:
        with _extras.needed_by(__name__):
            from jsonschema import Draft202012Validator, SchemaError

        for name in ("schema", "rules"):
            if not isinstance(getattr(self, name), Mapping):
                raise check.refuse(name, "a mapping", getattr(self, name))
        if problem := _not_json(dict(self.schema)):
            raise check.refuse("schema", "JSON", problem)
        try:
            Draft202012Validator.check_schema(dict(self.schema))
        except SchemaError as wrong:
            raise check.refuse("schema", "a JSON Schema", wrong.message) from None
        for sentence, rule in self.rules.items():
            if not isinstance(sentence, str) or not callable(rule):
                raise check.refuse("rules", "sentences with functions", {sentence: rule})


def violations(contract: Contract, payload: object) -> list[Violation]:
    """Return every way in which a payload breaks a contract: rules first, then by place.

    Parameters
    ----------
    contract : Contract
        What is promised.
    payload : object
        Parsed JSON.

    Returns
    -------
    list of Violation
        Empty if it keeps the contract. A rule that cannot be asked because the schema is broken
        already is not reported twice; one that fails on a payload of the right shape is.

    Raises
    ------
    ValueError
        If ``contract`` is no `Contract`, or its schema refers to what it does not hold.

    Examples
    --------
    >>> limit = Contract({"type": "object"}, {"short": lambda p: len(p["prompt"]) < 3})
    >>> violations(limit, {"prompt": "long"})[0].rule
    'short'
    """
    with _extras.needed_by(__name__):
        from jsonschema import Draft202012Validator, FormatChecker
        from referencing.jsonschema import EMPTY_REGISTRY

    check.instance("contract", contract, Contract)
    if problem := _not_json(payload):
        return [Violation("$", "JSON", _shortened(f"not JSON: {problem}"))]
    validator = Draft202012Validator(
        dict(contract.schema), registry=EMPTY_REGISTRY, format_checker=FormatChecker()
    )
    try:
        broken = sorted(validator.iter_errors(payload), key=_place)
    except Exception as wrong:
        told = f"{type(wrong).__name__}: {wrong}"
        raise check.refuse("contract", "of a schema that can be followed", told) from None
    found = [
        Violation(error.json_path, str(error.validator or "false"), _shortened(error.message))
        for error in broken
    ]
    shaped = not found
    untrue = []
    for sentence, rule in contract.rules.items():
        try:
            kept = bool(rule(payload))
        except Exception as problem:
            if not shaped:
                continue
            told = f"{sentence}: cannot be decided, {type(problem).__name__}: {problem}"
            untrue.append(Violation("$", sentence, _shortened(told)))
            continue
        if not kept:
            untrue.append(Violation("$", sentence, f"not true: {sentence}"))
    return untrue + found


def _not_json(value: object) -> str:
    """Return why JSON cannot hold a value; nothing where it can."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as problem:
        return str(problem)
    return ""


def _place(error: Any) -> tuple[list[tuple[int, str]], str]:
    """Return where an error is, with items of a list in the order of their numbers."""
    steps = [(s, "") if isinstance(s, int) else (-1, s) for s in error.absolute_path]
    return steps, str(error.validator)


def _shortened(message: str) -> str:
    return message if len(message) <= 200 else message[:197] + "..."
