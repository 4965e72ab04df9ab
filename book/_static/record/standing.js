/** How a lesson stands in the record. */

/** @typedef {import("./store.js").Answer} Answer */

/**
 * @param {Answer[]} answers of all lessons, in order
 * @param {string} lesson
 * @param {number} needed right answers to pass
 * @param {string[] | null} asked the questions there are, where the page knows them
 */
export function standing(answers, lesson, needed, asked = null) {
  /** @type {Map<string, boolean>} */
  const latest = new Map();
  let passed = false;
  for (const { question, right } of answers) {
    const [of, name] = question.split("/");
    if (of !== lesson || (asked && !asked.includes(name))) continue;
    latest.set(question, right);
    passed ||= [...latest.values()].filter(Boolean).length >= needed;
  }
  const score = [...latest.values()].filter(Boolean).length;
  const status = passed ? "passed" : latest.size ? "in progress" : "not attempted";
  return { score, answered: latest.size, status, passed };
}
