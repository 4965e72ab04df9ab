"""Known answers of independent authorities, case by case."""

from typing import Any

import numpy as np
import pytest
import test_oracle_models
from shared_files import SHARED, oracle, oracle_cases, tolerance

from labs import queueing, simulation, workload
from labs.engine import Engine, StepTime

CHECKS: dict[str, Any] = {}


def topic(check: Any) -> Any:
    CHECKS[check.__name__] = check
    return check


@topic
def erlang_b(inputs: Any, expected: Any, near: Any) -> None:
    found = queueing.erlang_b(inputs["offered_load"], inputs["servers"])
    assert found == near(expected["blocking"])


@topic
def erlang_b_table(inputs: Any, expected: Any, near: Any) -> None:
    loads = np.array(expected["offered_load_exact"])
    assert queueing.erlang_b(loads, inputs["servers"]) == near(inputs["blocking"])


@topic
def mmc(inputs: Any, expected: Any, near: Any) -> None:
    queue = queueing.mmc(inputs["lam"], inputs["mu"], inputs["servers"])
    assert queue.prob_wait == near(expected["prob_wait"])
    assert queueing.erlang_c(inputs["lam"] / inputs["mu"], inputs["servers"]) == near(
        expected["prob_wait"]
    )
    assert queue.utilization == near(expected["rho"])
    assert queue.mean_wait == near(expected["Wq"])
    assert queue.mean_sojourn == near(expected["W"])
    assert queue.mean_waiting == near(expected["Lq"])
    assert queue.mean_present == near(expected["L"])
    for name in ("wq_p50", "wq_p90", "wq_p99"):
        assert queue.wait_quantile(int(name[-2:]) / 100) == near(expected[name])


@topic
def mmc_sojourn_percentile(inputs: Any, expected: Any, near: Any) -> None:
    queue = queueing.mmc(inputs["lam"], inputs["mu"], inputs.get("servers", 1))
    for name, seconds in expected.items():
        assert queue.sojourn_quantile(float(name[1:]) / 100) == near(seconds)


@topic
def mm1_sojourn_percentile(inputs: Any, expected: Any, near: Any) -> None:
    queue = queueing.mm1(inputs["lam"], inputs["mu"])
    for name, seconds in expected.items():
        assert queue.sojourn_quantile(float(name[1:]) / 100) == near(seconds)


@topic
def mmc_staffing(inputs: Any, expected: Any, near: Any) -> None:
    load, wait = inputs["offered_load"], inputs["wait_limit_in_service_times"]
    found = queueing.servers_for(load, 1, wait, inputs["target_fraction"])
    assert found == expected["servers"]
    for servers, name in ((found, "achieved"), (found - 1, "one_less")):
        if expected.get(name) is not None and servers > load:
            late = queueing.erlang_c(load, servers) * np.exp(-(servers - load) * wait)
            assert 1 - late == near(expected[name])


@topic
def mmck(inputs: Any, expected: Any, near: Any) -> None:
    queue = queueing.mmck(inputs["lam"], inputs["mu"], inputs["servers"], inputs["capacity"])
    assert queue.blocking == near(expected["p_block"])
    assert queue.mean_present == near(expected["L"])
    assert queue.mean_waiting == near(expected["Lq"])
    assert queue.mean_sojourn == near(expected["W"])
    assert queue.mean_wait == near(expected["Wq"])
    busy = expected["lam_eff"] / inputs["mu"] / inputs["servers"]
    assert queue.utilization == near(busy)


@topic
def mg1(inputs: Any, expected: Any, near: Any) -> None:
    scv = inputs["es2"] / inputs["es"] ** 2 - 1
    queue = queueing.mg1(inputs["lam"], inputs["es"], scv)
    assert queue.utilization == near(expected["rho"])
    assert queue.mean_wait == near(expected["Wq"])
    assert queue.mean_sojourn == near(expected["W"])
    assert queue.mean_waiting == near(expected["Lq"])
    assert queue.mean_present == near(expected["L"])


@topic
def mdc(inputs: Any, expected: Any, near: Any) -> None:
    queue = queueing.md_c(inputs["lam"], inputs["service"], inputs["servers"])
    assert queue.mean_wait == near(expected["Wq"])
    assert 1 - queue.prob_wait == near(expected["prob_no_wait"])


@topic
def allen_cunneen(inputs: Any, expected: Any, near: Any) -> None:
    servers, mu = inputs["servers"], inputs["mu"]
    rate = inputs["rho"] * servers * mu
    queue = queueing.ggc(rate, mu, servers, inputs["ca2"], inputs["cs2"])
    assert queue.mean_wait == near(expected["Wq_allen_cunneen"])


@topic
def dm1(inputs: Any, expected: Any, near: Any) -> None:
    rate = 1 / inputs["interarrival"]
    assert queueing.ggc(rate, inputs["mu"], 1, 0, 1).mean_wait == near(expected["kingman"])
    arrival = inputs["interarrival"] * np.arange(300_000)
    service = np.random.default_rng(4).exponential(1 / inputs["mu"], arrival.size)
    wait = simulation.fcfs(arrival, service).wait[10_000:]
    assert expected["Wq"] in simulation.mean_interval(wait, 0.999)


@topic
def dynamic_batching_inoue(inputs: Any, expected: Any, near: Any) -> None:
    server = queueing.batch_server(inputs["lam"], inputs["alpha"], inputs["tau0"])
    assert server.mean_latency == near(expected["mean_latency_exact"])
    assert server.latency_bound == near(expected["bound"])
    assert server.mean_batch == near(expected["mean_batch"])
    assert server.busy == near(expected["utilization"])


@topic
def dynamic_batching_finite_bmax(inputs: Any, expected: Any, near: Any) -> None:
    alpha, setup, most = inputs["alpha"], inputs["tau0"], inputs["bmax"]
    server = queueing.batch_server(inputs["lam"], alpha, setup, most)
    assert server.mean_latency == near(expected["mean_latency"])
    assert server.mean_batch == near(expected["mean_batch"])
    assert server.latency_bound is None
    beyond = queueing.batch_server(expected["max_throughput"] * 1.000001, alpha, setup, most)
    assert beyond.mean_latency == np.inf


@topic
def power_of_d_choices(inputs: Any, expected: Any, near: Any) -> None:
    found = queueing.power_of_choices(inputs["lam"], inputs["d"])
    assert found == near(expected["mean_time_in_system"])


@topic
def ggc_fcfs_sample_path(inputs: Any, expected: Any, near: Any) -> None:
    path = simulation.fcfs(inputs["arrivals"], inputs["services"], inputs["servers"])
    assert path.wait == near(expected["waits"])


def _engine(inputs: Any) -> Engine:
    return Engine(
        StepTime(inputs["a"], inputs["b"], inputs["c"], inputs["d"]),
        max_batch=inputs["max_batch"],
        kv_tokens=inputs["kv_budget"],
        policy=inputs["mode"],
        max_prefill=inputs.get("max_prefill"),
        token_budget=inputs.get("token_budget", 512),
    )


@topic
def llm_serving_tiny(inputs: Any, expected: Any, near: Any) -> None:
    requests = workload.Workload(inputs["arrival"], inputs["prompt"], inputs["output"])
    timeline = _engine(inputs).run(requests)
    assert timeline.steps == expected["steps"]
    assert timeline.first_token == near(expected["first_token"])
    assert timeline.finish == near(expected["finish"])


@topic
def llm_serving_azure(inputs: Any, expected: Any, near: Any) -> None:
    path = SHARED / "traces" / inputs["trace"]
    if not path.exists():
        pytest.skip(f"../shared/traces/{inputs['trace']} is not at hand")
    trace = workload.read_azure(path)
    scaled = workload.Workload(trace.arrival * inputs["arrival_scale"], trace.prompt, trace.output)
    timeline = _engine(inputs).run(scaled)
    span = timeline.finish.max() - scaled.arrival[0]
    assert len(trace) == expected["n"]
    assert timeline.steps == expected["steps"]
    assert timeline.peak_kv == expected["peak_kv"]
    assert span == near(expected["makespan"])
    assert timeline.finish.sum() == near(expected["finish_sum"])
    assert timeline.first_token.sum() == near(expected["first_sum"])
    assert timeline.finish[:10] == near(expected["first_10_finish"])
    assert timeline.mean_batch == near(expected["mean_batch"])
    assert timeline.busy / span == near(expected["utilization"])
    assert trace.output.sum() / span == near(expected["out_tok_per_s"])
    for name, times in (
        ("ttft", timeline.ttft),
        ("tpot", timeline.tpot),
        ("e2e", timeline.latency),
    ):
        for statistic, seconds in expected[name].items():
            found = (
                np.nanmean(times)
                if statistic == "mean"
                else np.nanquantile(times, float(statistic[1:]) / 100)
            )
            assert found == near(seconds), (name, statistic)


@topic
def trace_statistics(inputs: Any, expected: Any, near: Any) -> None:
    path = SHARED / "traces" / f"AzureLLMInferenceTrace_{inputs['trace']}.csv"
    if not path.exists():
        pytest.skip(f"{path.name} is not at hand")
    trace = workload.read_azure(path)
    gaps = np.diff(trace.arrival)
    assert len(trace) == expected["n"]
    assert trace.arrival[-1] == near(expected["duration_s"])
    assert (len(trace) - 1) / trace.arrival[-1] == near(expected["rate"])
    assert int((gaps == 0).sum()) == expected["zero_ia"]
    assert gaps.std() / gaps.mean() == near(expected["cv_ia_ddof0"])
    assert np.corrcoef(trace.prompt, trace.output)[0, 1] == near(expected["corr"])
    assert (trace.prompt + trace.output).max() == expected["max_total"]
    for name, lengths in (("ctx", trace.prompt), ("gen", trace.output)):
        facts = expected[name]
        for p in (5, 25, 50, 75, 95, 99):
            assert np.quantile(lengths, p / 100) == near(facts[f"p{p}"])
        assert lengths.mean() == near(facts["mean"])
        assert lengths.var() / lengths.mean() ** 2 == near(facts["scv"])
        assert (lengths.min(), lengths.max()) == (facts["min"], facts["max"])
        assert lengths.sum() == facts["sum"]


CASES = oracle_cases(set(CHECKS))


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_known_answer(case: dict[str, Any]) -> None:
    CHECKS[case["topic"]](case["inputs"], case["expected"], tolerance(case))


def test_every_known_answer_is_asked_for() -> None:
    # Those that tests of one module ask for beside the two tables of checks.
    elsewhere = {"gpu_roofline", "mg1_priority_nonpreemptive"}
    elsewhere |= {"burn_rate", "time_to_exhaustion", "error_budget_downtime"}
    # What labs does not compute: exponential batch times, a fan-out, fixed-point multipliers.
    beyond = {"bulk_service_mm1b1", "bulk_service_full_batch", "fanout_tail"}
    beyond |= {"tflite_quantize_multiplier", "tflite_multiply_by_quantized_multiplier"}
    beyond |= {"gemmlowp_choose_params", "optimal_uniform_quantizer_gaussian"}
    asked = set(CHECKS) | set(test_oracle_models.CHECKS) | elsewhere
    assert {case["topic"] for case in oracle()} == asked | beyond
    assert not asked & beyond
