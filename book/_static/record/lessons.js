/** What a page says of the lessons, and what of the record belongs to them. */

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
