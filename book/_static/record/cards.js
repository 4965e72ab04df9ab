/**
 * When each question is due again: an FSRS card for every question that was answered, made anew from the answers
 * each time, so that two devices that know the same answers know the same cards.
 */
import { Rating, createEmptyCard, fsrs } from "../vendor/ts-fsrs/dist/index.mjs";

const scheduler = fsrs({ enable_fuzz: false, enable_short_term: false });

/**
 * @typedef {import("./store.js").Answer} Answer
 * @typedef {{question: string, lesson: string, due: number, recall: number, last: Answer, answers: number}} Card
 */

/**
 * The cards, weakest first. Where it is not known when an answer was given, its card is due as if that had been at the
 * earliest moment it may have been.
 *
 * @param {Answer[]} answers in order
 * @param {number} now
 * @returns {Card[]}
 */
export function cards(answers, now) {
  /** @type {Map<string, {card: import("ts-fsrs").Card, last: Answer, answers: number}>} */
  const made = new Map();
  for (const answer of answers) {
    const before = made.get(answer.question);
    const at = new Date(Math.max(answer.at, before?.card.last_review?.getTime() ?? 0));
    const { card } = scheduler.next(before?.card ?? createEmptyCard(at), at, answer.right ? Rating.Good : Rating.Again);
    made.set(answer.question, { card, last: answer, answers: (before?.answers ?? 0) + 1 });
  }
  return [...made.entries()]
    .map(([question, { card, last, answers: count }]) => {
      const unsure = last.at - (last.from ?? last.at);
      return {
        question,
        lesson: last.lesson,
        due: card.due.getTime() - unsure,
        recall: scheduler.get_retrievability(card, new Date(now + unsure), false),
        last,
        answers: count,
      };
    })
    .sort((a, b) => a.recall - b.recall || a.last.at - b.last.at);
}

/** Those to be answered by now. @param {Card[]} all @param {number} now */
export function due(all, now) {
  return all.filter((card) => card.due <= now);
}
