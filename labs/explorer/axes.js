/** Scales, ticks and the frame of a plot. */

import { label, px, svg } from "./elements.js";
import { axisTitle, formatValue } from "./text.js";
/** @import { Axis, Box, Names, Quantity, Scale } from "./types.js" */

const FAR = 4000;

/** @param {[number, number]} domain @param {[number, number]} range @param {boolean} log @returns {Scale} */
export function scale(domain, range, log) {
  const f = log ? Math.log10 : Number;
  const slope = (range[1] - range[0]) / (f(domain[1]) - f(domain[0]));
  return (value) => Math.max(-FAR, Math.min(FAR, range[0] + (f(value) - f(domain[0])) * slope));
}

/** @param {number} rough */
function niceStep(rough) {
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 2.5, 5, 10].map((m) => m * power).find((step) => step >= rough * 0.999) ?? power * 10;
}

/** @param {[number, number]} domain @param {number} most */
export function linearTicks([low, high], most) {
  const step = niceStep((high - low) / Math.max(most, 2));
  const first = Math.ceil(low / step - 1e-9);
  const count = Math.floor(high / step + 1e-9) - first + 1;
  return Array.from({ length: count }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** @param {[number, number]} domain @param {number} most */
export function logTicks([low, high], most) {
  const from = Math.floor(Math.log10(low));
  const decades = Array.from({ length: Math.ceil(Math.log10(high)) - from + 1 }, (_, i) => from + i);
  for (const digits of [[1, 2, 5], [1, 3], [1]]) {
    const ticks = decades
      .flatMap((power) => digits.map((digit) => Number(`${digit}e${power}`)))
      .filter((tick) => tick >= low * 0.999 && tick <= high * 1.001);
    if (ticks.length <= most && ticks.length > 1) return ticks;
  }
  const tens = decades.map((power) => Number(`1e${power}`)).filter((tick) => tick >= low && tick <= high);
  return tens.length > 2 ? thin(tens, most) : linearTicks([low, high], most);
}

/** Round numbers among `values`, or every k-th, at most `most` of them. @param {number[]} values @param {number} most */
export function roundest(values, most) {
  if (values.length <= most) return values;
  const step = niceStep((values[values.length - 1] - values[0]) / most);
  const round = values.filter((value) => Math.abs(value / step - Math.round(value / step)) < 1e-9);
  return round.length > 2 ? round : thin(values, most);
}

/** Every k-th of `values`, at most `most` of them. @template T @param {T[]} values @param {number} most */
export function thin(values, most) {
  const every = Math.ceil(values.length / Math.max(most, 2));
  return values.filter((_, i) => i % every === 0);
}

/** @param {number[]} ticks @param {boolean} log @param {Quantity} part */
export function tickText(ticks, log, part) {
  const share = part.format.endsWith("%");
  const step = Math.min(...ticks.slice(1).map((tick, i) => tick - ticks[i])) * (share ? 100 : 1);
  const places = [0, 1, 2, 3, 4, 5, 6].find((n) => Math.abs(Number(step.toFixed(n)) - step) < step * 1e-6) ?? 0;
  const fixed = `,.${places}${share ? "%" : "f"}`;
  return ticks.map((tick) => formatValue(tick, log && !share ? ",g" : fixed));
}

/** The range that an axis shows. @param {number[]} values @param {boolean} log @returns {[number, number]} */
export function extent(values, log) {
  const usable = values.filter((value) => Number.isFinite(value) && (!log || value > 0));
  let [low, high] = [Infinity, -Infinity];
  for (const value of usable) [low, high] = [Math.min(low, value), Math.max(high, value)];
  if (low > high) return log ? [1, 10] : [0, 1];
  if (log) return [low / 1.15, high * 1.15];
  if (low > 0 && low < 0.5 * high) low = 0;
  if (low === high) [low, high] = [low - Math.abs(low || 1) / 2, high + Math.abs(high || 1) / 2];
  const step = niceStep((high - low) / 5);
  return [Math.floor(low / step) * step, Math.ceil(high / step - 1e-9) * step];
}

/** Move label positions apart by `gap` within bounds. @param {number[]} wanted @param {number[]} gaps
 * @param {number} low @param {number} high */
export function spread(wanted, gaps, low, high) {
  const order = wanted.map((_, i) => i).sort((a, b) => wanted[a] - wanted[b]);
  const placed = [...wanted];
  order.forEach((i, rank) => {
    const above = order[rank - 1];
    placed[i] = Math.max(wanted[i], rank ? placed[above] + (gaps[above] + gaps[i]) / 2 : low);
  });
  order.reverse().forEach((i, rank) => {
    const below = order[rank - 1];
    placed[i] = Math.min(placed[i], rank ? placed[below] - (gaps[below] + gaps[i]) / 2 : high);
  });
  return placed;
}

/** @param {string} text @param {number} room @param {(text: string) => number} measure */
export function wrap(text, room, measure) {
  /** @type {string[]} */
  const rows = [];
  for (const word of text.split(" ")) {
    const longer = rows.length ? `${rows[rows.length - 1]} ${word}` : word;
    if (rows.length && measure(longer) <= room) rows[rows.length - 1] = longer;
    else rows.push(word);
  }
  return rows;
}

/** Options as tick labels: wrapped where every word fits, else slanted. @param {string[]} texts @param {number} pitch
 * @param {(text: string) => number} measure @returns {Names} */
export function tickNames(texts, pitch, measure) {
  const slanted = texts.some((text) => text.split(" ").some((word) => measure(word) * 1.05 > pitch - 4));
  if (slanted) return { rows: texts.map((text) => [text]), slanted, depth: Math.max(...texts.map(measure)) * 0.6 };
  const rows = texts.map((text) => wrap(text, (pitch - 4) / 1.05, measure));
  return { rows, slanted, depth: 14 * (Math.max(...rows.map((one) => one.length)) - 1) };
}

/** @param {number} x @param {number} y @param {Names} names @param {number} i */
function tickName(x, y, names, i) {
  if (names.slanted) {
    return label(x + 4, y - 4, names.rows[i][0], {
      "text-anchor": "end",
      transform: `rotate(-35 ${px(x + 4)} ${px(y - 4)})`,
    });
  }
  const text = label(x, y, "", { "text-anchor": "middle" });
  text.append(...names.rows[i].map((row, n) => svg("tspan", { x: px(x), dy: n ? 14 : 0 }, row)));
  return text;
}

/**
 * @param {Quantity} part @param {number[]} ticks @param {boolean} log @param {Scale} at @returns {Axis}
 */
export const axis = (part, ticks, log, at) => ({ part, ticks, log, at, texts: tickText(ticks, log, part) });

/** Grid lines, tick labels and titles. @param {Box} box @param {Axis} x @param {Axis} y @param {string} title */
export function frame(box, x, y, title) {
  const group = svg("g", { class: "xp-axes" });
  y.ticks.forEach((tick, i) => {
    const at = px(y.at(tick));
    group.append(
      svg(
        "g",
        { class: "xp-tick", "data-axis": "y", "data-value": tick },
        svg("line", { x1: box.left, x2: box.right, y1: at, y2: at, class: "xp-grid" }),
        label(box.left - 8, at + 4, y.texts[i], { "text-anchor": "end" }),
      ),
    );
  });
  x.ticks.forEach((tick, i) => {
    const at = px(x.at(tick));
    group.append(
      svg(
        "g",
        { class: "xp-tick", "data-axis": "x", "data-value": tick },
        svg("line", { x1: at, x2: at, y1: box.bottom, y2: box.bottom + 5, class: "xp-base" }),
        x.names
          ? tickName(at, box.bottom + 19, x.names, i)
          : label(at, box.bottom + 19, x.texts[i], { "text-anchor": "middle" }),
      ),
    );
  });
  group.append(
    svg("line", { x1: box.left, x2: box.right, y1: box.bottom, y2: box.bottom, class: "xp-base" }),
    label((box.left + box.right) / 2, box.bottom + 38 + (x.names?.depth ?? 0), axisTitle(x.part), {
      "text-anchor": "middle",
      class: "xp-axis-title",
    }),
    label(0, box.top - 14, title, { class: "xp-axis-title" }),
  );
  return group;
}
