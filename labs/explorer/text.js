/** Numbers as text, exactly as Python's `format` writes them. */

/** @import { Quantity } from "./types.js" */

/**
 * Python breaks exact ties to even, JavaScript away from zero; `more` gives exact digits.
 * @param {string} rounded @param {string} more @param {number} kept digits kept of `more`
 */
function halfEven(rounded, more, kept) {
  const [digits, exponent] = more.split("e");
  const point = digits.indexOf(".");
  const cut = kept > 0 ? point + 1 + kept : point;
  const tie = /^\.?50*$/.test(digits.slice(cut));
  const head = digits.slice(0, cut);
  if (!tie || Number(head[head.length - 1]) % 2) return rounded;
  return exponent === undefined ? head : `${head}e${exponent}`;
}

/** @param {number} value @param {number} places */
export function toFixed(value, places) {
  // A percentage of the largest numbers.
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  // From here up every number is whole, and JavaScript writes it with an exponent.
  if (Math.abs(value) >= 1e21) return BigInt(value) + (places ? `.${"0".repeat(places)}` : "");
  return halfEven(value.toFixed(places), value.toFixed(100), places);
}

/** @param {number} value @param {number} precision */
function toGeneral(value, precision) {
  const places = Math.max(precision, 1) - 1;
  const rounded = halfEven(value.toExponential(places), value.toExponential(100), places);
  const exponent = Number(rounded.split("e")[1]);
  /** @param {string} text */
  const strip = (text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);
  if (exponent >= -4 && exponent <= places) {
    return strip(Number(rounded).toFixed(places - exponent));
  }
  const size = String(Math.abs(exponent)).padStart(2, "0");
  return `${strip(rounded.split("e")[0])}e${exponent < 0 ? "-" : "+"}${size}`;
}

/**
 * Write a number exactly as Python's `format` does.
 * @param {number} value @param {string} format @param {string} [unit]
 */
export function formatValue(value, format, unit = "") {
  if (Number.isNaN(value)) return "n/a";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "-∞";
  const [, comma, places, type] = /^(,?)(?:\.(\d+))?([fgd%])$/.exec(format) ?? ["", "", "6", "g"];
  let text =
    type === "g"
      ? toGeneral(value, Number(places ?? 6))
      : type === "%"
        ? `${toFixed(value * 100, Number(places))}%`
        : toFixed(value, type === "d" ? 0 : Number(places));
  if (comma) text = text.replace(/^(-?)(\d+)/, (_, sign, whole) => sign + whole.replace(/\B(?=(\d{3})+$)/g, ","));
  if (/^-[0.]+%?$/.test(text)) text = text.slice(1);
  return text + (["", "%", "×"].includes(unit) ? unit : `\u00a0${unit}`);
}

/** A value of a slider or quantity as text: an option by its name. @param {Quantity} part
 * @param {number} value @param {boolean} [withUnit] */
export const written = (part, value, withUnit = false) =>
  part.texts?.[value] ?? formatValue(value, part.format, withUnit ? part.unit : "");

/** @param {Quantity} part */
export const axisTitle = (part) => (part.unit ? `${part.label} (${part.unit})` : part.label);
