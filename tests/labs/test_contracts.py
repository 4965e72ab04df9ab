"""A payload is held against its schema and its rules, and every breach of either is told."""

from typing import Any

import pytest

from labs.contracts import Contract, violations

CHAT = Contract(
    {
        "type": "object",
        "required": ["messages", "max_tokens"],
        "additionalProperties": False,
        "properties": {
            "messages": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "required": ["role", "content"],
                    "properties": {
                        "role": {"enum": ["system", "user", "assistant"]},
                        "content": {"type": "string", "maxLength": 20},
                    },
                },
            },
            "max_tokens": {"type": "integer", "minimum": 1},
            "mail": {"type": "string", "format": "email"},
        },
    },
    {
        "the last word is the user's": lambda p: p["messages"][-1]["role"] == "user",
        "output fits the context": lambda p: p["max_tokens"] <= 4096,
    },
)


def chat(**changes: Any) -> dict[str, Any]:
    hello = {"role": "user", "content": "hello"}
    return {"messages": [hello], "max_tokens": 16} | changes


def broken(contract: Contract, payload: Any) -> list[tuple[str, str]]:
    return [(found.where, found.rule) for found in violations(contract, payload)]


def test_what_is_wrong_is_told_in_the_order_of_the_payload() -> None:
    parts = {"b": {"items": {"type": "string"}}, "a": {"type": "null"}}
    payload = {"b": ["x", *range(11)], "a": 1}
    places = [found.where for found in violations(Contract({"properties": parts}), payload)]
    assert places == ["$.a", *(f"$.b[{i}]" for i in range(1, 12))]


def test_a_payload_that_keeps_the_contract_breaks_nothing() -> None:
    assert violations(CHAT, chat()) == []
    assert violations(CHAT, chat(mail="a@b.example")) == []
    assert violations(Contract({}), {"anything": None}) == []


def test_every_breach_is_listed_with_its_place() -> None:
    payload = {
        "messages": [{"role": "robot", "content": 3}, {"role": "user"}],
        "max_tokens": 0,
        "odd": 1,
    }
    assert broken(CHAT, payload) == [
        ("$", "additionalProperties"),
        ("$.max_tokens", "minimum"),
        ("$.messages[0].content", "type"),
        ("$.messages[0].role", "enum"),
        ("$.messages[1]", "required"),
    ]
    assert str(violations(CHAT, payload)[1]) == "$.max_tokens: 0 is less than the minimum of 1"


def test_rules_and_schema_are_reported_together() -> None:
    payload = chat(max_tokens=5000, messages=[{"role": "assistant", "content": "x" * 30}])
    assert broken(CHAT, payload) == [
        ("$", "the last word is the user's"),
        ("$", "output fits the context"),
        ("$.messages[0].content", "maxLength"),
    ]
    assert violations(CHAT, payload)[1].message == "not true: output fits the context"


def test_formats_are_checked() -> None:
    assert broken(CHAT, chat(mail="nobody")) == [("$.mail", "format")]


def test_places_in_a_list_come_in_the_order_of_their_numbers() -> None:
    contract = Contract({"type": "array", "items": {"type": "integer"}})
    found = broken(contract, ["x"] * 12)
    assert [where for where, _ in found] == [f"$[{index}]" for index in range(12)]


def test_a_rule_that_fails_on_a_broken_shape_is_not_told_twice() -> None:
    assert broken(CHAT, {"max_tokens": 9000, "messages": []}) == [
        ("$", "output fits the context"),
        ("$.messages", "minItems"),
    ]
    assert broken(CHAT, 3) == [("$", "type")]


def test_a_rule_that_raises_on_a_good_shape_is_a_breach() -> None:
    contract = Contract({"type": "object"}, {"short": lambda p: len(p["prompt"]) < 9})
    (found,) = violations(contract, {})
    assert (found.where, found.rule) == ("$", "short")
    assert found.message == "short: cannot be decided, KeyError: 'prompt'"


def test_a_property_that_is_never_allowed() -> None:
    (found,) = violations(Contract({"properties": {"a": False}}), {"a": 1})
    assert found.rule == "false"
    assert "does not allow 1" in found.message


def test_long_messages_are_shortened() -> None:
    (found,) = violations(Contract({"maxLength": 3}), "x" * 10_000)
    assert len(found.message) == 200
    assert found.message.endswith("...")


@pytest.mark.parametrize(
    "payload",
    [float("nan"), {"a": float("inf")}, {1, 2}, object(), [10**5000]],
    ids=lambda _: "payload",
)
def test_what_json_cannot_hold_is_a_breach(payload: Any) -> None:
    assert broken(CHAT, payload) == [("$", "JSON")]


@pytest.mark.parametrize(
    ("schema", "rules", "argument"),
    [
        ({"type": "objekt"}, {}, "schema"),
        ({"minimum": "three"}, {}, "schema"),
        ({"pattern": "("}, {}, "schema"),
        ({"const": object()}, {}, "schema"),
        ({"maximum": float("nan")}, {}, "schema"),
        ([], {}, "schema"),
        ("{}", {}, "schema"),
        ({}, ["rule"], "rules"),
        ({}, {"rule": 3}, "rules"),
        ({}, {3: len}, "rules"),
    ],
)
def test_a_malformed_contract_is_refused(schema: Any, rules: Any, argument: str) -> None:
    with pytest.raises(ValueError, match=rf"^{argument} must be"):
        Contract(schema, rules)


@pytest.mark.parametrize("reference", ["#", "#/$defs/none", "https://example.org/none.json"])
def test_a_schema_that_leads_nowhere_is_refused_without_asking_the_network(reference: str) -> None:
    with pytest.raises(ValueError, match=r"^contract must be of a schema that can be followed"):
        violations(Contract({"$ref": reference}), {})


def test_a_schema_may_refer_to_itself() -> None:
    tree = Contract({"type": "object", "additionalProperties": {"$ref": "#"}})
    assert broken(tree, {"a": {"b": {}, "c": 3}}) == [("$.a.c", "type")]


def test_only_a_contract_is_a_contract() -> None:
    with pytest.raises(ValueError, match=r"^contract must be a Contract"):
        violations({}, {})
