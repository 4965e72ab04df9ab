/** The skill check of a lesson: a few of its questions at a time, answers kept and counted. */
import { show } from "./groups.js";
import { make } from "./elements.js";
import { present } from "./questions.js";
import { standing } from "./standing.js";

/** @param {HTMLElement} box @param {import("./store.js").Store} store */
export function openSkillCheck(box, store) {
  const { lesson = "", total = "", needed = "" } = box.dataset;
  const all = /** @type {HTMLElement[]} */ ([...box.querySelectorAll(".question")]);
  const names = all.map((question) => question.dataset.question ?? "");
  const score = make("b", {});
  const answered = make("b", {});
  const status = make("b", {});
  const read = make("input", { type: "checkbox", id: `read-${lesson}` });
  read.addEventListener("change", () => store.setRead(lesson, read.checked));
  box.prepend(
    make(
      "div",
      { class: "check-standing" },
      make("p", { role: "status" }, "Score ", score, " Answered ", answered, " Status ", status),
      make("p", {}, `${needed} right answers pass.`),
      make("p", { class: "check-read" }, read, make("label", { for: read.id }, "I have read this lesson")),
    ),
  );
  const given = store.answers();
  show(all, Number(box.dataset.group), new Set(given.map((one) => one.question.replace(`${lesson}/`, ""))));
  /** @type {Map<string, () => void>} */
  const begins = new Map();
  for (const question of all) {
    const name = `${lesson}/${question.dataset.question}`;
    const answer = /** @type {HTMLDetailsElement} */ (question.nextElementSibling);
    const last = given.findLast((one) => one.question === name) ?? null;
    const begin = present(question, answer, {
      last,
      again: true,
      onAnswer: (attempt) => store.addAnswer(name, attempt.given, attempt.right, attempt.variant),
    });
    begins.set(name, begin);
  }
  /** @type {Set<string>} */
  let before = new Set(given.map((one) => one.question));
  store.follows(() => {
    // What was erased elsewhere is unanswered here too.
    const now = new Set(store.answers().map((one) => one.question));
    for (const [name, begin] of begins) if (before.has(name) && !now.has(name)) begin();
    before = now;
    const found = standing(store.answers(), lesson, Number(needed), names);
    score.textContent = `${found.score}/${total}`;
    answered.textContent = String(found.answered);
    status.textContent = found.status;
    box.dataset.status = found.status;
    read.checked = store.isRead(lesson);
  });
}
