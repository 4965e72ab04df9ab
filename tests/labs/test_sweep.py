"""A sweep gives the same numbers in a row, in processes, and on a cluster that loses a worker."""

import io
import itertools
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest

from labs import queueing, simulation, sweep, workload

GRID = {"load": [0.3, 0.6], "servers": (1, 2, 4)}
SEEDS = [3, 1, 4]


def noisy_wait() -> Any:
    """Return a function that travels by value: workers cannot import this file."""

    def wait(load: float, servers: int, rng: np.random.Generator) -> float:
        arrival = workload.poisson(load * servers, 500, rng)
        path = simulation.fcfs(arrival, rng.exponential(1.0, arrival.size), servers)
        return float(path.wait.mean())

    return wait


def by_hand() -> list[list[float]]:
    return [
        [noisy_wait()(load, servers, np.random.default_rng(seed)) for seed in SEEDS]
        for load, servers in itertools.product(*GRID.values())
    ]


def test_every_scenario_runs_with_every_seed_in_the_order_of_the_product() -> None:
    found = sweep.run(noisy_wait(), GRID, SEEDS, jobs=1, progress=False)
    assert found.names == ("load", "servers")
    assert found.scenarios == tuple(itertools.product(*GRID.values()))
    assert found.seeds == (3, 1, 4)
    assert [list(row) for row in found.results] == by_hand()


def test_rows_are_records_of_scenario_seed_and_result() -> None:
    found = sweep.run(lambda a, b, rng: (a, b), {"a": [1, 2], "b": ["xy"]}, [7, 8], jobs=1)
    assert found.rows() == [
        {"a": a, "b": "xy", "seed": seed, "result": (a, "xy")} for a in (1, 2) for seed in (7, 8)
    ]


@pytest.mark.parametrize("jobs", [2, None])
def test_processes_give_the_same_numbers(jobs: int | None) -> None:
    found = sweep.run(noisy_wait(), GRID, SEEDS, jobs=jobs, progress=False)
    assert [list(row) for row in found.results] == by_hand()


def test_all_cores_work_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    class Watched(joblib.Parallel):  # type: ignore[misc]
        def __init__(self, n_jobs: int, **options: Any) -> None:
            asked.append(joblib.effective_n_jobs(n_jobs))
            super().__init__(n_jobs=1, **options)

    monkeypatch.setattr(joblib, "Parallel", Watched)
    for jobs in (None, 3):
        sweep.run(lambda a, rng: a, {"a": [1]}, [1], jobs=jobs, progress=False)
    assert asked == [joblib.cpu_count(), 3]


def test_a_configuration_around_the_call_decides_where_it_runs() -> None:
    from joblib import parallel_config

    with parallel_config(backend="threading", n_jobs=2):
        found = sweep.run(
            lambda a, rng: (os.getpid(), time.sleep(0.05), threading.get_ident())[::2],
            {"a": range(8)},
            [0],
            progress=False,
        )
    pids, threads = (set(column) for column in zip(*(row[0] for row in found.results), strict=True))
    assert pids == {os.getpid()}
    assert len(threads) == 2


def test_what_the_function_raises_is_passed_on() -> None:
    with pytest.raises(ZeroDivisionError):
        sweep.run(lambda a, rng: 1 / a, {"a": [1, 0]}, [1], jobs=1)


def test_a_cluster_that_loses_a_worker_midway_gives_the_same_numbers(tmp_path: Path) -> None:
    """Two real worker processes; one is killed while it runs; its work is done again elsewhere."""
    import dask
    from distributed import Client, LocalCluster
    from joblib import parallel_config

    marks = str(tmp_path)
    inner = noisy_wait()

    def slow(load: float, servers: int, rng: np.random.Generator) -> float:
        with open(os.path.join(marks, f"{os.getpid()}-{time.monotonic_ns()}"), "w"):
            time.sleep(0.1)
        return inner(load, servers, rng)

    def started() -> list[int]:
        return [int(mark.name.split("-")[0]) for mark in tmp_path.iterdir()]

    seeds = list(range(8))
    runs = 6 * len(seeds)
    killed: list[int] = []
    seen: list[int] = []

    def kill_one() -> None:
        while len(started()) < runs // 4:
            time.sleep(0.02)
        seen.append(len(started()))
        killed.append(started()[0])
        os.kill(killed[0], signal.SIGKILL)

    quiet = {"distributed.logging.distributed": "critical"}
    with (
        dask.config.set(quiet),
        LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50
        ) as cluster,
        Client(cluster) as client,
    ):
        pids = set(client.run(os.getpid).values())
        assert len(pids) == 2
        assert os.getpid() not in pids
        killer = threading.Thread(target=kill_one, daemon=True)
        killer.start()
        with parallel_config(backend="dask"):
            found = sweep.run(slow, GRID, seeds, progress=False)
        killer.join(10)
    workers = set(started())
    assert killed
    assert killed[0] in pids
    assert seen[0] < runs, "the worker was lost while work remained"
    assert pids <= workers
    assert os.getpid() not in workers
    alone = sweep.run(inner, GRID, seeds, jobs=1, progress=False)
    assert found.results == alone.results


def test_the_bar_is_seen_as_it_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = io.BytesIO()
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(seen))
    shown: list[bytes] = []
    sweep.run(lambda a, rng: shown.append(seen.getvalue()), {"a": [1, 2, 3]}, [1], 1, True)
    assert shown[-1].endswith(b"/3")


def test_the_bar_is_drawn_only_when_asked_or_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(progress: bool | None) -> str:
        sweep.run(lambda a, rng: a, {"a": [1, 2]}, [1, 2], jobs=1, progress=progress)
        printed = capsys.readouterr()
        assert printed.out == ""
        return printed.err

    assert run(False) == run(None) == ""
    bar = run(True)
    assert bar.endswith(f"\r[{'#' * 30}] 4/4\n")
    assert bar.count("\r") == 4
    assert f"\r[{'#' * 15:<30}] 2/4" in bar
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    assert run(None) == bar


@pytest.mark.parametrize(
    ("changes", "argument"),
    [
        ({"function": 3}, "function"),
        ({"grid": [("a", [1])]}, "grid"),
        ({"grid": {}}, "grid"),
        ({"grid": {"a": []}}, r"grid\['a'\]"),
        ({"grid": {"a": 3}}, r"grid\['a'\]"),
        ({"grid": {"a": "abc"}}, r"grid\['a'\]"),
        ({"grid": {"a": np.array(3)}}, r"grid\['a'\]"),
        ({"grid": {"rng": [1]}}, "grid"),
        ({"grid": {3: [1]}}, "grid"),
        ({"seeds": []}, "seeds"),
        ({"seeds": [-1]}, "seeds"),
        ({"seeds": [1.5]}, "seeds"),
        ({"seeds": 7}, "seeds"),
        ({"jobs": 0}, "jobs"),
        ({"jobs": -1}, "jobs"),
        ({"progress": "yes"}, "progress"),
    ],
)
def test_bad_input_is_named(changes: dict[str, Any], argument: str) -> None:
    called = []
    arguments: dict[str, Any] = {
        "function": lambda a, rng: called.append(a),
        "grid": {"a": [1]},
        "seeds": [1],
        "jobs": 1,
    }
    with pytest.raises(ValueError, match=rf"^{argument} must be"):
        sweep.run(**(arguments | changes))
    assert not called


def test_theory_lies_within_what_a_sweep_finds() -> None:
    def wait(load: float, rng: np.random.Generator) -> float:
        arrival = workload.poisson(load, 20_000, rng)
        path = simulation.fcfs(arrival, rng.exponential(1.0, arrival.size))
        return float(path.wait[2000:].mean())

    found = sweep.run(wait, {"load": [0.5]}, range(12), jobs=1)
    assert queueing.mm1(0.5, 1).mean_wait in simulation.mean_interval(found.results[0], 0.999)
