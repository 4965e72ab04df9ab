/** How far the reader is, beside the lessons of a table of contents or in one sentence. */
import { cards, due } from "./cards.js";
import { make } from "./elements.js";
import { lessonsOf, stillAsked } from "./lessons.js";
import { standing } from "./standing.js";

/** @typedef {import("./store.js").Store} Store */

/** @param {HTMLElement} box @param {Store} store */
export function openProgress(box, store) {
  store.follows(() => (box.dataset.summary ? summarise(box, store) : tabulate(box, store)));
}

/** @param {HTMLElement} box @param {Store} store */
function facts(box, store) {
  const given = store.answers();
  const lessons = lessonsOf(box);
  const waiting = due(cards(stillAsked(given, lessons), store.present()), store.present());
  return lessons.map((lesson) => ({
    ...lesson,
    ...standing(given, lesson.lesson, lesson.needed, lesson.questions),
    read: store.isRead(lesson.lesson),
    due: waiting.filter((card) => card.lesson === lesson.lesson).length,
  }));
}

/** @param {HTMLElement} box @param {Store} store */
function summarise(box, store) {
  const all = facts(box, store);
  const sentence = box.querySelector("p") ?? box.appendChild(make("p", { class: "progress-summary", role: "status" }));
  const read = all.filter((lesson) => lesson.read).length;
  const passed = all.filter((lesson) => lesson.passed).length;
  const waiting = all.reduce((sum, lesson) => sum + lesson.due, 0);
  sentence.textContent = store.isEmpty()
    ? `${all.length} lessons, none read yet. What you answer and note stays in this browser.`
    : `Of ${all.length} lessons you have read ${read} and passed ${passed}. Questions due: ${waiting}.`;
}

/** @param {HTMLElement} box @param {Store} store */
function tabulate(box, store) {
  const rows = box.querySelectorAll("tbody tr");
  facts(box, store).forEach((lesson, i) => {
    const cells = rows[i].querySelectorAll(".mine > p");
    const texts = [
      lesson.read ? "yes" : "not yet",
      `${lesson.score}/${lesson.total}`,
      lesson.status,
      String(lesson.due),
    ];
    texts.forEach((text, column) => (cells[column].textContent = text));
  });
}
