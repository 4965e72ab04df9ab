"""Imports go one way, from what is shown down to the ground floor; old names still work."""

import ast
import graphlib
import importlib
import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import labs
from labs import evidence

#: From below. A module may import those of its own floor and below, and none in a circle.
FLOORS = {
    "ground": "accelerators validation _arrays _extras _moved _version intervals batch_times "
    "machine traces number_types devices model_config models step timeline _blocks _log_files "
    "_log_times _fast_logs _logs _results",
    "mechanisms": "_answer_times _paging _replica _stepwise batch_queue bounds caching calibration "
    "contracts digits distillation endpoints engine fitting forecasts gateways hardware histogram "
    "law loads measured precision profiles quantization queueing safety simulation slo "
    "small_floats speculation sweep tool_figures wire work workload",
    "scenarios": "cluster disaggregation economics planning routers scenarios scheduling",
    "evidence": "evidence",
    "shown": "prose style explore explore_parts explore_widget checks",
}
FLOOR = {
    module: number for number, modules in enumerate(FLOORS.values()) for module in modules.split()
}
ROOT = Path(labs.__file__).parent


def floor(module: str) -> int:
    return FLOOR[module.split(".")[0]]


def imported(path: Path) -> set[str]:
    """The modules of labs that a file imports, wherever it does; types alone do not count."""
    found = set()
    todo: list[ast.AST] = [ast.parse(path.read_text("utf-8"))]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            todo += node.orelse
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.startswith("labs.")}
        elif isinstance(node, ast.ImportFrom) and node.module == "labs":
            found |= {f"labs.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("labs."):
            found.add(str(node.module))
        assert not (isinstance(node, ast.ImportFrom) and node.level), f"{path}: relative import"
        todo += ast.iter_child_nodes(node)
    return {name.removeprefix("labs.") for name in found}


def arrows() -> dict[str, set[str]]:
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(part for part in parts if part != "__init__")
        if name:
            found[name] = imported(path) - {name}
    return found


ARROWS = arrows()


def test_every_module_has_a_floor() -> None:
    assert {name.split(".")[0] for name in ARROWS} <= set(FLOOR)


@pytest.mark.parametrize("module", ARROWS)
def test_no_arrow_goes_up(module: str) -> None:
    above = {name for name in ARROWS[module] if floor(name) > floor(module)}
    assert not above, f"labs.{module} imports {above} from a floor above its own"


def test_no_arrow_goes_round() -> None:
    assert list(graphlib.TopologicalSorter(ARROWS).static_order())


def test_the_package_itself_imports_nothing_of_its_own() -> None:
    assert imported(ROOT / "__init__.py") == set()


def loaded_by(module: str) -> set[str]:
    code = f"import sys, labs.{module}; print(*(m for m in sys.modules if m.startswith('labs.')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.removeprefix("labs.") for name in done.stdout.split()}


@pytest.mark.parametrize("module", ["bounds", "caching", "work"])
def test_bounds_and_caches_load_the_ground_floor_alone(module: str) -> None:
    ground = FLOORS["ground"].split()
    assert loaded_by(module) <= {module, *ground}


def test_machines_load_no_engine_and_no_scenario() -> None:
    assert loaded_by("hardware") <= {
        *FLOORS["ground"].split(),
        *("bounds", "fitting", "forecasts", "hardware", "law", "profiles", "work"),
    }


@pytest.mark.parametrize("module", [name for name in ARROWS if "." not in name])
def test_no_module_loads_a_heavy_part_of_scipy_before_it_is_used(module: str) -> None:
    code = f"import sys, labs.{module}; print(*(m for m in sys.modules if m.startswith('scipy.')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"scipy.stats", "scipy.optimize", "scipy.sparse.linalg", "scipy.integrate"}
    assert not heavy & set(done.stdout.split())


def test_an_engine_loads_no_scenario() -> None:
    assert not loaded_by("engine") & {"scenarios", "economics", "scheduling"}


# Old names


#: Where each name is found now, by the module that it left.
MOVED: dict[str, dict[str, str]] = {
    "batch_queue": dict.fromkeys(("BatchCurve", "BatchTime", "fit_batch_time"), "batch_times"),
    "caching": {"kv_bytes_per_token": "models"},
    "digits": dict.fromkeys(("PairedLoss", "paired_loss"), "intervals"),
    "engine": {
        **dict.fromkeys(("ChatService", "serve_chat"), "scenarios"),
        "StepTime": "step",
        "Timeline": "timeline",
    },
    "models": {"Cache": "model_config"},
    "economics": dict.fromkeys(("Plan", "plan"), "planning"),
    "hardware": {
        **dict.fromkeys(("Device", "PriceList", "device_of"), "devices"),
        **dict.fromkeys(("Model", "model_of"), "models"),
        "Cache": "model_config",
        **dict.fromkeys(("Precision", "precision_of"), "number_types"),
        **dict.fromkeys(
            ("attainable", "decode_step", "largest_batch", "prefill_time", "ridge_point"), "bounds"
        ),
        **dict.fromkeys(("Forecast", "forecast", "kv_room", "step_time"), "forecasts"),
        **dict.fromkeys(("Profile", "profile"), "profiles"),
        **dict.fromkeys(("Machine", "Rate", "measure"), "machine"),
    },
    "quantization": dict.fromkeys(("SmallFloat", "cast"), "small_floats"),
    "scheduling": dict.fromkeys(("TenantService", "serve_tenants"), "scenarios"),
    "simulation": dict.fromkeys(("Interval", "mean_interval"), "intervals"),
    "slo": dict.fromkeys(("QuantileInterval", "quantile_interval"), "intervals"),
    "style": {"quote": "prose"},
    "workload": dict.fromkeys(
        ("PrefixCache", "azure_chat_facts", "mooncake_facts", "mooncake_prefix_cache"), "traces"
    ),
}
OLD = [(module, name, home) for module, names in MOVED.items() for name, home in names.items()]


@pytest.mark.parametrize(("module", "name", "home"), OLD)
def test_an_old_name_is_the_new_thing(module: str, name: str, home: str) -> None:
    old, new = (importlib.import_module(f"labs.{where}") for where in (module, home))
    assert getattr(old, name) is getattr(new, name)
    assert getattr(new, name).__module__ == f"labs.{home}"
    assert name in old.__all__
    assert name in dir(old)


def test_every_name_that_a_module_took_over_is_listed() -> None:
    # The parts of queueing have always lived beside it: no record names them there.
    for module in {name for name in ARROWS if "." not in name} - {"queueing", "explore", "checks"}:
        loaded = importlib.import_module(f"labs.{module}")
        for name in getattr(loaded, "__all__", ()):
            origin = getattr(getattr(loaded, name), "__module__", f"labs.{module}")
            if origin != f"labs.{module}":
                assert MOVED[module][name] == origin.removeprefix("labs."), f"{module}.{name}"


#: Functions that were never elsewhere: hardware brings them together. No verdict is a quotation.
NEVER_THERE = {"forecast", "kv_room", "plan", "precision_of", "profile", "quote", "step_time"}


def test_records_find_every_function_that_moved() -> None:
    for module, name, home in OLD:
        function = inspect.isfunction(getattr(importlib.import_module(f"labs.{home}"), name))
        if function and name not in NEVER_THERE:
            assert evidence.MOVED[f"labs.{module}.{name}"] == f"labs.{home}.{name}"


@pytest.mark.parametrize("module", ["engine", "scheduling"])
def test_a_name_that_never_was_is_no_attribute(module: str) -> None:
    loaded: Any = importlib.import_module(f"labs.{module}")
    with pytest.raises(AttributeError, match=f"module 'labs.{module}' has no attribute 'nothing'"):
        _ = loaded.nothing
