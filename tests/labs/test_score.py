"""The scorecard is what its script makes of the runs, and says nothing that cannot be."""

import json
from pathlib import Path
from typing import Any

import pytest
import score

SCORECARD: dict[str, list[dict[str, Any]]] = json.loads(
    (Path(__file__).parents[2] / "book" / "scorecard.json").read_text("utf-8")
)
RECORDED, STEPS = SCORECARD["runs"], SCORECARD["steps"]


def of(run: dict[str, Any], method: str) -> dict[str, dict[str, float]]:
    return next(one["errors"] for one in run["methods"] if one["name"] == method)


def test_the_scorecard_is_what_the_runs_say(shared: Path) -> None:
    for name, recorded in zip(score.RUNS, RECORDED, strict=True):
        ours = score.score(shared / "measured", name)
        assert {k: v for k, v in ours.items() if k != "methods"} == {
            k: v for k, v in recorded.items() if k != "methods"
        }
        for method in ("bound", "forecast", "calibrated"):
            for metric, places in of(ours, method).items():
                # A last digit may turn on another version of numpy.
                assert places == pytest.approx(of(recorded, method)[metric], abs=0.3), method


@pytest.mark.parametrize("run", RECORDED, ids=lambda run: run["run"])
def test_no_bound_lies_above_what_was_measured(run: dict[str, Any]) -> None:
    for places in of(run, "bound").values():
        assert max(places.values()) < 0


@pytest.mark.parametrize("run", RECORDED, ids=lambda run: run["run"])
def test_calibrated_on_a_hundred_answers_the_targets_hold(run: dict[str, Any]) -> None:
    full = "4090" in run["run"]
    for metric, places in of(run, "calibrated").items():
        mean, tail = (5, 10) if full or metric == "ttft" else (3, 5)
        assert abs(places["mean"]) <= mean
        assert abs(places["p99"]) <= tail


@pytest.mark.parametrize("run", RECORDED, ids=lambda run: run["run"])
def test_every_method_says_what_it_leaves_out(run: dict[str, Any]) -> None:
    assert {one["name"] for one in run["methods"]} == {
        *("bound", "forecast", "calibrated"),
        score.SIMULATOR["name"],
    }
    assert all(one["left out"] for one in run["methods"])
    assert len(run["commit"]) == 40


def test_the_scorecard_of_steps_is_what_the_measurements_say() -> None:
    for recorded in STEPS:
        found = score.step_row(recorded["device"], recorded["model"], recorded["dtype"])
        assert found.keys() < recorded.keys()
        for name, value in found.items():
            same = value if isinstance(value, str) else pytest.approx(value, abs=0.5, rel=0.02)
            assert recorded[name] == same, name


def test_after_own_measurements_the_forecast_lies_as_near_as_the_scorecard_says() -> None:
    [recorded] = [row for row in STEPS if (row["device"], row["dtype"]) == ("H100", "bf16")]
    found = score.after_own(recorded["device"], recorded["model"], recorded["dtype"])
    for name, value in found.items():
        assert recorded[name] == pytest.approx(value, abs=2, rel=0.05), name


@pytest.mark.parametrize("row", STEPS, ids=lambda row: " ".join(list(row.values())[:3]))
def test_no_step_is_below_its_bound_and_own_measurements_bring_the_forecast_near(
    row: dict[str, Any],
) -> None:
    assert row["least over bound"] >= 1
    assert row["after six"] < row["error"]
    if row["dtype"] != "int8":  # products of integers reach half their peak: nothing published did
        assert row["after six"] <= 5
        assert row["inside after six"] >= 80
