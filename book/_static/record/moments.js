/**
 * When answers were given, as far as stamps of clocks that may be wrong can tell.
 *
 * An answer has a place in order, which no clock can take from it, and a stamp of what the clock said. Nothing was
 * given later than now. Of the other stamps the longest run that agrees with the order is believed: one slip of a clock,
 * ahead or behind, is then outvoted. A stamp that is not believed says nothing, and its answer was given at some moment
 * between the believed ones before and after it.
 *
 * Schedules take from that what asks again sooner: the latest such moment for the time to the next answer, which makes
 * a memory look no older than it was, and the earliest for the time since the last.
 */

/**
 * @template {{at: number}} T
 * @param {T[]} answers in order
 * @param {number} now
 * @returns {(T & {from: number})[]} `at` is the latest moment at which it may have been given, `from` the earliest
 */
export function settled(answers, now) {
  const believed = agreeing(answers.map(({ at }) => (at <= now ? at : NaN)));
  const found = answers.map((answer) => ({ ...answer, from: answer.at }));
  let before = 0;
  found.forEach((answer, i) => {
    if (believed.has(i)) before = answer.at;
    else answer.from = before;
  });
  let after = now;
  for (let i = found.length - 1; i >= 0; i -= 1) {
    if (believed.has(i)) after = found[i].at;
    else found[i].at = after;
  }
  return found;
}

/** The places of a longest run of times that never goes down; of several, one of the earliest times. @param {number[]} times */
function agreeing(times) {
  /** Where the run of each length ends that ends earliest. @type {number[]} */
  const ends = [];
  /** @type {Map<number, number>} */
  const before = new Map();
  times.forEach((time, i) => {
    if (Number.isNaN(time)) return;
    let [low, high] = [0, ends.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (times[ends[middle]] <= time) low = middle + 1;
      else high = middle;
    }
    if (low > 0) before.set(i, ends[low - 1]);
    ends[low] = i;
  });
  /** @type {Set<number>} */
  const run = new Set();
  for (let i = ends.at(-1); i !== undefined; i = before.get(i)) run.add(i);
  return run;
}
