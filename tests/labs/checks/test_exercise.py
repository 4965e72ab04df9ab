"""Every exercise owns what it gives: nothing that a learner holds or changes moves a verdict."""

import importlib
import pkgutil
import re
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest

from labs import checks
from labs.checks import Exercise, Givens, Verdict

SHEETS = [
    module.name
    for module in pkgutil.iter_modules(checks.__path__)
    if module.name not in ("answers", "exercise", "grading", "versions")
]
EXERCISES = {
    f"{sheet}.{name}": thing
    for sheet in SHEETS
    for name, thing in vars(importlib.import_module(f"labs.checks.{sheet}")).items()
    if isinstance(thing, Exercise)
}
DRAWN = [name for name, one in EXERCISES.items() if one._drawn]

every_exercise = pytest.mark.parametrize("name", EXERCISES)


@pytest.fixture(autouse=True)
def first_seed() -> Iterator[None]:
    yield
    for name in DRAWN:
        EXERCISES[name].draw(7)


def arrays(value: object) -> Iterator[np.ndarray]:
    if isinstance(value, np.ndarray):
        yield value
    parts = value.values() if isinstance(value, Mapping) else value
    if isinstance(parts, tuple) or isinstance(value, Mapping):
        for part in parts:
            yield from arrays(part)


def test_there_are_thirty_six_of_them() -> None:
    assert len(EXERCISES) == 36
    assert {name.partition(".")[0] for name in EXERCISES} == set(SHEETS)


@every_exercise
def test_what_is_given_is_read_only(name: str) -> None:
    given = EXERCISES[name].given
    for part, value in vars(given).items():
        with pytest.raises(AttributeError, match="stays as it is"):
            setattr(given, part, 0)
        with pytest.raises(AttributeError, match="stays as it is"):
            delattr(given, part)
        for array in arrays(value):
            with pytest.raises(ValueError, match="read-only"):
                array[...] = 0


@every_exercise
def test_a_learner_who_writes_to_them_all_the_same_changes_nothing(name: str) -> None:
    """Arrays that own their numbers can be made writeable again, and lists are lists."""
    exercise = EXERCISES[name]
    before = repr(exercise.given), exercise(0).message
    for value in vars(exercise.given).values():
        if isinstance(value, list):
            value.clear()
        for array in arrays(value):
            array.flags.writeable = True
            array[...] = 1
    assert (repr(exercise.given), exercise(0).message) == before


@every_exercise
def test_an_empty_answer_is_asked_for(name: str) -> None:
    assert EXERCISES[name](...).message == "no answer yet: replace the ... in the answer cell"


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize("seed", [0, 1, 2027])
def test_a_check_judges_by_the_seed_drawn_last(name: str, seed: int) -> None:
    exercise = EXERCISES[name]
    first = repr(exercise.draw(7))
    assert repr(exercise.draw(seed)) == repr(exercise.given) != first
    assert not exercise(1.0)
    assert repr(exercise.draw(7)) == first


@pytest.mark.parametrize("seed", [-1, 1.5, "7", None, float("nan")])
def test_a_seed_is_a_whole_number(seed: Any) -> None:
    exercise = EXERCISES["caching.room"]
    with pytest.raises(ValueError, match="seed"):
        exercise.draw(seed)
    assert repr(exercise.given) == repr(exercise.draw(7))


@pytest.mark.parametrize("seed", range(300))
def test_there_is_a_gain_to_be_sure_of_whatever_the_seed(seed: int) -> None:
    given = EXERCISES["distillation.better"].draw(seed)
    assert given.distilled.sum() > given.plain.sum()


def test_what_warns_on_its_way_to_the_right_answer_is_right() -> None:
    """A grader takes what a check cell writes to stderr for an error."""

    @checks.exercise()
    def logarithm(answer: Any, given: Givens) -> Verdict:
        warnings.warn("a learner's function warns", stacklevel=1)
        return checks.number(float(np.exp(-answer(np.array(0.0)))), 0.0)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert logarithm(lambda x: -np.log(x))


@every_exercise
def test_the_check_keeps_the_name_and_the_words_of_its_function(name: str) -> None:
    exercise = EXERCISES[name]
    assert repr(exercise) == f"Exercise({name.partition('.')[2]})"
    assert (exercise.__doc__ or "").startswith("Check exercise ")


@every_exercise
def test_pasting_what_a_fail_prints_answers_nothing(name: str) -> None:
    """A script that answers 0, reads the FAIL, and answers with every number in it."""
    checks.reveal(False)
    exercise = EXERCISES[name]
    wanted = re.search(r"must be (\d+) numbers", exercise(0).message)
    parts = int(wanted[1]) if wanted else 0
    first = exercise([0.0] * parts if parts else 0)
    assert not first
    for printed in set(re.findall(r"-?\d+(?:\.\d+)?", first.message)) - {"0"}:
        again = exercise([float(printed)] * parts if parts else float(printed))
        assert not again
        assert again.part == first.part
