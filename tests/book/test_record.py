"""The learner's record as a reader meets it, on a small book in a real browser."""

import datetime
from collections.abc import Callable
from pathlib import Path

import pytest
import record_page as seen
import theme_page
from playwright.sync_api import Page, expect

ROOT = Path(__file__).resolve().parents[2]
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture(scope="module")
def site(serve: Callable[[Path], str], tmp_path_factory: pytest.TempPathFactory) -> str:
    return serve(seen.build(tmp_path_factory.mktemp("small")))


@pytest.fixture
def lesson(site: str, visit: Callable[..., Page]) -> Page:
    return visit(f"{site}/lessons/first.html")


def visited(page: Page, name: str) -> Page:
    """Go to another page of the same site, in the same browser."""
    page.goto(f"{page.url[: page.url.index('/', 8)]}/{name}")
    return page


class TestSkillCheck:
    """Answers, and how they are counted."""

    def test_score_answered_and_status_follow_the_answers(self, lesson: Page) -> None:
        assert seen.standing(lesson) == "Score 0/4 Answered 0 Status not attempted"
        seen.choose(lesson, "one", 0)
        assert seen.standing(lesson) == "Score 0/4 Answered 1 Status in progress"
        seen.again(seen.question(lesson, "one"))
        seen.choose(lesson, "one", 1)
        assert seen.standing(lesson) == "Score 1/4 Answered 1 Status in progress"
        seen.choose(lesson, "several", 0, 2)
        seen.say(lesson, "number", "1e9")
        assert seen.standing(lesson) == "Score 2/4 Answered 3 Status in progress"
        seen.again(seen.question(lesson, "number"))
        seen.solve(seen.question(lesson, "number"), variant=1)
        seen.solve(seen.question(lesson, "order"))
        assert seen.standing(lesson) == "Score 4/4 Answered 4 Status passed"
        assert lesson.visit.errors == []

    def test_what_was_passed_stays_passed(self, lesson: Page) -> None:
        for name in ("one", "several", "number", "order"):
            seen.solve(seen.question(lesson, name))
        seen.again(seen.question(lesson, "one"))
        seen.choose(lesson, "one", 2)
        assert seen.standing(lesson) == "Score 3/4 Answered 4 Status passed"

    def test_each_option_has_its_own_feedback(self, lesson: Page) -> None:
        fold = seen.folded(lesson, "one")
        expect(fold).not_to_be_visible()
        seen.choose(lesson, "one", 2)
        assert seen.status(lesson, "one") == "Not right. The reason follows."
        expect(fold.get_by_text("The third is wrong for its reason.")).to_be_visible()
        for hidden in ("The first is wrong", "The second is right", "as it was before"):
            expect(fold.get_by_text(hidden)).not_to_be_visible()
        seen.again(seen.question(lesson, "one"))
        expect(fold).not_to_be_visible()
        seen.choose(lesson, "one", 1)
        assert seen.status(lesson, "one") == "Right. The explanation follows."
        expect(fold.get_by_text("The second is right for its reason.")).to_be_visible()
        expect(fold.get_by_text("as it was before")).to_be_visible()

    def test_the_whole_answer_can_be_unfolded_after_an_attempt(self, lesson: Page) -> None:
        seen.choose(lesson, "one", 2)
        fold = seen.folded(lesson, "one")
        fold.locator("summary").click()
        if not fold.evaluate("fold => fold.open"):
            fold.locator("summary").click()
        for text in ("The first is wrong", "Right: B.", "as it was before"):
            expect(fold.get_by_text(text)).to_be_visible()

    def test_several_says_what_was_wrong_and_what_was_missed(self, lesson: Page) -> None:
        seen.choose(lesson, "several", 0, 1)
        fold = seen.folded(lesson, "several")
        assert seen.status(lesson, "several") == "Not right. The reasons follow."
        expect(fold.get_by_text("Beta does not belong here.")).to_be_visible()
        expect(fold.get_by_text("Gamma belongs here.")).to_be_visible()
        expect(fold.get_by_text("Alpha belongs here.")).not_to_be_visible()

    @pytest.mark.parametrize("text", ["{:.12g}", "{:.3f} ms", " {:.1f}", "{:.4e}", "+{:g}"])
    def test_a_number_is_read_as_people_write_it(self, lesson: Page, text: str) -> None:
        answer = seen.data(seen.question(lesson, "number"))["variants"][0]["answer"]
        seen.say(lesson, "number", text.format(answer))
        assert seen.status(lesson, "number") == "Right. The explanation follows."

    def test_a_slip_is_recognised_and_a_number_from_nowhere_is_measured(self, lesson: Page) -> None:
        found = seen.question(lesson, "number")
        first = seen.data(found)["variants"][0]
        seen.say(lesson, "number", f"{first['slips'][0]:.12g}")
        assert seen.status(lesson, "number") == "Not right. The reason follows."
        expect(seen.folded(lesson, "number").get_by_text("That is three times.")).to_be_visible()
        seen.again(found)
        second = seen.data(found)["variants"][1]
        seen.say(lesson, "number", f"{10 * second['answer']:.12g}")
        assert seen.status(lesson, "number") == "Not right. It is 10 times too large."

    @pytest.mark.parametrize("text", ["", "  ", "many", "<img src=x onerror=alert(1)>"])
    def test_nonsense_is_no_answer(self, lesson: Page, text: str) -> None:
        seen.say(lesson, "number", text)
        assert seen.status(lesson, "number") == "Type a number first, such as 12.5."
        seen.check(seen.question(lesson, "one"))
        assert seen.status(lesson, "one") == "Choose an answer first."
        assert seen.answers(lesson) == []

    def test_a_second_attempt_has_other_numbers_and_its_own_answer(self, lesson: Page) -> None:
        found = seen.question(lesson, "number")
        asked = set()
        for variant, expected in enumerate(seen.data(found)["variants"]):
            asked.add(found.locator(".question-ask, p").nth(1).inner_text())
            seen.say(lesson, "number", f"{expected['answer']:.12g}")
            assert seen.answers(lesson)[-1]["variant"] == variant
            assert seen.answers(lesson)[-1]["right"]
            shown = seen.folded(lesson, "number").locator("[data-place=answer]").all_inner_texts()
            assert {float(text) for text in shown} <= {expected["answer"]}
            seen.again(found)
        assert len(asked) >= 8

    def test_answers_are_there_again_after_a_reload(self, lesson: Page) -> None:
        seen.choose(lesson, "one", 0)
        seen.solve(seen.question(lesson, "order"))
        seen.solve(seen.question(lesson, "number"))
        before = seen.standing(lesson)
        lesson.reload()
        assert seen.standing(lesson) == before == "Score 2/4 Answered 3 Status in progress"
        assert seen.status(lesson, "one").startswith("Not right.")
        assert seen.question(lesson, "one").locator("input").nth(0).is_checked()
        assert seen.status(lesson, "order").startswith("Right.")
        order = seen.question(lesson, "order").locator(".option-text").all_inner_texts()
        assert order == ["small", "middle", "large"]

    def test_all_of_it_works_by_keyboard(self, lesson: Page) -> None:
        keys = lesson.keyboard
        seen.question(lesson, "one").locator("input").first.focus()
        keys.press("ArrowDown")
        keys.press("Enter")
        assert seen.status(lesson, "one").startswith("Right.")
        assert lesson.evaluate("document.activeElement.textContent") == "Try again"
        seen.question(lesson, "several").locator("input").first.focus()
        keys.press("Space")
        keys.press("Tab")
        keys.press("Tab")
        keys.press("Space")
        keys.press("Enter")
        assert seen.status(lesson, "several").startswith("Right.")
        found = seen.question(lesson, "order")
        first = found.locator(".option-text").first.inner_text()
        found.get_by_role("button", name=f"Move down: {first}").focus()
        keys.press("Enter")
        assert seen.status(lesson, "order") == f"{first}: now 2 of 3."
        assert found.locator(".option-text").nth(1).inner_text() == first
        focused = lesson.evaluate("document.activeElement.getAttribute('aria-label')")
        assert focused == f"Move down: {first}"

    def test_controls_have_names(self, lesson: Page) -> None:
        one = seen.question(lesson, "one")
        assert one.get_by_role("radio", name="The second one").count() == 1
        number = seen.question(lesson, "number")
        assert number.get_by_role("textbox", name="Your answer, in ms").count() == 1
        assert lesson.get_by_role("group", name="Question 1").count() == 1

    def test_the_answer_in_full_opens_and_then_closes(self, lesson: Page) -> None:
        seen.choose(lesson, "one", 0)
        fold = seen.folded(lesson, "one")
        expect(fold.get_by_text("The first is wrong for its reason.")).to_be_visible()
        expect(fold.locator(".answer-why")).not_to_be_visible()
        fold.locator("summary").click()
        expect(fold.locator(".answer-why")).to_be_visible()
        fold.locator("summary").click()
        expect(fold.locator(".answer-why")).not_to_be_visible()


class TestPrediction:
    """Commit, then see."""

    def test_the_value_shows_only_after_a_commitment(self, lesson: Page) -> None:
        box = lesson.locator(".predict").first
        expect(box.get_by_text("It is 40.")).not_to_be_visible()
        box.get_by_label("So many").fill("30")
        box.get_by_role("button", name="Commit").click()
        expect(box.get_by_text("It is 40.")).to_be_visible()
        said = box.locator(".predict-said").inner_text()
        assert said == "You said 30 ms; it is 40 ms: 25% too low."

    @pytest.mark.parametrize(
        ("text", "end"),
        [("40", "it is 40 ms."), ("400 ms", "10 times too high."), ("50", "25% too high.")],
    )
    def test_it_says_how_far_off(self, lesson: Page, text: str, end: str) -> None:
        box = lesson.locator(".predict").first
        box.get_by_label("So many").fill(text)
        box.get_by_label("So many").press("Enter")
        assert box.locator(".predict-said").inner_text().endswith(end)

    def test_choices_are_compared_too(self, lesson: Page) -> None:
        box = lesson.locator(".predict").nth(1)
        box.get_by_label("It goes").select_option("down")
        box.get_by_role("button", name="Commit").click()
        assert box.locator(".predict-said").inner_text() == "You said “down”. It is “up”."

    def test_it_can_be_skipped(self, lesson: Page) -> None:
        box = lesson.locator(".predict").first
        box.get_by_role("button", name="Skip").click()
        expect(box.get_by_text("It is 40.")).to_be_visible()
        assert box.locator(".predict-said").inner_text() == "You skipped this one."

    def test_nonsense_reveals_nothing(self, lesson: Page) -> None:
        box = lesson.locator(".predict").first
        box.get_by_label("So many").fill("lots")
        box.get_by_role("button", name="Commit").click()
        assert "Type a number first" in box.locator(".predict-said").inner_text()
        expect(box.get_by_text("It is 40.")).not_to_be_visible()

    def test_the_first_commitment_is_there_after_a_reload(self, lesson: Page) -> None:
        box = lesson.locator(".predict").first
        box.get_by_label("So many").fill("10")
        box.get_by_role("button", name="Commit").click()
        lesson.reload()
        assert box.locator(".predict-said").inner_text().startswith("You said 10 ms; it is 40 ms")
        assert box.get_by_role("button", name="Commit").count() == 0


class TestNotes:
    """A text of the reader's own."""

    def test_they_are_saved_as_they_are_typed(self, lesson: Page) -> None:
        area = seen.notes(lesson)
        area.press_sequentially("a *note*")
        assert lesson.locator(".notes-count").inner_text() == "8/8000"
        expect(lesson.locator(".notes-foot")).to_contain_text("Saved.")
        lesson.reload()
        assert area.input_value() == "a *note*"

    def test_a_note_that_takes_a_part_of_what_is_pasted_says_how_much_it_left(
        self, lesson: Page
    ) -> None:
        lesson.context.grant_permissions(["clipboard-read", "clipboard-write"])
        lesson.evaluate("navigator.clipboard.writeText('x'.repeat(9000))")
        seen.notes(lesson).fill("y" * 10)
        seen.notes(lesson).press("End")
        seen.notes(lesson).press("Control+V")
        foot = lesson.locator(".notes-foot")
        expect(foot).to_contain_text("1010 characters of what you pasted did not fit")
        assert lesson.locator(".notes-count").inner_text() == "8000/8000"
        seen.notes(lesson).press("Backspace")
        expect(foot).not_to_contain_text("did not fit")

    def test_at_most_8000_characters_are_typed(self, lesson: Page) -> None:
        seen.notes(lesson).fill("x" * 8000)
        seen.notes(lesson).press_sequentially("yz")
        assert lesson.locator(".notes-count").inner_text() == "8000/8000"
        assert seen.notes(lesson).input_value() == "x" * 8000

    def test_typing_is_not_talked_over(self, lesson: Page) -> None:
        lesson.evaluate(
            """() => {
              window.said = 0;
              new MutationObserver((all) => (window.said += all.length)).observe(
                document.querySelector(".notes-foot [role=status]"),
                { childList: true, characterData: true, subtree: true });
            }"""
        )
        seen.notes(lesson).press_sequentially("a few words", delay=120)
        seen.notes(lesson).blur()
        assert lesson.evaluate("window.said") == 0

    def test_each_lesson_has_its_own(self, lesson: Page) -> None:
        seen.notes(lesson).fill("of the first")
        visited(lesson, "lessons/second.html")
        assert seen.notes(lesson).input_value() == ""
        seen.notes(lesson).fill("of the second")
        visited(lesson, "lessons/first.html")
        assert seen.notes(lesson).input_value() == "of the first"

    def test_a_reload_in_the_middle_of_typing_loses_nothing(self, lesson: Page) -> None:
        for end in ("one", " two", " three"):
            seen.notes(lesson).press("End")
            seen.notes(lesson).press_sequentially(end)
            lesson.reload()
        assert seen.notes(lesson).input_value() == "one two three"


class TestProgress:
    """Lessons read, passed and due, where lessons are listed."""

    def test_the_table_and_the_sentence_follow_the_record(self, lesson: Page) -> None:
        visited(lesson, "book/index.html")
        summary = lesson.locator(".progress-summary")
        assert summary.inner_text().startswith("2 lessons, none read yet.")
        visited(lesson, "lessons/first.html")
        lesson.get_by_label("I have read this lesson").check()
        for name in ("one", "several", "number", "order"):
            seen.solve(seen.question(lesson, name))
        visited(lesson, "book/index.html")
        assert (
            summary.inner_text() == "Of 2 lessons you have read 1 and passed 1. Questions due: 0."
        )
        rows = lesson.locator(".record-progress tbody tr")
        cells = [row.locator("td").all_inner_texts() for row in rows.all()]
        assert cells[0][-4:] == ["yes", "4/4", "passed", "0"]
        assert cells[1][-4:] == ["not yet", "0/4", "not attempted", "0"]

    def test_a_lesson_can_be_unread(self, lesson: Page) -> None:
        lesson.get_by_label("I have read this lesson").check()
        lesson.reload()
        assert lesson.get_by_label("I have read this lesson").is_checked()
        lesson.get_by_label("I have read this lesson").uncheck()
        visited(lesson, "book/index.html")
        assert "none read yet" in lesson.locator(".progress-summary").inner_text()


def later(page: Page, days: float) -> None:
    """Let the pages that are opened from now on see a later day."""
    then = datetime.datetime.now() + datetime.timedelta(days=days)
    page.clock.set_fixed_time(then)


class TestPractice:
    """Questions come back when they are due."""

    def test_nothing_is_due_at_first(self, site: str, visit: Callable[..., Page]) -> None:
        page = visit(f"{site}/book/practice.html")
        expect(page.get_by_text("Nothing is due. Questions you answer")).to_be_visible()
        expect(page.get_by_text("Nothing answered yet.")).to_be_visible()

    def test_a_wrong_answer_is_due_before_a_right_one(self, lesson: Page) -> None:
        seen.choose(lesson, "one", 0)
        seen.choose(lesson, "several", 0, 2)
        later(lesson, 1.5)
        visited(lesson, "book/practice.html")
        expect(lesson.get_by_text("1 question is due, weakest first.")).to_be_visible()
        lesson.get_by_role("button", name="Practise what is due").click()
        expect(lesson.get_by_role("heading", name="First lesson, 1 of 1")).to_be_visible()
        expect(seen.question(lesson, "one")).to_be_visible()
        later(lesson, 60)
        lesson.reload()
        expect(lesson.get_by_text("2 questions are due, weakest first.")).to_be_visible()
        lesson.get_by_role("button", name="Practise what is due").click()
        expect(lesson.get_by_role("heading", name="First lesson, 1 of 2")).to_be_visible()
        expect(seen.question(lesson, "one")).to_be_visible()

    def test_practising_moves_what_is_due(self, lesson: Page) -> None:
        seen.choose(lesson, "one", 0)
        later(lesson, 2)
        visited(lesson, "book/practice.html")
        lesson.get_by_role("button", name="Practise what is due").click()
        seen.choose(lesson, "one", 1)
        lesson.get_by_role("button", name="Finish").click()
        expect(lesson.get_by_text("Done: 1 of 1 right.")).to_be_visible()
        expect(lesson.get_by_text("Nothing is due. The next question is, on")).to_be_visible()

    def test_what_is_due_comes_from_all_lessons(self, lesson: Page) -> None:
        seen.choose(lesson, "one", 0)
        visited(lesson, "lessons/second.html")
        seen.choose(lesson, "several", 1)
        later(lesson, 5)
        visited(lesson, "book/practice.html")
        lesson.get_by_role("button", name="Practise what is due").click()
        headings = []
        for name in ("one", "several"):
            headings.append(lesson.locator(".practice-stage h3").inner_text())
            seen.solve(seen.question(lesson, name))
            lesson.get_by_role("button", name="Next question").or_(
                lesson.get_by_role("button", name="Finish")
            ).click()
        assert headings == ["First lesson, 1 of 2", "Second lesson, 2 of 2"]

    def test_a_lesson_can_be_practised_at_will_with_formulas_set(self, lesson: Page) -> None:
        seen.choose(lesson, "several", 1)
        visited(lesson, "book/practice.html")
        lesson.get_by_role("button", name="Practise First lesson").click()
        order = []
        for _ in range(4):
            found = lesson.locator(".practice-stage .question")
            order.append(found.get_attribute("data-question"))
            seen.solve(found, variant=0)
            if order[-1] == "one":
                expect(found.locator(".math > .katex")).to_have_count(2)
            lesson.get_by_role("button", name="Next question").or_(
                lesson.get_by_role("button", name="Finish")
            ).click()
        assert order == ["several", "one", "number", "order"]
        expect(lesson.get_by_text("Done: 4 of 4 right.")).to_be_visible()
        assert lesson.visit.errors == []

    def test_links_in_a_question_lead_where_they_lead_on_its_page(self, lesson: Page) -> None:
        visited(lesson, "book/practice.html")
        lesson.get_by_role("button", name="Practise First lesson").click()
        while not seen.question(lesson, "order").is_visible():
            seen.solve(lesson.locator(".practice-stage .question"), variant=0)
            lesson.get_by_role("button", name="Next question").click()
        lesson.get_by_role("link", name="next lesson").click()
        expect(lesson.locator("article h1")).to_contain_text("Second lesson")

    def test_a_number_that_comes_back_has_changed(self, lesson: Page) -> None:
        seen.solve(seen.question(lesson, "number"))
        later(lesson, 90)
        visited(lesson, "book/practice.html")
        lesson.get_by_role("button", name="Practise what is due").click()
        seen.solve(seen.question(lesson, "number"), variant=1)
        assert [answer["variant"] for answer in seen.answers(lesson)] == [0, 1]
        assert all(answer["right"] for answer in seen.answers(lesson))

    def test_progress_is_a_picture_and_a_table(self, lesson: Page) -> None:
        seen.choose(lesson, "one", 0)
        seen.choose(lesson, "several", 0, 2)
        later(lesson, 3)
        lesson.reload()
        seen.again(seen.question(lesson, "one"))
        seen.choose(lesson, "one", 1)
        visited(lesson, "book/practice.html")
        rows = lesson.locator(".practice-past tbody tr")
        cells = [row.locator("td").all_inner_texts()[1:] for row in rows.all()]
        assert cells == [["2", "1", "1"], ["1", "1", "2"]]
        heights = lesson.locator(".practice-picture rect").evaluate_all(
            "bars => bars.map((bar) => Number(bar.getAttribute('height')))"
        )
        assert heights[0] == heights[1] == heights[2] > heights[3] == 0
        assert "Questions known then: 2" in lesson.get_by_role("img").get_attribute("aria-label")

    def test_a_question_that_left_the_book_is_kept_and_counts_nowhere(self, lesson: Page) -> None:
        lesson.evaluate("bookRecord.addAnswer('first/gone', '[0]', true, 0)")
        later(lesson, 5)
        visited(lesson, "book/practice.html")
        expect(lesson.get_by_text("Nothing is due.")).to_be_visible()
        visited(lesson, "book/index.html")
        row = lesson.locator(".lessons-table tbody tr").first
        assert row.locator(".mine").all_inner_texts()[1:] == ["0/4", "not attempted", "0"]
        assert len(seen.answers(lesson)) == 1

    def test_focus_stays_where_it_is_when_another_tab_answers(self, lesson: Page) -> None:
        tab = lesson.context.new_page()
        tab.goto(f"{lesson.url[: lesson.url.index('/', 8)]}/book/practice.html")
        table = tab.get_by_role("region", name="Practice by lesson")
        for place in (table.get_by_role("link").first, table):
            place.focus()
            before = tab.evaluate("document.activeElement.tagName")
            question = seen.question(lesson, "one")
            if question.get_by_role("button", name="Try").is_visible():
                seen.again(question)
            seen.choose(lesson, "one", 1)
            expect(table).to_contain_text("1 of 4")
            assert tab.evaluate("document.activeElement.tagName") == before != "BODY"

    def test_the_practice_asked_for_last_is_the_one_that_runs(self, lesson: Page) -> None:
        held = []
        page = visited(lesson, "book/practice.html")
        page.route("**/questions/first.js", lambda route: held.append(route))
        page.get_by_role("button", name="Practise First lesson").click()
        page.get_by_role("button", name="Practise Second lesson").click()
        expect(page.get_by_role("heading", name="Second lesson, 1 of 4")).to_be_visible()
        with page.expect_response("**/questions/first.js"):
            held[0].continue_()
        page.wait_for_function("window.bookQuestions.first")
        expect(page.get_by_role("heading", name="Second lesson, 1 of 4")).to_be_visible()


class TestNumbers:
    """What people type; `tests/scripts/numbers.test.js` has how it is read."""

    def test_inputs_take_no_more_than_a_number_needs(self, lesson: Page) -> None:
        for box in (
            seen.question(lesson, "number").locator("input"),
            lesson.locator(".predict").first.locator("input"),
        ):
            assert box.get_attribute("maxlength") == "60"


class TestWhole:
    """Export, import, erase."""

    def fill(self, lesson: Page) -> None:
        seen.choose(lesson, "one", 1)
        lesson.locator(".predict").first.get_by_role("button", name="Skip").click()
        seen.notes(lesson).fill("mine")
        seen.notes(lesson).blur()
        lesson.get_by_label("I have read this lesson").check()

    def test_what_one_browser_exports_another_imports(
        self, lesson: Page, site: str, visit: Callable[..., Page], tmp_path: Path
    ) -> None:
        self.fill(lesson)
        visited(lesson, "book/practice.html")
        exported = seen.export(lesson, tmp_path)
        assert exported["book"] == "serving-by-the-numbers"
        other = visit(f"{site}/book/practice.html")
        assert other.get_by_role("button", name="Export everything").is_disabled()
        other.get_by_label("Import an export").set_input_files(tmp_path / "export.json")
        expect(other.get_by_text("Imported: 4 new or changed entries.")).to_be_visible()
        other.get_by_label("Import an export").set_input_files(tmp_path / "export.json")
        expect(other.get_by_text("Imported: all of it was here already.")).to_be_visible()
        visited(other, "lessons/first.html")
        assert seen.standing(other) == "Score 1/4 Answered 1 Status in progress"
        assert seen.notes(other).input_value() == "mine"
        assert other.get_by_label("I have read this lesson").is_checked()
        assert other.locator(".predict-said").first.inner_text() == "You skipped this one."

    def test_an_import_adds_to_what_is_there(
        self, lesson: Page, site: str, visit: Callable[..., Page], tmp_path: Path
    ) -> None:
        self.fill(lesson)
        visited(lesson, "book/practice.html")
        seen.export(lesson, tmp_path)
        other = visit(f"{site}/lessons/first.html")
        seen.notes(other).fill("theirs")
        seen.choose(other, "several", 1)
        visited(other, "book/practice.html")
        other.get_by_label("Import an export").set_input_files(tmp_path / "export.json")
        visited(other, "lessons/first.html")
        assert "mine" in seen.notes(other).input_value()
        assert "theirs" in seen.notes(other).input_value()
        expect(other.get_by_text("Two versions were written apart.")).to_be_visible()
        assert seen.standing(other) == "Score 1/4 Answered 2 Status in progress"

    def test_erasing_asks_first_and_leaves_nothing(self, lesson: Page) -> None:
        self.fill(lesson)
        visited(lesson, "book/practice.html")
        lesson.get_by_role("button", name="Erase everything").click()
        lesson.get_by_role("button", name="Keep it").click()
        assert len(seen.answers(lesson)) == 1
        lesson.get_by_role("button", name="Erase everything").click()
        lesson.get_by_role("button", name="Erase it for good").click()
        expect(lesson.get_by_text("Erased.")).to_be_visible()
        kept = "Object.keys(localStorage).filter((key) => key.includes('serving'))"
        assert lesson.evaluate(kept) == []
        visited(lesson, "lessons/first.html")
        assert seen.standing(lesson) == "Score 0/4 Answered 0 Status not attempted"
        assert seen.notes(lesson).input_value() == ""
        assert not lesson.get_by_label("I have read this lesson").is_checked()

    def test_no_request_leaves_a_page_that_names_no_server(self, lesson: Page) -> None:
        asked = []
        lesson.on("request", lambda request: asked.append((request.method, request.url)))
        self.fill(lesson)
        visited(lesson, "book/practice.html")
        lesson.get_by_role("button", name="Practise First lesson").click()
        lesson.wait_for_load_state("networkidle")
        assert {method for method, _ in asked} == {"GET"}
        assert lesson.visit.elsewhere == []
        assert lesson.locator(".record-account").count() == 0


class TestWithoutJavaScript:
    """The page reads well as it is."""

    @pytest.fixture
    def plain(self, site: str, visit: Callable[..., Page]) -> Page:
        return visit(f"{site}/lessons/first.html", java_script_enabled=False)

    def test_questions_and_folded_answers_are_there(self, plain: Page) -> None:
        for text in ("The second one", "Beta", "Twice", "middle"):
            expect(plain.locator(".question").get_by_text(text).first).to_be_visible()
        for name in ("one", "several", "number", "order"):
            fold = seen.folded(plain, name)
            expect(fold.locator("summary")).to_be_visible()
            expect(fold.locator(".answer-why")).not_to_be_visible()
            fold.locator("summary").click()
            expect(fold.locator(".answer-why")).to_be_visible()

    def test_nothing_stands_there_that_does_nothing(self, plain: Page) -> None:
        assert plain.locator("article :is(input, textarea, button, select)").count() == 0
        assert plain.locator(".lesson-notes").inner_text() == "Private notes need JavaScript."

    def test_predictions_fold(self, plain: Page) -> None:
        box = plain.locator(".predict").first
        expect(box.get_by_text("It is 40.")).not_to_be_visible()
        box.locator("summary").click()
        expect(box.get_by_text("It is 40.")).to_be_visible()
        expect(box.locator(".predict-truth")).not_to_be_visible()


@pytest.mark.parametrize("script", [True, False])
def test_print_has_the_questions_first_and_all_answers_at_the_back(
    site: str, visit: Callable[..., Page], script: bool
) -> None:
    page = visit(f"{site}/lessons/first.html", java_script_enabled=script)
    if script:
        seen.choose(page, "one", 0)
    page.emulate_media(media="print")
    tops = {
        kind: [found.bounding_box()["y"] for found in page.locator(where).all()]
        for kind, where in {"asked": ".question", "told": "details.answer"}.items()
    }
    title = page.locator(".answers-title").bounding_box()["y"]
    assert max(tops["asked"]) < title < min(tops["told"])
    for fold in page.locator("details.answer").all():
        expect(fold.locator(".answer-why")).to_be_visible()
    expect(page.get_by_text("The first is wrong for its reason.")).to_be_visible()
    expect(page.get_by_text("The third is wrong for its reason.")).to_be_visible()
    expect(page.get_by_role("button", name="Check").first).not_to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 375])
def test_axe_finds_nothing_before_or_after_answers(
    site: str, visit: Callable[..., Page], scheme: str, width: int
) -> None:
    page = visit(
        f"{site}/lessons/first.html", width=width, color_scheme=scheme, reduced_motion="reduce"
    )

    def faults() -> list:
        theme_page.reachable(page)
        page.evaluate(AXE.read_text("utf-8"))
        found = page.evaluate("async () => (await axe.run('main')).violations")
        return [(rule["id"], node["target"]) for rule in found for node in rule["nodes"]]

    assert faults() == []
    seen.choose(page, "one", 0)
    seen.choose(page, "several", 0, 2)
    seen.say(page, "number", "1e9")
    seen.solve(seen.question(page, "order"))
    page.locator(".predict").first.get_by_role("button", name="Skip").click()
    seen.notes(page).fill("a note")
    assert faults() == []
    visited(page, "book/practice.html")
    page.get_by_role("button", name="Practise First lesson").click()
    page.get_by_role("heading", name="First lesson, 1 of 4").wait_for()
    page.get_by_role("button", name="Erase everything").click()
    assert faults() == []
    visited(page, "book/index.html")
    assert faults() == []


def test_a_visit_alone_keeps_nothing(lesson: Page) -> None:
    kept = "Object.keys(localStorage).filter((key) => key.includes('serving'))"
    assert lesson.evaluate(kept) == []
    visited(lesson, "book/practice.html")
    assert lesson.evaluate(kept) == []


def test_another_book_on_the_same_host_keeps_its_record(lesson: Page) -> None:
    other = "serving-by-the-numbers:/fork/"
    lesson.evaluate(f"localStorage.setItem({other!r}, 'theirs')")
    seen.choose(lesson, "one", 1)
    visited(lesson, "book/practice.html")
    lesson.get_by_role("button", name="Erase everything").click()
    lesson.get_by_role("button", name="Erase it for good").click()
    assert lesson.evaluate(f"localStorage.getItem({other!r})") == "theirs"
