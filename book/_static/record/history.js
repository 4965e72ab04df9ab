/** What was answered, day by day. */

/** @typedef {{day: string, right: number, wrong: number, known: number}} Day known: questions whose latest answer is right */

/** @param {number} time */
export function day(time) {
  return new Date(time).toLocaleDateString("en", { day: "numeric", month: "long", year: "numeric" });
}

/** @param {import("./store.js").Answer[]} answers in order @returns {Day[]} */
export function history(answers) {
  /** @type {Map<string, Day>} */
  const days = new Map();
  /** @type {Set<string>} */
  const known = new Set();
  for (const answer of answers) {
    const name = day(answer.at);
    const row = days.get(name) ?? { day: name, right: 0, wrong: 0, known: 0 };
    row[answer.right ? "right" : "wrong"] += 1;
    if (answer.right) known.add(answer.question);
    else known.delete(answer.question);
    row.known = known.size;
    days.set(name, row);
  }
  return [...days.values()];
}
