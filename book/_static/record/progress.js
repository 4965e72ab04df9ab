// @ts-check
/** How far the reader is, beside the lessons of a table of contents or in one sentence. */
import { cards, due } from "./cards.js";
import { make } from "./questions.js";
import { standing } from "./standing.js";
import { answers, follows, isEmpty, isRead, present } from "./store.js";
import "./trouble.js";

/** @typedef {{lesson: string, title: string, href: string, total: number, needed: number, questions: string[]}} Lesson */

/** What the page says of the lessons. @param {HTMLElement} box @returns {Lesson[]} */
export function lessonsOf(box) {
  return JSON.parse(box.querySelector("script")?.textContent ?? "[]");
}

/** The answers to questions that are still asked. @param {import("./store.js").Answer[]} given @param {Lesson[]} lessons */
export function stillAsked(given, lessons) {
  const names = new Set(lessons.flatMap(({ lesson, questions }) => questions.map((name) => `${lesson}/${name}`)));
  return given.filter(({ question }) => names.has(question));
}

for (const box of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(".record-progress"))) {
  follows(() => (box.dataset.summary ? summarise(box) : tabulate(box)));
}

/** @param {HTMLElement} box */
function facts(box) {
  const given = answers();
  const lessons = lessonsOf(box);
  const waiting = due(cards(stillAsked(given, lessons), present()), present());
  return lessons.map((lesson) => ({
    ...lesson,
    ...standing(given, lesson.lesson, lesson.needed, lesson.questions),
    read: isRead(lesson.lesson),
    due: waiting.filter((card) => card.lesson === lesson.lesson).length,
  }));
}

/** @param {HTMLElement} box */
function summarise(box) {
  const all = facts(box);
  const sentence =
    box.querySelector("p") ?? box.appendChild(make("p", { class: "progress-summary", role: "status" }));
  const read = all.filter((lesson) => lesson.read).length;
  const passed = all.filter((lesson) => lesson.passed).length;
  const waiting = all.reduce((sum, lesson) => sum + lesson.due, 0);
  sentence.textContent = isEmpty()
    ? `${all.length} lessons, none read yet. What you answer and note stays in this browser.`
    : `Of ${all.length} lessons you have read ${read} and passed ${passed}. Questions due: ${waiting}.`;
}

/** @param {HTMLElement} box */
function tabulate(box) {
  const rows = box.querySelectorAll("tbody tr");
  const head = box.querySelector("thead tr");
  const columns = ["Read", "Score", "Status", "Due"];
  if (head && !head.querySelector(".mine")) {
    head.append(...columns.map((column) => make("th", { class: "head mine", scope: "col" }, make("p", {}, column))));
    for (const row of rows) row.append(...columns.map(() => make("td", { class: "mine" })));
  }
  facts(box).forEach((lesson, i) => {
    const cells = rows[i].querySelectorAll(".mine");
    const texts = [lesson.read ? "yes" : "not yet", `${lesson.score}/${lesson.total}`, lesson.status, String(lesson.due)];
    texts.forEach((text, column) => (cells[column].textContent = text));
  });
}
