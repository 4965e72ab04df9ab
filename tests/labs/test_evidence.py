"""Records replay to the same verdict anywhere, and say what changed where they do not."""

import copy
import functools
import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import labs
from labs import engine, evidence, queueing, simulation, workload
from labs.engine import StepTime
from labs.evidence import Rule, code_version, decide, replay

# Where the labs under test lie: the sources, or a wheel.
INSTALLED = Path(labs.__file__).parents[1]
RULE = Rule("p99_ttft", "<=", 2.0, "s", "block", warn=1.5)
STEP = StepTime(base=7e-3, prefill_token=90e-6, sequence=30e-6, kv_token=0.25e-6)
OPS = ("<", "<=", ">", ">=", "==")

REPLAY = """
import json, sys
from labs.evidence import replay
json.dump(replay(json.load(open(sys.argv[1]))), sys.stdout, allow_nan=False)
"""


def computed() -> dict[str, Any]:
    return decide(
        engine.serve_chat,
        RULE,
        rate=2.0,
        requests=200,
        seed=7,
        step_time=STEP,
        kv_tokens=110_000,
    )


def plain() -> dict[str, Any]:
    return decide(1.7, RULE, rate=2.5, seed=7, sample=np.array([1.0, 2.0]))


def averaged() -> dict[str, Any]:
    rule = Rule("high", "<", 4.0, "s", "escalate")
    return decide(simulation.mean_interval, rule, sample=[1.0, 2.0, 3.0, 4.0] * 9)


def replay_elsewhere(
    record: dict[str, Any], tmp_path: Path, code: Path = INSTALLED
) -> dict[str, Any]:
    path = tmp_path / "record.json"
    path.write_text(json.dumps(record, allow_nan=False))
    done = subprocess.run(
        [sys.executable, "-c", REPLAY, str(path)],
        env={**os.environ, "PYTHONPATH": str(code), "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def named(again: dict[str, Any]) -> set[str]:
    return {difference.partition(":")[0] for difference in again["differences"]}


# A fresh process


@pytest.mark.parametrize("make", [computed, plain])
def test_a_fresh_process_comes_to_the_same(make: Any, tmp_path: Path) -> None:
    record = make()
    again = replay_elsewhere(record, tmp_path)
    assert again["differences"] == []
    assert {name: again[name] for name in record} == json.loads(json.dumps(record))


@pytest.mark.parametrize("make", [computed, plain])
def test_a_fresh_replay_comes_to_the_same(make: Any) -> None:
    record = make()
    assert replay(record, fresh=True) == replay(record)


def test_a_fresh_replay_knows_nothing_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "environment", lambda: {"python": "2.7"})
    record = plain()
    assert replay(record)["differences"] == []
    assert named(replay(record, fresh=True)) == {"environment"}


def test_where_no_process_starts_a_fresh_replay_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "emscripten")
    record = plain()
    with pytest.warns(RuntimeWarning, match="replayed in this one"):
        assert replay(record, fresh=True) == replay(record)


def test_a_fresh_process_that_fails_is_no_bad_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "AUDITOR", ("-c", "import os; os.kill(os.getpid(), 9)"))
    with pytest.raises(RuntimeError, match="ended with status -9"):
        replay(plain(), fresh=True)


@pytest.mark.parametrize(
    ("program", "shown"),
    [
        ("raise ValueError('record must be believed')", "status 1: .*record must be believed"),
        ("print('no answer')", "status 0"),
        ("print('{}')", "status 0"),
    ],
)
def test_only_a_refusal_that_is_told_as_one_is_one(
    program: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "AUDITOR", ("-c", program))
    with pytest.raises(RuntimeError, match=rf"(?s)ended with {shown}"):
        replay(plain(), fresh=True)


def asked(text: str) -> tuple[int, dict[str, Any]]:
    """What ``python -m labs.evidence`` answers."""
    done = subprocess.run(
        [sys.executable, "-m", "labs.evidence"], input=text, capture_output=True, text=True
    )
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)


def test_a_command_replays_a_record() -> None:
    record = erlang()
    assert asked(json.dumps(record)) == (0, {"replayed": replay(record)})
    record["value"] = 0.1
    status, answer = asked(json.dumps(record))
    assert (status, named(answer["replayed"])) == (0, {"value"})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "record must be JSON from decide"),
        ("{", "record must be JSON from decide"),
        ("{}", "record must come from decide, got one without 'rule'"),
        (json.dumps({"rule": 3}), "record must come from decide"),
    ],
)
def test_a_command_refuses_in_json(text: str, why: str) -> None:
    status, answer = asked(text)
    assert status == 1
    assert list(answer) == ["refused"]
    assert answer["refused"].startswith(why)


def test_a_record_by_an_old_name_replays() -> None:
    before = {"labs.engine.serve_chat": computed, "labs.simulation.mean_interval": averaged}
    for old, make in before.items():
        record = json.loads(json.dumps(make()))
        record["computed_by"] = old
        for again in (replay(record), replay(record, fresh=True)):
            assert again["differences"] == []
            assert again["computed_by"] == make()["computed_by"]


@pytest.mark.parametrize("record", [{}, {**plain(), "unit": object()}, {**plain(), "rule": None}])
def test_a_fresh_replay_refuses_what_a_replay_refuses(record: Any) -> None:
    for fresh in False, True:
        with pytest.raises(ValueError, match=r"^record must"):
            replay(record, fresh=fresh)


def test_changed_code_is_named(tmp_path: Path) -> None:
    record = computed()
    copied = tmp_path / "changed"
    shutil.copytree(Path(labs.__file__).parent, copied / "labs")
    with open(copied / "labs" / "queueing.py", "a", encoding="utf-8") as file:
        file.write("\n# Changed, without effect on any figure.\n")
    again = replay_elsewhere(record, tmp_path, copied)
    assert named(again) == {"code"}
    assert again["verdict"] == record["verdict"]
    assert record["code"]["source"] in again["differences"][0]
    assert again["code"]["source"] in again["differences"][0]


def test_changed_results_are_named(tmp_path: Path) -> None:
    record = decide(queueing.erlang_c, Rule("erlang_c", "<", 0.5, "", "block"), **ERLANG)
    copied = tmp_path / "changed"
    shutil.copytree(Path(labs.__file__).parent, copied / "labs")
    with open(copied / "labs" / "queueing.py", "a", encoding="utf-8") as file:
        file.write("\n\ndef _erlang_c(load, servers):\n    return 0.75\n")
    again = replay_elsewhere(record, tmp_path, copied)
    assert named(again) == {"value", "verdict", "action", "code"}
    assert (again["value"], again["verdict"]) == (0.75, "fail")


def test_a_changed_data_file_is_changed_code(tmp_path: Path) -> None:
    copied = tmp_path / "changed"
    shutil.copytree(Path(labs.__file__).parent, copied / "labs")
    data = copied / "labs" / "azure_chat.json"
    data.write_text(data.read_text("utf-8").replace("1.09417", "1.0942"), "utf-8")
    assert "code" in named(replay_elsewhere(plain(), tmp_path, copied))


def test_an_untouched_copy_is_the_same_code(tmp_path: Path) -> None:
    shutil.copytree(
        Path(labs.__file__).parent,
        tmp_path / "copy" / "labs",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    assert replay_elsewhere(plain(), tmp_path, tmp_path / "copy")["differences"] == []


def test_a_changed_environment_is_named() -> None:
    record = copy.deepcopy(plain())
    record["environment"] = {**record["environment"], "numpy": "1.0"}
    again = replay(record)
    assert named(again) == {"environment"}
    assert "1.0" in again["differences"][0]


# Edited records

ERLANG = {"offered_load": 8, "servers": 10}


def erlang() -> dict[str, Any]:
    rule = Rule("prob_wait", "<", 0.5, "", "scale out", warn=0.45)
    return json.loads(json.dumps(decide(queueing.erlang_c, rule, **ERLANG)))


def test_an_edited_input_is_named_and_recomputed() -> None:
    record = erlang()
    record["inputs"]["offered_load"] = 9
    again = replay(record)
    assert named(again) == {"inputs", "value", "verdict", "action"}
    assert again["value"] == queueing.erlang_c(9, 10)
    assert (again["verdict"], again["action"]) == ("fail", "scale out")


def test_an_input_edited_together_with_its_fingerprint_is_recomputed() -> None:
    record = erlang()
    record["inputs"]["offered_load"] = 9
    edited = decide(1.0, Rule(**record["rule"]), offered_load=9, servers=10)
    record["fingerprint"] = edited["fingerprint"]
    assert named(replay(record)) == {"value", "verdict", "action"}


def test_an_edited_value_is_named() -> None:
    record = erlang()
    record["value"] = 0.1
    again = replay(record)
    assert named(again) == {"value"}
    assert again["value"] == queueing.erlang_c(8, 10)


def test_an_edited_verdict_or_action_is_named() -> None:
    for name, forged in (("verdict", "fail"), ("action", "block")):
        record = erlang()
        record[name] = forged
        assert named(replay(record)) == {name}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("limit", 0.41),
        ("limit", 0.6),
        ("op", ">"),
        ("op", "<="),
        ("warn", 0.405),
        ("warn", 0.49),
        ("action", "roll back"),
        ("unit", "ms"),
    ],
)
def test_an_edited_rule_is_named(field: str, value: Any) -> None:
    record = decide(queueing.erlang_c, Rule("prob_wait", "<", 0.5, "", "scale out"), **ERLANG)
    record = json.loads(json.dumps(record))
    record["rule"][field] = value
    assert replay(record)["differences"], f"nobody notices that the rule's {field} was edited"


def test_an_edited_metric_is_named() -> None:
    record = json.loads(json.dumps(computed()))
    record["rule"]["metric"] = "p50_ttft"
    assert named(replay(record)) >= {"value"}


def test_an_edited_function_is_named() -> None:
    record = erlang()
    record["computed_by"] = "labs.queueing.erlang_b"
    assert named(replay(record)) >= {"value"}


def test_a_forged_plain_value_is_named() -> None:
    record = json.loads(json.dumps(plain()))
    record["value"] = 0.1
    assert replay(record)["differences"]


# What a record holds


def test_a_record_says_everything() -> None:
    record = computed()
    assert set(record) == {
        "value",
        "unit",
        "rule",
        "verdict",
        "action",
        "computed_by",
        "inputs",
        "fingerprint",
        "code",
        "environment",
    }
    assert record["computed_by"] == "labs.scenarios.serve_chat"
    assert record["value"] == engine.serve_chat(2.0, 200, 7, STEP, 110_000).p99_ttft
    assert record["unit"] == "s"
    assert record["inputs"]["step_time"] == {
        "base": 7e-3,
        "prefill_token": 90e-6,
        "sequence": 30e-6,
        "kv_token": 0.25e-6,
        "weights": 0.0,
        "overlap": 1.0,
        "experts": 0.0,
        "share": 1.0,
        "prefill_kv": 0.0,
    }
    assert record["code"]["labs"] == labs.__version__
    assert set(record["environment"]) == {"python", "numpy", "scipy"}
    assert record["environment"]["numpy"] == np.__version__


def test_the_fingerprint_is_of_the_inputs_not_the_value() -> None:
    first = decide(1.0, RULE, rate=2.0, seed=1)
    assert decide(9.0, RULE, seed=1, rate=2.0)["fingerprint"] == first["fingerprint"]
    assert decide(1.0, RULE, rate=2.0, seed=2)["fingerprint"] != first["fingerprint"]
    assert decide(1.0, RULE, rate=2.0)["fingerprint"] != first["fingerprint"]
    array = decide(1.0, RULE, sample=np.array([1.0, 2.0]))
    assert decide(1.0, RULE, sample=[1.0, 2.0])["fingerprint"] == array["fingerprint"]


inputs = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from("abcdef"), inputs, max_size=4), st.floats(allow_nan=False))
def test_any_plain_record_survives_strict_json(context: dict[str, Any], value: float) -> None:
    record = decide(value, RULE, **context)
    through = json.loads(json.dumps(record, allow_nan=False))
    assert through == record
    again = replay(through)
    assert again["differences"] == []
    assert again["verdict"] == record["verdict"]


@pytest.mark.parametrize(
    ("value", "op", "verdict"),
    [(math.inf, "<=", "fail"), (-math.inf, "<=", "pass"), (math.inf, ">", "pass")],
)
def test_an_infinite_value_survives_strict_json(value: float, op: str, verdict: str) -> None:
    record = decide(value, Rule("wait", op, 1.0, "s", "block"))
    through = json.loads(json.dumps(record, allow_nan=False))
    again = replay(through)
    assert record["verdict"] == again["verdict"] == verdict
    assert again["differences"] == []


def test_a_saturated_queue_fails_its_gate_with_an_infinite_wait() -> None:
    rule = Rule("mean_wait", "<=", 1.0, "s", "block")
    record = decide(queueing.mmc, rule, arrival_rate=5, service_rate=1, servers=4)
    assert record["verdict"] == "fail"
    assert replay(json.loads(json.dumps(record, allow_nan=False)))["differences"] == []


def test_a_number_returned_by_numpy_is_plain(tmp_path: Path) -> None:
    record = decide(np.float64(1.25), RULE, n=np.int64(3), flag=np.bool_(True))
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert type(record["value"]) is float


# Verdicts


@given(
    op=st.sampled_from(OPS),
    limit=st.integers(-3, 3),
    warn=st.none() | st.integers(-3, 3),
    value=st.integers(-4, 4) | st.sampled_from([math.inf, -math.inf]),
)
def test_warn_lies_between_pass_and_fail(
    op: str, limit: int, warn: int | None, value: float
) -> None:
    def holds(left: float, right: float) -> bool:
        return {
            "<": left < right,
            "<=": left <= right,
            ">": left > right,
            ">=": left >= right,
            "==": left == right,
        }[op]

    # A warning is stricter when it never lets through what the limit stops, and may equal it.
    stricter = warn is None or (warn <= limit if op[0] == "<" else warn >= limit)
    if warn is not None and (op == "==" or not stricter):
        with pytest.raises(ValueError, match=r"warn must be stricter than"):
            Rule("m", op, limit, "", "block", warn=warn)
        return
    rule = Rule("m", op, limit, "", "block", warn=warn)
    if not holds(value, limit):
        wanted = "fail"
    elif warn is None or holds(value, warn):
        wanted = "pass"
    else:
        wanted = "warn"
    record = decide(value, rule)
    assert rule.verdict(value) == record["verdict"] == wanted
    assert record["action"] == {"pass": "accept", "warn": "warn", "fail": "block"}[wanted]


# What may be computed


@pytest.mark.parametrize(
    "name",
    [
        "os.system",
        "builtins.eval",
        "subprocess.run",
        "json.dumps",
        "labs",
        "labs.queueing",
        "labs.queueing.none",
        "labs.nowhere.run",
        "labs.queueing._erlang_b",
        "labs.queueing.MarkovQueue.wait_quantile",
        "labs.evidence.importlib",
        "labs.evidence.importlib.import_module",
        "labs.evidence._function",
        "labs.evidence.COMPARISONS",
        "labs.queueing.math",
        "labs.simulation.heappop",
        "labs.queueing.batch_server",
        "labs..queueing",
        "",
        "....",
        7,
        ["labs.queueing.erlang_b"],
    ],
)
def test_a_record_can_call_nothing_but_a_public_function_of_labs(name: Any) -> None:
    record = erlang()
    record["computed_by"] = name
    with pytest.raises(ValueError, match="computed_by"):
        replay(record)


def _local(**_: Any) -> float:
    raise AssertionError("called")


@pytest.mark.parametrize(
    "function",
    [
        os.getcwd,
        eval,
        json.dumps,
        lambda: 1.0,
        _local,
        print,
        np.mean,
        evidence._fingerprint,
        queueing.mm1(1, 2).wait_quantile,
        dict,
    ],
)
def test_decide_calls_nothing_but_a_public_function_of_labs(function: Any) -> None:
    with pytest.raises(ValueError, match="must be a"):
        decide(function, RULE)


def test_nothing_is_called_before_the_name_is_checked(tmp_path: Path) -> None:
    record = erlang()
    mark = tmp_path / "mark"
    record["computed_by"], record["inputs"] = "pathlib.Path.touch", {"self": str(mark)}
    with pytest.raises(ValueError, match="computed_by"):
        replay(record)
    assert not mark.exists()


def test_code_version_says_version_and_source() -> None:
    version = code_version()
    assert version["labs"] == labs.__version__
    assert len(version["source"]) == 16


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    kept = shutil.ignore_patterns("__pycache__")
    return Path(shutil.copytree(Path(labs.__file__).parent, tmp_path / "labs", ignore=kept))


def test_code_version_changes_with_all_that_can_change_a_verdict(copied: Path) -> None:
    seen = {evidence._fingerprint_of(copied)}
    assert seen == {code_version()["source"]}
    shown = ("explore", "prose", "style")
    files = [path for path in sorted(copied.rglob("*")) if path.suffix in {".py", ".json"}]
    files = [path for path in files if not str(path.relative_to(copied)).startswith(shown)]
    assert {path.name for path in files} >= {"answers.py", "engine.py", "devices.json"}
    for path in files:
        path.write_text(path.read_text("utf-8") + "\n", "utf-8")
        seen.add(evidence._fingerprint_of(copied))
    assert len(seen) == 1 + len(files)


def test_code_version_does_not_change_with_how_things_look(copied: Path) -> None:
    before = evidence._fingerprint_of(copied)
    style = copied / "style.py"
    style.write_text(style.read_text("utf-8").replace("#283a71", "#283a72"), "utf-8")
    drawn = [path for path in copied.glob("explore*/**/*") if path.is_file()]
    for path in [*copied.glob("explore*.py"), *drawn, copied / "prose.py"]:
        path.write_text(path.read_text("utf-8") + "\n", "utf-8")
    (copied / "__pycache__").mkdir()
    (copied / "__pycache__" / "engine.cpython-311.pyc").write_bytes(b"compiled")
    (copied / "checks" / ".DS_Store").write_bytes(b"anything")
    assert evidence._fingerprint_of(copied) == before


# Bad input


@pytest.mark.parametrize(
    ("call", "argument", "shown"),
    [
        (lambda: decide(math.nan, RULE), "value", "nan"),
        (lambda: decide("1.0", RULE), "value", "'1.0'"),
        (lambda: decide(None, RULE), "value", "None"),
        (lambda: decide(True, RULE), "value", "True"),
        (lambda: decide([1.0, 2.0], RULE), "value", "[1.0, 2.0]"),
        (lambda: decide(1.0, "p99 < 2"), "rule", "p99 < 2"),
        (lambda: decide(1.0, RULE, load=math.nan), "load", "nan"),
        (lambda: decide(1.0, RULE, load=[1.0, math.inf]), "load", "inf"),
        (lambda: decide(1.0, RULE, load=np.array([math.nan])), "load", "nan"),
        (lambda: decide(1.0, RULE, rng=np.random.default_rng(1)), "rng", "Generator"),
        (lambda: decide(1.0, RULE, deep={"a": [object()]}), "deep", "object"),
        (lambda: decide(1.0, RULE, when={1, 2}), "when", "{1, 2}"),
        (
            lambda: decide(queueing.mmc, RULE, arrival_rate=-1, service_rate=1, servers=1),
            "arrival_rate",
            "-1",
        ),
        (
            lambda: decide(queueing.mmc, RULE, arrival_rate=1, service_rate=2, servers=1),
            "metric",
            "p99_ttft",
        ),
        (
            lambda: decide(queueing.mm1, RULE, arrival_rate=1, service_rate=2, speed=1),
            "mm1",
            "speed",
        ),
        (lambda: Rule("m", "=", 1.0, "s", "block"), "op", "'='"),
        (lambda: Rule("m", "<", math.nan, "s", "block"), "limit", "nan"),
        (lambda: Rule("m", "<", "1", "s", "block"), "limit", "'1'"),
        (lambda: Rule("m", "<", 1.0, "s", "block", warn=2.0), "warn", "2.0"),
        (lambda: Rule("m", ">", 1.0, "s", "block", warn=0.5), "warn", "0.5"),
        (lambda: Rule("m", "==", 1.0, "s", "block", warn=1.0), "warn", "1.0"),
        (lambda: Rule("m", "<", 1.0, "s", "block", warn=math.nan), "warn", "nan"),
        (lambda: Rule("", "<", 1.0, "s", "block"), "metric", "''"),
        (lambda: Rule("m", "<", 1.0, None, "block"), "unit", "None"),
        (lambda: Rule("m", "<", 1.0, "s", " "), "action", "' '"),
        (lambda: Rule(3, "<", 1.0, "s", "block"), "metric", "3"),
        (lambda: RULE.verdict(math.nan), "value", "nan"),
        (lambda: RULE.verdict("1"), "value", "'1'"),
        (lambda: replay({}), "record", "rule"),
        (lambda: replay({**plain(), "rule": 3}), "record", "int"),
        (lambda: replay({**plain(), "rule": {"metric": "m"}}), "record", "limit"),
        (lambda: replay({**plain(), "inputs": 3}), "inputs", "3"),
        (lambda: replay({**plain(), "inputs": [1]}), "inputs", "[1]"),
        (lambda: replay({**plain(), "inputs": {"rule": 1}}), "inputs", "rule"),
        (lambda: replay({**plain(), "value": None}), "value", "None"),
        (lambda: replay({**plain(), "value": "NaN"}), "value", "NaN"),
        (
            lambda: replay({n: v for n, v in plain().items() if n != "fingerprint"}),
            "record",
            "fingerprint",
        ),
        (lambda: replay(None), "record", "None"),
        (lambda: replay("record.json"), "record", "str"),
    ],
)
def test_bad_input_is_named(call: Any, argument: str, shown: str) -> None:
    with pytest.raises(ValueError, match=rf"\b{argument}\b") as problem:
        call()
    assert shown in str(problem.value)


def test_a_gate_on_a_function_that_goes_by_anothers_name_is_refused() -> None:
    @functools.wraps(queueing.mm1)
    def kinder(**arguments: float) -> float:
        return 0.0

    with pytest.raises(ValueError, match=r"^value must be a number or a public function of labs"):
        decide(kinder, RULE, arrival_rate=1, service_rate=2)


@pytest.mark.parametrize("function", [queueing.mmck, simulation.mean_interval, workload.zipf])
def test_a_gate_on_a_function_without_its_arguments_is_refused(function: Any) -> None:
    with pytest.raises(ValueError, match=function.__name__):
        decide(function, RULE)
