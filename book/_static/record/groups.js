/** A skill check of many questions asks a few at a time; in print, and without scripts, all are there. */
import { make } from "./elements.js";

/**
 * Groups of about `size`, none much smaller than another.
 *
 * @param {number} total @param {number} size
 * @returns {number[][]} the places of each group's questions
 */
export function groupsOf(total, size) {
  const count = Math.max(1, Math.round(total / size));
  const ends = Array.from({ length: count + 1 }, (_, i) => Math.round((i * total) / count));
  return ends.slice(1).map((end, i) => Array.from({ length: end - ends[i] }, (_, k) => ends[i] + k));
}

/**
 * Show one group of the questions, at first one with a question that was never answered.
 *
 * @param {HTMLElement[]} all @param {number} size @param {Set<string>} answered names
 */
export function show(all, size, answered) {
  const groups = groupsOf(all.length, size);
  if (groups.length < 2) return;
  const bars = [all[0], null].map(() =>
    make("div", { class: "question-groups", role: "group", "aria-label": "Questions" }),
  );
  const buttons = bars.map(() =>
    groups.map((group) => make("button", { type: "button", class: "record-button" }, span(group))),
  );
  /** @param {number} chosen */
  const choose = (chosen) => {
    all.forEach((question, i) => question.classList.toggle("not-now", !groups[chosen].includes(i)));
    for (const bar of buttons) bar.forEach((button, i) => button.setAttribute("aria-pressed", String(i === chosen)));
  };
  bars.forEach((bar, place) => {
    bar.append("Questions ", ...buttons[place]);
    buttons[place].forEach((button, i) =>
      button.addEventListener("click", () => {
        choose(i);
        if (place) all[groups[i][0]].scrollIntoView({ block: "center" });
      }),
    );
  });
  all[0].before(bars[0]);
  all.at(-1)?.nextElementSibling?.after(bars[1]);
  const linked = () => all.findIndex((question) => `#${question.id}` === location.hash);
  window.addEventListener("hashchange", () => {
    const at = linked();
    if (at < 0) return;
    choose(groups.findIndex((group) => group.includes(at)));
    all[at].scrollIntoView();
  });
  const fresh = all.findIndex((question) => !answered.has(question.dataset.question ?? ""));
  const first = linked() >= 0 ? linked() : Math.max(0, fresh);
  choose(groups.findIndex((group) => group.includes(first)));
}

/** @param {number[]} group */
function span(group) {
  return `${group[0] + 1} to ${(group.at(-1) ?? 0) + 1}`;
}
