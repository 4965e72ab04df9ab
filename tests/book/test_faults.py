"""What can go wrong with a learner's record: nothing is lost, and a sentence says what it is."""

import datetime
import json
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import record_page as seen
from playwright.sync_api import Page, Playwright, expect

STRANGE = "<img src=x onerror='window.ran=1'><script>window.ran=1</script> **bold** &amp;"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return seen.build(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module")
def site(serve: Callable[[Path], str], folder: Path) -> str:
    return serve(folder)


@pytest.fixture
def lesson(site: str, visit: Callable[..., Page]) -> Page:
    return visit(f"{site}/lessons/first.html")


def beside(page: Page, name: str = "lessons/first.html") -> Page:
    """Another tab of the same browser."""
    tab = page.context.new_page()
    tab.goto(f"{page.url[: page.url.index('/', 8)]}/{name}")
    return tab


def working(page: Page) -> None:
    """The lesson reads and answers as ever."""
    assert page.locator("article h1").inner_text().startswith("First lesson")
    found = seen.question(page, "several")
    if found.get_by_role("button", name="Try").is_visible():
        seen.again(found)
    seen.choose(page, "several", 0, 2)
    assert seen.status(page, "several") == "Right. The explanation follows."


class TestBlocked:
    """The browser refuses to keep anything."""

    @pytest.fixture
    def blocked(
        self, site: str, driver: Playwright, chromium: str | None, tmp_path: Path
    ) -> Iterator[Page]:
        """A Chromium whose settings block all storage of sites."""
        settings = {"profile": {"default_content_setting_values": {"cookies": 2}}}
        (tmp_path / "Default").mkdir()
        (tmp_path / "Default" / "Preferences").write_text(json.dumps(settings))
        context = driver.chromium.launch_persistent_context(
            tmp_path, executable_path=chromium, args=["--no-sandbox"]
        )
        page = context.new_page()
        page.goto(f"{site}/lessons/first.html")
        yield page
        context.close()

    def test_a_sentence_says_so_and_the_page_works(self, blocked: Page) -> None:
        denied = "() => { try { localStorage; return false } catch { return true } }"
        assert blocked.evaluate(denied)
        assert seen.sentence(blocked).startswith("This browser keeps nothing for this site")
        working(blocked)
        assert seen.standing(blocked) == "Score 1/4 Answered 1 Status in progress"
        seen.notes(blocked).fill("kept for now")
        foot = blocked.locator(".notes-foot [role=status]")
        expect(foot).to_have_text("Not saved: see the note at the foot of this page.")
        assert blocked.evaluate("document.documentElement.dataset.theme") in ("light", "dark")

    def test_a_copy_can_be_kept(self, blocked: Page, tmp_path: Path) -> None:
        working(blocked)
        with blocked.expect_download() as waiting:
            blocked.get_by_role("button", name="Keep a copy").click()
        waiting.value.save_as(tmp_path / "copy.json")
        assert "first/several" in (tmp_path / "copy.json").read_text("utf-8")


FILL = """() => {
  let piece = "x".repeat(1 << 20);
  for (let i = 0; piece.length; i += 1) {
    try {
      localStorage.setItem(`filler-${i}`, piece);
    } catch {
      piece = piece.slice(piece.length / 2 + 1);
    }
  }
}"""
EMPTY = (
    "() => Object.keys(localStorage)"
    ".forEach((key) => key.startsWith('filler') && localStorage.removeItem(key))"
)


class TestFull:
    """There is no room left."""

    def test_what_was_saved_stays_and_what_was_not_is_told(self, lesson: Page) -> None:
        seen.choose(lesson, "one", 1)
        before = seen.stored(lesson)
        lesson.evaluate(FILL)
        seen.choose(lesson, "several", 0, 2)
        assert seen.sentence(lesson).startswith("This browser's storage for the site is full")
        assert seen.stored(lesson) == before
        working(lesson)

    def test_all_is_saved_once_there_is_room(self, lesson: Page) -> None:
        lesson.evaluate(FILL)
        seen.choose(lesson, "several", 0, 2)
        seen.notes(lesson).fill("written without room")
        seen.notes(lesson).blur()
        assert "full" in seen.sentence(lesson)
        lesson.evaluate(EMPTY)
        seen.choose(lesson, "one", 1)
        assert seen.sentence(lesson) == ""
        lesson.reload()
        assert seen.standing(lesson) == "Score 2/4 Answered 2 Status in progress"
        assert seen.notes(lesson).input_value() == "written without room"


NONSENSE = {
    "half": '{"book":"serving-by-the-numbers","version":2,"clo',
    "text": "hello",
    "number": "5",
    "null": "null",
    "other": '{"book":"another"}',
    "no-version": '{"book":"serving-by-the-numbers","clock":1,"content":[[{},"",0],[{},"",0]]}',
    "no-content": '{"book":"serving-by-the-numbers","version":2,"clock":1}',
    "no-clock": '{"book":"serving-by-the-numbers","version":2,"content":[[{},"",0],[{},"",0]]}',
    "far-clock": json.dumps(
        {
            "book": "serving-by-the-numbers",
            "version": 2,
            "clock": 9e14,
            "content": [[{}, "", 0], [{}, "", 0]],
        }
    ),
    "strange-table": json.dumps(
        {
            "book": "serving-by-the-numbers",
            "version": 2,
            "clock": 1,
            "content": [
                [
                    {"evil": [{"r": [{"c": [STRANGE, "", 0]}, "", 0]}, "", 0]},
                    "",
                    0,
                ],
                [{}, "", 0],
            ],
        }
    ),
    "strange-cells": json.dumps(
        {
            "book": "serving-by-the-numbers",
            "version": 2,
            "clock": 1,
            "content": [
                [{"answers": [{"r": [{"question": [5, "", 0]}, "", 0]}, "", 0]}, "", 0],
                [{}, "", 0],
            ],
        }
    ),
}


@pytest.mark.parametrize("text", NONSENSE.values(), ids=NONSENSE)
class TestNonsense:
    """What is no record, in storage and in a file."""

    def test_in_storage_it_is_put_aside_whole(
        self, lesson: Page, text: str, tmp_path: Path
    ) -> None:
        seen.store(lesson, text)
        lesson.reload()
        assert seen.sentence(lesson).startswith("The record in this browser could not be read.")
        working(lesson)
        tab = beside(lesson, "book/practice.html")
        assert tab.get_by_text("put aside on").count() == 1
        with tab.expect_download() as waiting:
            tab.get_by_role("button", name="Download").click()
        waiting.value.save_as(tmp_path / "aside.txt")
        assert (tmp_path / "aside.txt").read_text("utf-8") == text
        lesson.reload()
        assert seen.sentence(lesson) == ""
        assert seen.standing(lesson) == "Score 1/4 Answered 1 Status in progress"

    def test_in_a_file_it_is_refused_and_changes_nothing(
        self, lesson: Page, text: str, tmp_path: Path
    ) -> None:
        working(lesson)
        lesson.goto(lesson.url.replace("lessons/first", "book/practice"))
        before = seen.stored(lesson)
        (tmp_path / "file.json").write_text(text)
        lesson.get_by_label("Import an export").set_input_files(tmp_path / "file.json")
        said = lesson.locator(".record-keeping > [role=status]")
        expect(said).to_contain_text("Not imported, and nothing was changed.")
        assert len(said.inner_text()) > len("Not imported, and nothing was changed. ") + 10
        assert seen.stored(lesson) == before
        assert lesson.evaluate("window.ran") is None


def newer(page: Page) -> str:
    """A record as a later version of the book would seal it."""
    return json.dumps({**json.loads(seen.stored(page)), "version": 99})


class TestVersions:
    """Records of other versions of the book."""

    def test_an_old_one_is_brought_up_to_date(self, lesson: Page, tmp_path: Path) -> None:
        old = lesson.evaluate(
            """async () => {
              const library = "/_static/vendor/tinybase/min/mergeable-store/index.js";
              const store = (await import(library)).createMergeableStore("old");
              store.setRow("notes", "first", { text: "from version 1", at: 5 });
              const answer = { given: "[1]", right: true, variant: 0, at: 6 };
              store.setRow("answers", "a", { question: "first/one", ...answer });
              const content = store.getMergeableContent();
              const head = { book: "serving-by-the-numbers", version: 1, clock: Date.now() };
              return JSON.stringify({ ...head, content });
            }"""
        )
        seen.store(lesson, old)
        lesson.reload()
        assert seen.sentence(lesson) == ""
        assert seen.notes(lesson).input_value() == "from version 1"
        assert seen.standing(lesson) == "Score 1/4 Answered 1 Status in progress"
        seen.notes(lesson).press("End")
        seen.notes(lesson).press_sequentially(", and on")
        lesson.reload()
        assert seen.notes(lesson).input_value() == "from version 1, and on"
        assert json.loads(seen.stored(lesson))["version"] == 2

    def test_a_newer_one_is_left_as_it_is(self, lesson: Page) -> None:
        working(lesson)
        text = newer(lesson)
        seen.store(lesson, text)
        lesson.reload()
        assert "written by a newer version of this book" in seen.sentence(lesson)
        working(lesson)
        seen.notes(lesson).fill("not saved")
        seen.notes(lesson).blur()
        lesson.reload()
        assert seen.stored(lesson) == text

    def test_a_newer_one_that_another_tab_writes_is_left_as_it_is(self, lesson: Page) -> None:
        working(lesson)
        text = newer(lesson)
        tab = beside(lesson)
        seen.store(tab, text)
        expect(lesson.locator(".record-trouble p")).to_contain_text("newer version")
        seen.choose(lesson, "one", 1)
        assert seen.stored(lesson) == text

    def test_a_newer_file_is_refused(self, lesson: Page, tmp_path: Path) -> None:
        working(lesson)
        (tmp_path / "newer.json").write_text(newer(lesson))
        tab = beside(lesson, "book/practice.html")
        tab.get_by_label("Import an export").set_input_files(tmp_path / "newer.json")
        expect(tab.get_by_text("It has version 99 and this book reads up to 2")).to_be_visible()

    def test_a_file_that_is_too_large_is_refused(self, lesson: Page, tmp_path: Path) -> None:
        (tmp_path / "large.json").write_text("x" * 6_000_001)
        tab = beside(lesson, "book/practice.html")
        tab.get_by_label("Import an export").set_input_files(tmp_path / "large.json")
        expect(tab.get_by_text("It is larger than 6 MB")).to_be_visible()


COUNT = f"""() => {{
  window.writes = 0;
  const write = Storage.prototype.setItem;
  Storage.prototype.setItem = function (key, value) {{
    window.writes += key === "{seen.KEY}";
    write.call(this, key, value);
  }};
}}"""


class TestTabs:
    """Two tabs of one browser."""

    def test_neither_overwrites_the_answers_of_the_other(self, lesson: Page) -> None:
        tab = beside(lesson)
        seen.choose(lesson, "one", 1)
        seen.choose(tab, "several", 0, 2)
        seen.solve(seen.question(lesson, "order"))
        for page in (lesson, tab, beside(lesson)):
            expect(page.locator(".check-standing p").first).to_contain_text("Score 3/4")
        assert len(seen.answers(tab)) == 3

    def test_a_tab_that_looks_on_sees_what_the_other_writes(self, lesson: Page) -> None:
        tab = beside(lesson)
        seen.notes(lesson).press_sequentially("typed here")
        expect(seen.notes(tab)).to_have_value("typed here")

    def test_notes_typed_in_both_at_once_are_both_kept(self, lesson: Page) -> None:
        tab = beside(lesson)
        seen.notes(tab).press_sequentially("there")
        seen.notes(lesson).press_sequentially("here")
        for page in (lesson, tab, lesson):
            seen.notes(page).focus()
            seen.notes(page).blur()
        text = seen.notes(beside(lesson)).input_value()
        assert "here" in text
        assert "there" in text

    def test_turns_in_two_tabs_make_one_text(self, lesson: Page) -> None:
        tab = beside(lesson)
        for turn, page in enumerate([lesson, tab, lesson, tab]):
            expect(seen.notes(page)).to_have_value("".join(str(n) for n in range(turn)))
            seen.notes(page).press("End")
            seen.notes(page).press_sequentially(str(turn))
            seen.notes(page).blur()
        assert seen.notes(beside(lesson)).input_value() == "0123"

    def test_two_that_hold_the_same_leave_each_other_alone(self, lesson: Page) -> None:
        tabs = [lesson, beside(lesson), beside(lesson)]
        for tab in tabs:
            tab.evaluate(COUNT)
        seen.choose(lesson, "one", 1)
        seen.notes(tabs[1]).fill("also")
        seen.notes(tabs[1]).blur()
        lesson.wait_for_timeout(2500)
        assert sum(tab.evaluate("window.writes") for tab in tabs) <= 6

    def test_an_erasure_in_one_is_one_in_both(self, lesson: Page) -> None:
        working(lesson)
        tab = beside(lesson, "book/practice.html")
        tab.get_by_role("button", name="Erase everything").click()
        tab.get_by_role("button", name="Erase it for good").click()
        expect(lesson.locator(".check-standing p").first).to_contain_text("Answered 0")
        assert seen.status(lesson, "several") == ""
        expect(seen.question(lesson, "several").get_by_role("button", name="Check")).to_be_visible()


class TestText:
    """Whatever is written comes back, characters that the library keeps for itself included."""

    @pytest.mark.parametrize("text", ["\ufffdpasted", "\ufffc", "\u200bzero", "\ufffd"])
    def test_in_a_note(self, lesson: Page, text: str) -> None:
        working(lesson)
        seen.notes(lesson).fill(text)
        seen.notes(lesson).blur()
        assert seen.notes(lesson).input_value() == text
        lesson.reload()
        assert seen.sentence(lesson) == ""
        assert seen.notes(lesson).input_value() == text
        assert seen.standing(lesson).startswith("Score 1/4")

    def test_an_answer_to_a_question_that_has_changed_is_no_answer_to_it(
        self, lesson: Page
    ) -> None:
        lesson.evaluate(
            """() => {
              const { addAnswer } = window.bookRecord;
              addAnswer("first/one", "[0]", true, 0);
              addAnswer("first/several", "[7]", false, 0);
              addAnswer("first/number", "no number", false, 0);
              addAnswer("first/order", "[5,4,3]", true, 0);
            }"""
        )
        lesson.reload()
        for name in ("one", "several", "number", "order"):
            assert seen.status(lesson, name) == "", name
        assert "undefined" not in lesson.locator("article").inner_text()


GROW = """async (size) => {
  const { create, put, seal } = await import("/_static/record/content.js");
  const record = create("elsewhere");
  for (let n = 0; n * 8_000 < size; n += 1) {
    const at = record.clock.now();
    const note = { lesson: "first", text: "x".repeat(7_900), at, seen: "{}" };
    put(record, "notes", `first/${size}-${n}`, note);
  }
  return seal(record);
}"""


class TestSize:
    """A record that has grown is read as long as it fits."""

    def test_a_large_one_is_read_again(self, lesson: Page) -> None:
        seen.choose(lesson, "one", 1)
        lesson.evaluate(
            "(text) => window.bookRecord.bringIn(text)",
            lesson.evaluate(GROW, 4_500_000),
        )
        assert len(seen.stored(lesson)) > 4_400_000
        lesson.reload()
        assert seen.sentence(lesson) == ""
        assert seen.standing(lesson).startswith("Score 1/4")

    def test_an_import_that_would_not_fit_is_refused(self, lesson: Page, tmp_path: Path) -> None:
        page = beside(lesson, "book/practice.html")
        said = page.locator(".record-keeping > [role=status]")
        for n, size in enumerate((3_000_000, 3_500_000)):
            (tmp_path / f"{n}.json").write_text(page.evaluate(GROW, size))
            page.get_by_label("Import an export").set_input_files(tmp_path / f"{n}.json")
            expect(said).to_contain_text("Imported:" if n == 0 else "Together with what is here")
        before = seen.stored(page)
        page.reload()
        assert seen.stored(page) == before
        assert seen.sentence(page) == ""

    def test_what_cannot_be_read_is_put_aside_once(self, lesson: Page) -> None:
        seen.store(lesson, "z" * 900_000)
        for _ in range(4):
            lesson.reload()
            assert seen.sentence(lesson).startswith("The record in this browser could not be read.")
        aside = "Object.keys(localStorage).filter((key) => key.includes('unreadable')).length"
        assert lesson.evaluate(aside) == 1

    def test_what_cannot_be_put_aside_can_be_kept_and_waits_for_room(
        self, lesson: Page, tmp_path: Path
    ) -> None:
        lesson.evaluate("localStorage.setItem('filler', 'f'.repeat(3_000_000))")
        seen.store(lesson, "y" * 2_000_000)
        lesson.reload()
        assert seen.sentence(lesson).startswith("This browser's storage for the site is full")
        with lesson.expect_download() as waiting:
            lesson.get_by_role("button", name="Keep the unread record").click()
        waiting.value.save_as(tmp_path / "unread.txt")
        assert (tmp_path / "unread.txt").read_text() == "y" * 2_000_000
        lesson.evaluate("localStorage.removeItem('filler')")
        working(lesson)
        assert seen.sentence(lesson).startswith("The record in this browser could not be read.")
        lesson.reload()
        assert seen.standing(lesson).startswith("Score 1/4")

    def test_depth_is_no_way_to_stop_the_page(self, lesson: Page) -> None:
        deep = "[" * 20_000 + "]" * 20_000
        head = '{"book":"serving-by-the-numbers","version":2,"clock":1,"content":'
        seen.store(lesson, head + deep + "}")
        lesson.reload()
        assert seen.sentence(lesson).startswith("The record in this browser could not be read.")
        working(lesson)


class TestClock:
    """The device's clock is set back."""

    def test_nothing_is_lost_and_what_comes_after_stays_after(
        self, site: str, visit: Callable[..., Page]
    ) -> None:
        page = visit(f"{site}/book/index.html")
        page.clock.set_fixed_time(datetime.datetime(2031, 5, 1))
        page.goto(f"{site}/lessons/first.html")
        seen.choose(page, "one", 0)
        seen.notes(page).fill("from the future")
        seen.notes(page).blur()
        page.clock.set_fixed_time(datetime.datetime(2026, 5, 1))
        page.goto(f"{site}/lessons/first.html")
        assert seen.notes(page).input_value() == "from the future"
        seen.again(seen.question(page, "one"))
        seen.choose(page, "one", 1)
        seen.notes(page).fill("from the past")
        seen.notes(page).blur()
        page.reload()
        assert seen.sentence(page) == ""
        assert seen.standing(page) == "Score 1/4 Answered 1 Status in progress"
        assert [answer["right"] for answer in seen.answers(page)] == [False, True]
        assert seen.notes(page).input_value() == "from the past"
        page.goto(f"{site}/book/practice.html")
        said = page.locator(".practice-clock").inner_text()
        assert said.startswith("This device's clock is behind your last answer, of May 1, 2031.")


class TestMarkup:
    """Text stays text."""

    def test_in_notes(self, lesson: Page) -> None:
        seen.notes(lesson).fill(STRANGE)
        seen.notes(lesson).blur()
        lesson.reload()
        assert seen.notes(lesson).input_value() == STRANGE
        assert lesson.locator("article img[src='x']").count() == 0
        assert lesson.evaluate("window.ran") is None

    def test_in_predictions(self, lesson: Page) -> None:
        lesson.evaluate(
            "(text) => window.bookRecord.addPrediction('first/way', text)",
            STRANGE,
        )
        assert STRANGE in lesson.locator(".predict-said").nth(1).inner_text()
        assert lesson.evaluate("window.ran") is None

    def test_in_an_import(self, lesson: Page, tmp_path: Path) -> None:
        text = lesson.evaluate(
            """async (text) => {
              const { create, seal } = await import("/_static/record/content.js");
              const record = create("elsewhere");
              const at = record.clock.now();
              const { store } = record;
              const answer = { given: text, right: false, variant: 700, at };
              store.setRow("answers", text, { ...answer, question: `first/${text}` });
              store.setRow("answers", "b", { ...answer, question: "first/one" });
              store.setRow("answers", "c", { ...answer, question: "first/number" });
              store.setRow("notes", text, { lesson: "first", text, at, seen: "{}" });
              store.setRow("predictions", text, { prediction: "first/many", given: text, at });
              return seal(record);
            }""",
            STRANGE,
        )
        (tmp_path / "strange.json").write_text(text, "utf-8")
        lesson.goto(lesson.url.replace("lessons/first", "book/practice"))
        lesson.get_by_label("Import an export").set_input_files(tmp_path / "strange.json")
        expect(lesson.get_by_text("Imported: 5 new")).to_be_visible()
        lesson.goto(lesson.url.replace("book/practice", "lessons/first"))
        assert seen.notes(lesson).input_value() == STRANGE
        assert seen.sentence(lesson) == ""
        working(lesson)
        assert lesson.evaluate("window.ran") is None
        assert lesson.visit.errors == []


class TestPolicy:
    """The Content-Security-Policy that pages carry and hosts send."""

    def test_pages_carry_it_and_the_host_sends_it(self, site: str, folder: Path) -> None:
        with urllib.request.urlopen(f"{site}/lessons/first.html") as reply:  # noqa: S310
            sent = reply.headers["Content-Security-Policy"]
            page = reply.read().decode()
        assert "default-src 'none'" in sent
        assert "frame-ancestors 'self'" in sent
        assert "unsafe-eval" not in sent
        script = next(rule for rule in sent.split("; ") if rule.startswith("script-src"))
        assert "'unsafe-inline'" not in script
        assert "connect-src 'self';" in sent
        assert page.index("Content-Security-Policy") < page.index("<script")
        assert "Content-Security-Policy" in (folder / "_headers").read_text("utf-8")

    def test_it_stops_a_script_that_was_put_in(self, lesson: Page) -> None:
        lesson.evaluate(
            """() => {
              const script = document.createElement("script");
              script.textContent = "window.ran = 1";
              document.body.append(script);
              document.body.insertAdjacentHTML("beforeend", "<img src=x onerror='window.ran = 1'>");
              const image = document.body.lastElementChild;
              return new Promise((done) => image.addEventListener("error", () => done()));
            }"""
        )
        assert lesson.evaluate("window.ran") is None
        assert any("Content Security Policy" in error for error in lesson.visit.errors)

    def test_it_stops_a_request_to_another_host(self, lesson: Page) -> None:
        refused = "fetch('https://example.org/').then(() => 'sent', () => 'refused')"
        assert lesson.evaluate(refused) == "refused"
        assert lesson.visit.elsewhere == []
