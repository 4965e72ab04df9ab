/** One quantity over two sliders as colour. */

import { axis, frame, linearTicks, logTicks, roundest, scale, tickNames, tickText } from "./axes.js";
import { assemble, canvas, label, px, svg } from "./elements.js";
import { put } from "./grid.js";
import { axisTitle, formatValue, written } from "./text.js";
/** @import { Box, Cell, Drawing, HeatmapSpec, Quantity, Scale, Stage } from "./types.js" */

const SHADES = 33;

/** @param {Stage} stage @param {HeatmapSpec} spec @returns {Drawing} */
export function drawHeatmap(stage, spec) {
  const { numbers, width, measure, id } = stage;
  const height = spec.layout.height[stage.size];
  const [x, y, shown] = [spec.x, spec.y, spec.shown].map((name) => numbers.part(name));
  const [columns, rows] = [spec.x, spec.y].map((name) => numbers.sliders[numbers.axis(name)].values);
  const texts = rows.map((value) => written(y, value));
  const left = Math.max(...texts.map(measure)) + 12;
  const named = x.texts ? tickNames(x.texts, (width - 12 - left) / columns.length, measure) : undefined;
  const box = { left, top: 82, right: width - 12, bottom: height - 46 - (named?.depth ?? 0) };
  const [dx, dy] = [(box.right - box.left) / columns.length, (box.bottom - box.top) / rows.length];
  const across = (/** @type {number} */ value) => box.left + (columns.indexOf(value) + 0.5) * dx;
  const up = (/** @type {number} */ value) => box.bottom - (rows.indexOf(value) + 0.5) * dy;
  const span = spec.shown_range ?? domain([...numbers.all(spec.shown)]);
  const shade = scale(span, [0, 1], spec.log);
  const drawn = canvas(stage, width, height);
  const shades = Array.from({ length: SHADES }, (_, i) =>
    svg("path", { class: "xp-cells", style: `fill:${colour(i / (SHADES - 1))}` }),
  );
  const unbounded = svg("path", { class: "xp-cells", fill: `url(#${id}-none)` });
  const limit = svg("path", { class: "xp-limit" });
  const halo = svg("path", { class: "xp-limit-halo" });
  const marker = svg("g", { class: "xp-marker", "data-quantity": spec.shown });
  const xTicks = named
    ? columns
    : roundest(columns, (box.right - box.left) / (16 + Math.max(...columns.map((one) => measure(written(x, one))))));
  drawn.append(
    svg(
      "defs",
      {},
      svg(
        "pattern",
        { id: `${id}-none`, width: 6, height: 6, patternUnits: "userSpaceOnUse", class: "xp-none" },
        svg("path", { d: "M-1,7 L7,-1" }),
      ),
    ),
    colourBar(stage, spec, shown, span, shade),
    frame(
      box,
      { ...axis(x, [], false, across), ticks: xTicks, texts: xTicks.map((one) => written(x, one)), names: named },
      {
        ...axis(y, [], false, up),
        ...(y.texts ? { ticks: rows, texts } : thinRows(rows, texts, (box.bottom - box.top) / 20)),
      },
      axisTitle(y),
    ),
    svg("g", {}, ...shades, unbounded),
    halo,
    limit,
    marker,
  );
  stage.figure.replaceChildren(drawn);

  let slice = "";
  /** @param {Cell} cell */
  const move = (cell) => {
    const values = numbers
      .along(spec.y, cell)
      .map((row) => numbers.along(spec.x, row).map((at) => numbers.at(spec.shown, at)));
    const fixed = cell.filter((_, i) => i !== numbers.axis(spec.x) && i !== numbers.axis(spec.y)).join();
    if (slice !== `at ${fixed}`) {
      slice = `at ${fixed}`;
      const cells = paint(values, shade, box, dx, dy);
      [...shades, unbounded].forEach((path, i) => path.setAttribute("d", cells[i].join("")));
      const edge = spec.limit === null ? "" : contour(values, spec.limit, box, dx, dy);
      limit.setAttribute("d", edge);
      halo.setAttribute("d", edge);
    }
    const value = numbers.at(spec.shown, cell);
    const [cx, cy] = [across(numbers.at(spec.x, cell)), up(numbers.at(spec.y, cell))];
    assemble(
      marker,
      { "data-value": value, "data-x": numbers.at(spec.x, cell), "data-y": numbers.at(spec.y, cell) },
      [],
    );
    marker.replaceChildren(...pin(stage, box, cx, cy, dx, dy, numbers.text(spec.shown, value)));
  };
  /** @param {number} atX @param {number} atY @param {Cell} cell */
  const pick = (atX, atY, cell) => {
    if (atX < box.left || atY < box.top || atY > box.bottom) return null;
    const i = Math.min(columns.length - 1, Math.floor((atX - box.left) / dx));
    const j = Math.min(rows.length - 1, Math.floor((box.bottom - atY) / dy));
    return put(put(cell, numbers.axis(spec.x), i), numbers.axis(spec.y), j);
  };
  return { move, pick };
}

/** @param {number[]} values @returns {[number, number]} */
export function domain(values) {
  const finite = values.filter(Number.isFinite);
  const low = finite.reduce((a, b) => Math.min(a, b), Infinity);
  const high = finite.reduce((a, b) => Math.max(a, b), -Infinity);
  return low < high ? [low, high] : [low, low + (Math.abs(low) || 1)];
}

/** @param {number[]} rows @param {string[]} texts @param {number} most */
function thinRows(rows, texts, most) {
  const ticks = roundest(rows, most);
  return { ticks, texts: ticks.map((tick) => texts[rows.indexOf(tick)]) };
}

/** The colour at a share of the ramp, as CSS. @param {number} share */
function colour(share) {
  const [low, high, at] = share < 0.5 ? ["low", "middle", share * 2] : ["middle", "high", share * 2 - 1];
  return `color-mix(in oklab, var(--xp-${high}) ${px(at * 100)}%, var(--xp-${low}))`;
}

/** The cells of every shade, and last of those without bound. @param {number[][]} values @param {Scale} shade
 * @param {Box} box @param {number} dx @param {number} dy */
function paint(values, shade, box, dx, dy) {
  /** @type {string[][]} */
  const paths = Array.from({ length: SHADES + 1 }, () => []);
  values.forEach((row, j) =>
    row.forEach((value, i) => {
      if (Number.isNaN(value)) return;
      const level = Math.round(Math.max(0, Math.min(1, shade(value))) * (SHADES - 1));
      const cell = `M${px(box.left + i * dx)},${px(box.bottom - (j + 1) * dy)}h${px(dx)}v${px(dy)}h${px(-dx)}z`;
      paths[Number.isFinite(value) ? level : SHADES].push(cell);
    }),
  );
  return paths;
}

/** The border between cells within and beyond the limit. @param {number[][]} values
 * @param {number} limit @param {Box} box @param {number} dx @param {number} dy */
function contour(values, limit, box, dx, dy) {
  const within = (/** @type {number} */ j, /** @type {number} */ i) => values[j]?.[i] <= limit;
  const pieces = values.flatMap((row, j) =>
    row.flatMap((_, i) => {
      const [x, y] = [px(box.left + i * dx), px(box.bottom - (j + 1) * dy)];
      const right = i + 1 < row.length && within(j, i) !== within(j, i + 1) ? `M${px(x + dx)},${y}v${px(dy)}` : "";
      const above = j + 1 < values.length && within(j, i) !== within(j + 1, i) ? `M${x},${y}h${px(dx)}` : "";
      return right + above;
    }),
  );
  return pieces.join("");
}

/** The current cell and its value. @param {Stage} stage @param {Box} box @param {number} cx @param {number} cy
 * @param {number} dx @param {number} dy @param {string} text */
function pin(stage, box, cx, cy, dx, dy, text) {
  const [w, h] = [Math.max(dx, 10), Math.max(dy, 10)];
  const frame = { x: px(cx - w / 2), y: px(cy - h / 2), width: px(w), height: px(h), rx: 2 };
  const chip = stage.measure(text) * 1.08 + 14;
  const before = cx + w / 2 + chip + 6 > box.right;
  const left = before ? cx - w / 2 - chip - 6 : cx + w / 2 + 6;
  return [
    svg("rect", { ...frame, class: "xp-pin-halo" }),
    svg("rect", { ...frame, class: "xp-pin" }),
    svg("rect", { x: px(left), y: px(cy - 11), width: px(chip), height: 22, rx: 4, class: "xp-chip" }),
    label(left + chip / 2, cy + 4, text, { "text-anchor": "middle", class: "xp-chip-text" }),
  ];
}

/** @param {Stage} stage @param {HeatmapSpec} spec @param {Quantity} shown
 * @param {[number, number]} span @param {Scale} shade */
function colourBar(stage, spec, shown, span, shade) {
  const length = Math.min(340, stage.width - 120);
  const ticks = spec.log ? logTicks(span, length / 44) : linearTicks(span, length / 60);
  const texts = tickText(ticks, spec.log, shown);
  const shares = Array.from({ length: 13 }, (_, i) => i / 12);
  const group = svg(
    "g",
    { class: "xp-colours" },
    label(0, 13, axisTitle(shown), { class: "xp-panel-title" }),
    svg(
      "linearGradient",
      { id: `${stage.id}-ramp` },
      ...shares.map((share) => svg("stop", { offset: share, style: `stop-color:${colour(share)}` })),
    ),
    svg("rect", { x: 0, y: 22, width: length, height: 10, fill: `url(#${stage.id}-ramp)`, class: "xp-ramp" }),
    ...ticks.map((tick, i) => label(Math.max(8, shade(tick) * length), 46, texts[i], { "text-anchor": "middle" })),
  );
  const values = [...stage.numbers.all(spec.shown)];
  const odd = [
    ["∞", values.includes(Infinity)],
    ["n/a", values.some(Number.isNaN)],
  ].filter(([, present]) => present);
  odd.forEach(([name], i) =>
    group.append(
      svg("rect", {
        x: length + 16 + 52 * i,
        y: 21,
        width: 16,
        height: 12,
        fill: name === "∞" ? `url(#${stage.id}-none)` : "none",
        class: "xp-ramp",
      }),
      label(length + 37 + 52 * i, 31, String(name)),
    ),
  );
  if (spec.limit !== null) {
    const at = px(Math.max(0, Math.min(1, shade(spec.limit))) * length);
    group.append(
      svg("line", { x1: at, x2: at, y1: 18, y2: 36, class: "xp-limit" }),
      label(stage.width, 13, `inside the line: ≤ ${formatValue(spec.limit, shown.format, shown.unit)}`, {
        "text-anchor": "end",
        class: "xp-rule-label",
      }),
    );
  }
  return group;
}
