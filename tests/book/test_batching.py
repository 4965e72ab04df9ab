"""The batching lesson as built: what its explorers show is what `labs` computes."""

from pathlib import Path

import explorer_page as seen
import numpy as np
import pytest

from labs import queueing, simulation, workload
from labs.engine import Engine, StepTime, serve_chat
from labs.explore import format_value

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "_build" / "html"
V100 = queueing.fit_batch_time(queueing.RESNET50["V100"].sizes, queueing.RESNET50["V100"].times)
STEP = StepTime(base=7e-3, prefill_token=90e-6, sequence=30e-6, kv_token=0.25e-6)


@pytest.fixture(scope="module")
def home(serve) -> str:
    assert (SITE / "lessons" / "batching.html").exists(), "build the book first: make book"
    return serve(SITE)


@pytest.fixture
def opened(visit, home):
    pages = []

    def at(name):
        pages.append(visit(f"{home}/lessons/{name}.html"))
        return pages[-1]

    yield at
    for page in pages:
        assert page.visit.elsewhere == page.visit.missing == page.visit.errors == []


@pytest.fixture
def lesson(opened):
    return opened("batching")


@pytest.fixture
def second(opened):
    return opened("batching-production")


def batcher(rate: float, max_batch: float, delay: float) -> dict[str, float]:
    """Latency, throughput and load of the dynamic batcher, as the lesson says it computes them."""
    capacity = max_batch / (V100.per_item * max_batch + V100.setup)
    if rate >= capacity:
        return {"p99": np.inf, "served": capacity, "busy": 100.0, "batch": max_batch}
    arrival = np.cumsum(np.random.default_rng(11).exponential(size=6000)) / rate
    path = simulation.batching(
        arrival, lambda b: V100.per_item * b + V100.setup, int(max_batch), delay / 1000
    )
    batches = int(path.batch.max()) + 1
    work = V100.per_item * arrival.size + V100.setup * batches
    return {
        "p99": 1000 * np.quantile((path.finish - arrival)[500:], 0.99),
        "served": rate,
        "busy": 100 * work / path.finish[-1],
        "batch": arrival.size / batches,
    }


def agree_with_batcher(found) -> None:
    at = seen.sliders(found)
    truth = {name: seen.shipped(value) for name, value in batcher(**at).items()}
    wanted = {
        "p99": format_value(truth["p99"], ".1f", "ms"),
        "served": format_value(truth["served"], ",.0f", "images/s"),
        "batch": format_value(truth["batch"], ".1f", "images"),
        "busy": format_value(truth["busy"], ".0f", "%"),
    }
    for text in wanted.values():
        assert text in seen.summary(found)
    marks = {(mark.panel, mark.quantity): mark for mark in seen.marks(found)}
    assert marks[1, "served"].y == pytest.approx(truth["served"], abs=60)
    if np.isinf(truth["p99"]):
        assert marks[0, "p99"].clipped
    elif not marks[0, "p99"].clipped:
        assert marks[0, "p99"].y == pytest.approx(truth["p99"], rel=0.03)
        assert marks[0, "p99"].x == pytest.approx(at["max_batch"], rel=0.03)
    _, rows, current = seen.table(found)
    (row,) = current
    assert rows[row][0] == f"{at['max_batch']:g}"
    assert rows[row][1] == format_value(truth["p99"], ".1f")


def test_size_and_delay_by_keyboard(lesson):
    found = seen.explorer(lesson, "batch-size-and-delay")
    agree_with_batcher(found)
    for name, key in [
        ("delay", "Home"),
        ("max_batch", "End"),
        ("rate", "ArrowRight"),
        ("rate", "End"),
        ("max_batch", "Home"),
        ("delay", "ArrowRight"),
        ("rate", "Home"),
    ]:
        before = seen.sliders(found)
        seen.press(found, name, key)
        assert seen.sliders(found) != before
        agree_with_batcher(found)


def test_size_and_delay_by_pointer(lesson):
    found = seen.explorer(lesson, "batch-size-and-delay")
    seen.pull(found, "rate", 0.2)
    assert seen.sliders(found)["rate"] < 2000
    agree_with_batcher(found)


def test_the_knee_and_the_slo_are_drawn(lesson):
    found = seen.explorer(lesson, "batch-size-and-delay")
    text = found.locator(".xp-figure").text_content()
    assert "SLO 10 ms" in text
    assert "knee" in text


def test_static_against_continuous_step_by_step(lesson):
    found = seen.explorer(lesson, "static-or-continuous")
    answers = workload.azure_chat(12, 5.5, np.random.default_rng(15)).output // 10 + 1
    for keys in (["Home"], ["End"], ["PageDown"], ["ArrowLeft"] * 5):
        seen.press(found, "step", *keys)
        at = seen.sliders(found)
        slots = int(at["slots"])
        requests = workload.Workload(np.zeros(12), np.ones(12), answers)
        finish = Engine(StepTime(1, 0, 0, 0), max_batch=slots).run(requests).finish
        groups = [answers[first : first + slots] for first in range(0, 12, slots)]
        starts = np.cumsum([0, *(int(group.max()) for group in groups)])
        static = np.concatenate([s + g for s, g in zip(starts, groups, strict=False)])
        now = min(int(at["step"]) - 1, int(starts[-1]))
        assert seen.cursor(found) == pytest.approx(20 * now, abs=8)
        text = seen.summary(found)
        assert f"finished {(static <= now).sum()}\u00a0answers" in text
        assert f"continuous {(finish <= now).sum()}\u00a0answers" in text
        assert f"{20 * starts[-1]:,}\u00a0ms against {20 * finish.max():,.0f}\u00a0ms" in text


def test_first_token_against_next_token(second):
    found = seen.explorer(second, "chunk-budget")
    for name, key in [("budget", "ArrowLeft"), ("rate", "Home"), ("budget", "Home")]:
        seen.press(found, name, key)
        at = seen.sliders(found)
        chat = serve_chat(
            rate=at["rate"],
            requests=2000,
            seed=21,
            step_time=STEP,
            kv_tokens=110_000,
            policy="chunked",
            token_budget=int(at["budget"]),
        )
        ttft, tpot = seen.shipped(chat.p99_ttft), seen.shipped(1e3 * chat.p99_tpot)
        tbt = seen.shipped(1e3 * chat.p99_tbt)
        assert format_value(ttft, ".2f", "s") in seen.summary(found)
        assert format_value(tpot, ".0f", "ms") in seen.summary(found)
        assert format_value(tbt, ".0f", "ms") in seen.summary(found)
        marks = {mark.quantity: mark for mark in seen.marks(found)}
        for quantity, value in (("tpot", tpot), ("tbt", tbt)):
            assert marks[quantity].x == pytest.approx(ttft, rel=0.03)
            assert marks[quantity].y == pytest.approx(value, rel=0.02, abs=2.0)


def test_the_landing_page_moves_too(visit, home):
    page = visit(f"{home}/book/index.html")
    found = seen.explorer(page, "busy-is-not-loaded")
    for key in ("ArrowRight", "Home", "End"):
        seen.press(found, "load", key)
        at = seen.sliders(found)
        server = queueing.batch_server(
            at["load"] / 100 / V100.per_item, V100.per_item, at["setup"] * V100.setup
        )
        assert format_value(100 * server.busy, ".0f", "%") in seen.summary(found)
        assert format_value(1e3 * server.mean_latency, ".1f", "ms") in seen.summary(found)
    assert page.visit.errors == page.visit.elsewhere == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_prediction_unfolds_once_the_reader_has_committed(visit, home, scheme):
    page = visit(f"{home}/lessons/batching.html", color_scheme=scheme)
    boxes = page.locator(".predict")
    assert boxes.count() >= 4
    answer = boxes.nth(2).locator("details p").first
    assert not answer.is_visible()
    boxes.nth(2).get_by_label("Share of time busy").fill("10")
    boxes.nth(2).get_by_label("Share of time busy").press("Enter")
    assert answer.is_visible()
    server = queueing.batch_server(0.1 / V100.per_item, V100.per_item, V100.setup)
    assert f"{server.busy:.0%}" in answer.text_content()
    said = boxes.nth(2).locator(".predict-said").inner_text()
    assert said == "You said 10%; it is 87%: 77 points too low."


@pytest.mark.parametrize(
    ("name", "predictions", "words"),
    [("batching", 4, "p99 latency"), ("batching-production", 2, "p99 TTFT")],
)
def test_the_lesson_reads_without_javascript(visit, home, name, predictions, words):
    page = visit(f"{home}/lessons/{name}.html", java_script_enabled=False)
    text = page.locator("article").text_content()
    assert words in text
    assert "The figure needs JavaScript" in text
    assert page.locator(".predict details").count() >= predictions
    facts = page.locator(".lesson-facts").text_content()
    assert 15 <= int(facts.split()[0]) <= 45
    assert f"{page.locator('article h2').count()} sections" in facts
    assert "2 explorers" in facts
