/** Numbers as people type them and as a sentence says them. */

/** A number as people type it, with the unit or without. @param {string} text @param {string} [unit] */
export function parse(text, unit = "") {
  let bare = text.trim().replace(/\u2212/g, "-");
  if (unit && bare.toLowerCase().endsWith(unit.toLowerCase())) bare = bare.slice(0, -unit.length);
  bare = bare
    .replace(/%$/, "")
    .replace(/(\d)[\s\u00a0'_](?=\d{3}\b)/g, "$1")
    .trim();
  if (/^[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d*)?$/.test(bare)) bare = bare.replaceAll(",", "");
  else if (/^[+-]?\d*,\d+$/.test(bare)) bare = bare.replace(",", ".");
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(bare) ? Number(bare) : NaN;
}

/**
 * A number as `parse` has it, whose reader may have said a share in percent where a fraction is asked, or as a fraction
 * where percent are: of a number without a sign, the reading that is nearer to the right one.
 *
 * @param {string} text @param {string} unit @param {number} right
 */
export function share(text, unit, right) {
  const value = parse(text, unit);
  const percent = /%\s*$/.test(text);
  if (percent) return unit === "%" ? value : value / 100;
  if (unit !== "%" || !(Math.abs(value) < 1)) return value;
  return Math.abs(100 * value - right) < Math.abs(value - right) ? 100 * value : value;
}

/** @param {number} value @param {number} answer @param {number} tolerance relative */
export function near(value, answer, tolerance) {
  return Math.abs(value - answer) <= Math.max(tolerance, 1e-9) * Math.abs(answer);
}

/** A number in three digits. @param {number} value */
export function short(value) {
  return value.toLocaleString("en", { maximumSignificantDigits: 3 });
}

/**
 * How far a number is from the right one, as "3 times too high"; empty where no ratio says it.
 *
 * @param {number} value
 * @param {number} right
 * @param {[string, string]} words for too much and too little
 */
export function apart(value, right, [above, below]) {
  const ratio = value / right;
  if (!(ratio > 0)) return "";
  const side = ratio > 1 ? above : below;
  const factor = Math.max(ratio, 1 / ratio);
  return factor >= 2 ? `${short(factor)} times ${side}` : `${short(100 * Math.abs(ratio - 1))}% ${side}`;
}
