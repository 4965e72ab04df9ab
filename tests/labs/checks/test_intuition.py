"""Foundation exercises 1 to 5: right answers pass, mistakes are named, nothing stumbles."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hostile import HOSTILE

from labs import hardware
from labs.checks import Givens, Verdict
from labs.checks import intuition as check
from labs.contracts import Contract

CANDIDATES = {
    "70B on 2": ("Llama-3.1-70B", 2, "H200", "bf16", 1.60),
    "70B on 1": ("Llama-3.1-70B", 1, "H100", "int8", 1.62),
    "8x7B": ("Mixtral-8x7B", 1, "A100-80", "int8", 1.70),
    "8B bf16": ("Llama-3.1-8B", 1, "A100-80", "bf16", 1.74),
    "8B int8": ("Llama-3.1-8B", 1, "A100-80", "int8", 1.75),
    "8B on L4": ("Llama-3.1-8B", 1, "L4", "int8", 1.75),
}
SIZES = [1, 2, 4, 8, 16, 32]
SECONDS = [1.0, 1.1, 1.4, 2.0, 3.1, 5.9]


def model(answer: object) -> Verdict:
    return check.model.judge(
        answer, Givens(candidates=CANDIDATES, batch=32, context=2000, tpot=0.040, dollars=1.0)
    )


def triangle(answer: object) -> Verdict:
    return check.triangle.judge(
        answer, Givens(sizes=SIZES, seconds=SECONDS, limit=3.5, price=36.0, gain=0.25)
    )


# Users 0 to 3 are known at night, 4 is new. Requests: 0 twice, then 1, 2, 4, 3.
DAY = {
    "users": 4,
    "asked": np.array([0, 0, 1, 2, 4, 3, 0, 0]),
    "hour": np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]),
    "changed": np.array([math.inf, 2.5, 9.0, math.inf, math.inf]),
    "batch_cost": 0.1,
    "online_cost": 0.4,
}
# Stale: user 1 (changed at 2.5, asked at 3) and the new user 4: 2 of 8.
PLAN = [0.25, 0.1 / (0.75 * 0.4), 8 * 0.4 - (4 * 0.1 + 2 * 0.4)]


def nightly(answer: object) -> Verdict:
    return check.nightly.judge(answer, Givens(**DAY))


GOOD = [{"n": 1}, {"n": 8, "m": 0}]
BAD = {
    "malformed": [[], {"n": "1"}, {}],
    "out of range": [{"n": 0}],
    "contradictory": [{"n": 1, "m": 2}],
}
NUMBER = {"type": "integer", "minimum": 1}
SCHEMA = {
    "type": "object",
    "required": ["n"],
    "properties": {"n": NUMBER, "m": {"type": "integer"}},
    "additionalProperties": False,
}
RULES = {"m is at most n": lambda p: p.get("m", 0) <= p["n"]}


def contract(answer: object) -> Verdict:
    return check.contract.judge(answer, Givens(good=GOOD, bad=BAD))


def day(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    requests = rng.poisson(2400, size=1440)
    failing = np.full(1440, 2e-4)
    failing[300:304] = 0.06
    failing[850:920] = 0.03
    return requests, rng.binomial(requests, failing)


def right_alarm(requests: np.ndarray, errors: np.ndarray) -> dict[str, float]:
    def burns(end: int, width: int) -> float:
        last = slice(end - width + 1, end + 1)
        return errors[last].sum() / requests[last].sum() / 0.001

    minute = next(t for t in range(59, 1440) if burns(t, 60) >= 14.4 <= burns(t, 5))
    return {"spent": errors.sum() / (0.001 * 30 * requests.sum()), "burn": 14.4, "minute": minute}


def alarm(answer: object, seed: int = 3) -> Verdict:
    return check.alarm.judge(
        answer, Givens(requests=day(seed)[0], errors=day(seed)[1], objective=0.999)
    )


CHECKS: dict[str, Callable[[object], Verdict]] = {
    "model": model,
    "triangle": triangle,
    "nightly": nightly,
    "contract": contract,
    "alarm": alarm,
}


# Right answers


def test_the_right_model_is_found_by_hand() -> None:
    def ends(kind: str, card: str, dtype: str, count: int = 1) -> tuple[float, ...]:
        step = hardware.forecast(kind, card, 32, 2000, dtype, count)
        price = count * (hardware.DEVICES[card].price or 0) / 3600 / 32 * 1e6
        return step.mid, step.high, step.mid * price, step.high * price

    likely, worst, dollars, most = ends("Llama-3.1-8B", "A100-80", "bf16")
    assert worst < 0.040
    assert most < 1
    assert ends("Llama-3.1-70B", "H200", "bf16", 2)[2] > 1
    assert ends("Llama-3.1-8B", "L4", "int8")[0] > 0.040
    likely, worst, dollars, most = ends("Mixtral-8x7B", "A100-80", "int8")
    assert likely < 0.040 < worst
    assert dollars < 1 < most
    assert hardware.kv_room("Llama-3.1-70B", "H100", "int8") < 32 * 2000
    assert model("8B bf16")


def test_the_right_corner_is_found_by_hand() -> None:
    # 16 take 3.1 s of the 3.5; 36 dollars an hour are a cent a second; 8 to 16 +29%, to 32 +5%.
    assert triangle([16, 1e6 * 0.01 * 3.1 / 16, 16])
    assert triangle({"turn": 16, "batch": 16, "dollars": 1937.5})
    assert triangle({"knee": 16, "batch": 16, "dollars": 1937.5})  # as earlier sheets call it


def test_the_right_plan_is_found_by_hand() -> None:
    assert nightly(PLAN)


def test_a_contract_that_judges_rightly_passes() -> None:
    assert repr(contract(Contract(SCHEMA, RULES))) == "PASS  7 payloads judged"


@pytest.mark.parametrize("seed", [1, 3, 8])
def test_the_right_alarm_passes_for_every_seed(seed: int) -> None:
    right = right_alarm(*day(seed))
    assert 850 < right["minute"] < 920
    assert alarm(right, seed)


# Mistakes


@pytest.mark.parametrize(
    ("answer", "diagnosis"),
    [
        ("70B on 2", "the least loss of all, but a million tokens of it are likely to cost more"),
        ("70B on 1", "no room for this batch"),
        ("8x7B", "but not at the forecast's high end"),
        ("8B int8", "so does one with less loss"),
        ("8B on L4", "longer than the limit"),
        ("9B", "answer must be one of"),
    ],
)
def test_each_wrong_model_gets_its_reason(answer: str, diagnosis: str) -> None:
    assert diagnosis in model(answer).message


COST = [1e6 * 0.01 * t / b for t, b in zip(SECONDS, SIZES, strict=True)]


@pytest.mark.parametrize(
    ("answer", "diagnosis"),
    [
        ([32, COST[5], 16], "breaks the latency limit"),
        ([16, COST[4], 32], "not after it"),
        ([16, COST[4] * 3600, 16], "for an hour"),
        ([16, COST[4] * 16, 16], "not of its items"),
        ([8, COST[4], 16], "batch: got 8, expected 16"),
        ([16, COST[4] / 1000, 16], "thousand times too small"),
    ],
)
def test_each_mistake_about_the_triangle_is_named(answer: list[float], diagnosis: str) -> None:
    assert diagnosis in triangle(answer).message


def plan(share: float) -> list[float]:
    return [share, 0.1 / ((1 - share) * 0.4), 3.2 - (0.4 + share * 3.2)]


@pytest.mark.parametrize(
    ("answer", "diagnosis"),
    [
        (plan(1 / 8), "new users have no answer"),
        (plan(3 / 8), "still fresh"),
        (plan(2 / 4), "weighs users alike"),
        ([0.25, 0.25, 3.2 - 0.4], "computed again by day"),
        ([0.25, PLAN[1], 3.2 - (4 * 0.1 - 0.0 + 0.8) + 0.0], ""),
        ([25, PLAN[1], PLAN[2]], "percentage"),
        ([0.25, PLAN[1], -PLAN[2]], "sign"),
    ],
)
def test_each_mistake_about_the_night_is_named(answer: list[float], diagnosis: str) -> None:
    verdict = nightly(answer)
    assert diagnosis in verdict.message
    assert bool(verdict) == (not diagnosis)


def test_a_night_for_those_alone_who_will_ask_is_named() -> None:
    # Of 5 known users 4 ask: the night pays for the fifth too.
    more = {**DAY, "users": 5, "asked": [0, 0, 1, 2, 5, 3, 0, 0], "changed": [*DAY["changed"], 0.0]}
    saved = 3.2 - (4 * 0.1 + 0.25 * 3.2)
    verdict = check.nightly.judge([0.25, PLAN[1], saved], Givens(**more))
    assert "for every user" in verdict.message


@pytest.mark.parametrize(
    ("schema", "rules", "said"),
    [
        (SCHEMA, {}, "a payload that is contradictory is accepted: {'n': 1, 'm': 2}"),
        ({**SCHEMA, "properties": {"n": {"type": "integer"}, "m": {}}}, RULES, "out of range is"),
        ({**SCHEMA, "required": []}, {"always": lambda p: True}, "malformed is accepted: {}"),
        ({**SCHEMA, "required": ["m"]}, RULES, "a good payload is refused: $: 'm' is a required"),
        (SCHEMA, {"n is 1": lambda p: p["n"] == 1}, "a good payload is refused: $: not true"),
        ({}, {}, "malformed is accepted: []"),
    ],
)
def test_each_hole_in_a_contract_is_shown(schema: Any, rules: Any, said: str) -> None:
    assert said in contract(Contract(schema, rules)).message


def test_a_rule_that_raises_is_no_traceback() -> None:
    broken = Contract(SCHEMA, {"m is below n": lambda p: p["m"] < p["n"]})
    verdict = contract(broken)
    assert not verdict
    assert "\n" not in verdict.message


def test_a_contract_that_cannot_judge_is_no_traceback() -> None:
    verdict = contract(Contract({"$ref": "#/nowhere"}))
    assert "your contract raised ValueError" in verdict.message


def test_each_mistake_about_the_alarm_is_named() -> None:
    requests, errors = day(3)
    spent, burn, minute = right_alarm(requests, errors).values()
    for answer, diagnosis in (
        ([spent * 30, burn, minute], "for 30 days"),
        ([spent, burn * 0.001, minute], "not the burn rate"),
        ([spent, 0.48, minute], "not 24 times"),
        ([spent, burn, 301], "at every hiccup"),
        ([spent, burn, minute + 1], "from 0"),
        ([spent, burn, minute - 59], "ends with the minute"),
        ([100 * spent, burn, minute], "percentage"),
    ):
        assert diagnosis in alarm(answer).message, answer


# Hostile answers


@pytest.mark.parametrize("exercise", CHECKS)
@pytest.mark.parametrize("answer", HOSTILE, ids=lambda answer: type(answer).__name__)
def test_no_answer_makes_a_check_stumble(exercise: str, answer: Any) -> None:
    verdict = CHECKS[exercise](answer)
    assert not verdict
    assert "\n" not in verdict.message
    assert 5 < len(verdict.message) < 300
    assert ("no answer yet" in verdict.message) == (answer is None or answer is ...)
