/** Which answers to a question are right; the page says it beside the question. */
import { apart, near, parse } from "./numbers.js";

/**
 * @typedef {"one" | "several" | "number" | "order"} Kind
 * @typedef {{answer: number, slips: number[], shown: {[place: string]: string}}} Variant
 * @typedef {{right?: number[], places?: number[], unit?: string, tolerance?: number, variants?: Variant[]}} Key
 * @typedef {{given: string, right: boolean, variant: number}} Attempt
 */

/**
 * Whether an answer is right, and which pieces of feedback belong to it.
 *
 * @param {Kind} kind
 * @param {Key} key
 * @param {string} given
 * @param {number} variant
 * @returns {{right: boolean, said: number[]}}
 */
export function grade(kind, key, given, variant) {
  if (kind === "number") {
    const { answer, slips } = /** @type {Variant[]} */ (key.variants)[variant];
    const value = parse(given, key.unit);
    if (near(value, answer, key.tolerance ?? 0)) return { right: true, said: [] };
    const slip = slips.findIndex((wrong) => near(value, wrong, key.tolerance ?? 0));
    return { right: false, said: slip < 0 ? [] : [slip] };
  }
  const chosen = /** @type {number[]} */ (JSON.parse(given));
  if (kind === "order") {
    const places = chosen.map((item) => /** @type {number[]} */ (key.places)[item]);
    return { right: places.every((place, i) => place === i), said: [] };
  }
  const wanted = /** @type {number[]} */ (key.right);
  const wrong = chosen.filter((option) => !wanted.includes(option));
  const missed = wanted.filter((option) => !chosen.includes(option));
  const right = !wrong.length && !missed.length;
  if (kind === "one") return { right, said: chosen };
  return { right, said: right ? chosen : [...wrong, ...missed] };
}

/**
 * Whether an answer on record is one to this question as it is now.
 *
 * @param {Kind} kind
 * @param {Key} key
 * @param {number} options how many there are
 * @param {Attempt} attempt
 */
export function valid(kind, key, options, { given, right, variant }) {
  try {
    if (kind === "number") {
      if (!key.variants?.[variant] || Number.isNaN(parse(given, key.unit))) return false;
    } else {
      const chosen = new Set(JSON.parse(given));
      if (![...chosen].every((one) => Number.isInteger(one) && one >= 0 && one < options)) return false;
      if (kind === "order" && (chosen.size !== options || JSON.parse(given).length !== options)) return false;
      if (kind === "one" && chosen.size !== 1) return false;
    }
    return grade(kind, key, given, variant).right === right;
  } catch {
    return false;
  }
}

/** How far off a number is. @param {string} given @param {Key} key @param {number} variant */
export function distance(given, key, variant) {
  const { answer } = /** @type {Variant[]} */ (key.variants)[variant];
  const found = apart(parse(given, key.unit), answer, ["too large", "too small"]);
  return found ? `It is ${found}.` : "The sign or the zero is off.";
}
