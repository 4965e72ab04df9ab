// @ts-check
/** Bars on lanes, stepped through in time. */

import { axis, frame, linearTicks, scale } from "./axes.js";
import { WIDE, assemble, canvas, html, label, patterns, px, svg } from "./elements.js";
import { put } from "./grid.js";
/** @import { Numbers } from "./grid.js" */
/** @import { Bar, Cell, Drawing, Scale, Stage, TimelineSpec } from "./types.js" */

const BAR = 18;
const LANE = 22;
const HEADER = 36;


/** @param {Stage} stage @param {TimelineSpec} spec @returns {Drawing} */
export function drawTimeline(stage, spec) {
  const { numbers, width } = stage;
  const size = width >= WIDE ? "wide" : "narrow";
  const height = spec.panels.reduce((sum, panel) => sum + panel.lanes * LANE + HEADER, 44);
  const scenes = readSpans(numbers, spec);
  const span = Math.max(...scenes.flat().map((one) => one.end), ...numbers.all(spec.time));
  const first = Math.min(0, ...scenes.flat().map((one) => one.start));
  const box = { left: size === "wide" ? 58 : 24, top: 26, right: width - 12, bottom: height - 44 };
  const across = scale([first, span], [box.left, box.right], false);
  const tops = spec.panels.map((_, i) => spec.panels.slice(0, i).reduce((sum, p) => sum + p.lanes * LANE + HEADER, HEADER - 6));
  const time = numbers.part(spec.time);
  const ticks = linearTicks([first, span], Math.min(10, width / 60));
  const fixed = canvas(stage, width, height);
  fixed.append(svg("defs", {}, ...patterns(stage, spec.kinds.length)),
    frame({ ...box, top: -99 }, axis(time, ticks, false, across), { ...axis(time, [], false, across) }, ""));
  ticks.forEach((tick) => spec.panels.forEach((panel, i) => fixed.append(svg("line",
    { x1: px(across(tick)), x2: px(across(tick)), y1: tops[i] - 4, y2: tops[i] + panel.lanes * LANE, class: "xp-grid" }))));
  fixed.append(...spec.panels.map((panel, i) => label(0, tops[i] - 11, panel.label, { class: "xp-panel-title" })));
  const [ahead, behind] = [svg("g", { class: "xp-future" }), svg("g", { class: "xp-past", "clip-path": `url(#${stage.id}-past)` })];
  const lanes = svg("g");
  const past = svg("rect", { x: box.left - 2, y: 0, width: 0, height });
  const cursor = svg("g", { class: "xp-marker", "data-quantity": spec.time },
    svg("line", { y1: HEADER - 12, y2: box.bottom + 6, class: "xp-cursor" }), svg("rect", { class: "xp-chip", y: box.bottom + 5, height: 19, rx: 4 }),
    label(0, box.bottom + 19, "", { "text-anchor": "middle", class: "xp-chip-text" }));
  fixed.append(svg("clipPath", { id: `${stage.id}-past` }, past),
    lanes, ahead, behind, cursor);
  const legend = html("div", { class: "xp-legend" }, ...spec.kinds.map((kind, i) =>
    html("span", {}, swatch(stage, i), kind)));
  stage.figure.replaceChildren(legend, fixed);

  const numbersOnAxis = [...fixed.querySelectorAll(".xp-tick text")];
  let shown = -1;
  /** @param {Cell} cell */
  const move = (cell) => {
    const scene = sceneOf(numbers, cell);
    if (scene !== shown) {
      behind.replaceChildren(...scenes[scene].map((one) => bar(stage, one, across, tops[one.panel])));
      ahead.replaceChildren(...behind.cloneNode(true).childNodes);
      const used = new Map(scenes[scene].map((one) => [`${one.panel} ${one.lane}`, one]));
      lanes.replaceChildren(...[...used.values()].map(({ panel, lane }) => label(box.left - 8, tops[panel] + lane * LANE + 13,
        size === "wide" ? `${spec.lane} ${lane + 1}` : String(lane + 1), { "text-anchor": "end" })));
      shown = scene;
    }
    const now = numbers.at(spec.time, cell);
    const at = px(across(now));
    const text = numbers.text(spec.time, now);
    const half = stage.measure(text) / 2 + 7;
    past.setAttribute("width", String(Math.max(0, at - box.left + 2)));
    cursor.setAttribute("data-value", String(now));
    const chip = Math.max(half, Math.min(width - half, at));
    ticks.forEach((tick, i) => {
      const near = Math.abs(across(tick) - chip) < half + stage.measure(numbersOnAxis[i].textContent ?? "") / 2 + 4;
      numbersOnAxis[i].setAttribute("visibility", near ? "hidden" : "visible");
    });
    const [line, back, words] = cursor.children;
    assemble(line, { x1: at, x2: at }, []);
    assemble(back, { x: px(chip - half), width: px(2 * half) }, []);
    words.setAttribute("x", String(chip));
    words.textContent = text;
  };
  /** @param {number} x @param {number} _ @param {Cell} cell */
  const pick = (x, _, cell) => {
    const distance = numbers.along("step", cell).map((at) => Math.abs(across(numbers.at(spec.time, at)) - x));
    return put(cell, numbers.axis("step"), distance.indexOf(Math.min(...distance)));
  };
  return { move, pick };
}


/** @param {Numbers} numbers @param {Cell} cell */
export function sceneOf(numbers, cell) {
  return Math.floor(numbers.flat(cell) / numbers.sliders[numbers.axis("step")].values.length);
}

/** @param {Numbers} numbers @param {TimelineSpec} spec @returns {Bar[][]} */
export function readSpans(numbers, spec) {
  let offset = numbers.quantities.length * numbers.size;
  return spec.counts.map((count) => Array.from({ length: count }, () => {
    const [panel, lane, start, end, kind, text] = numbers.floats.subarray(offset, (offset += 6));
    return { panel, lane, start, end, kind, text: spec.labels[text] };
  }));
}

/** @param {Stage} stage @param {Bar} one @param {Scale} across @param {number} top */
function bar(stage, one, across, top) {
  const [x, y] = [across(one.start), top + one.lane * LANE];
  const width = Math.max(1, across(one.end) - x - 1);
  const shape = svg("rect", { x: px(x), y, width: px(width), height: BAR, rx: Math.min(3, width / 2),
    fill: `url(#${stage.id}-kind-${one.kind})`, class: `xp-bar xp-kind-${one.kind}` });
  if (!one.text || stage.measure(one.text) + 8 > width) return shape;
  return svg("g", {}, shape, label(x + width / 2, y + 13, one.text, { "text-anchor": "middle", class: `xp-bar-text xp-kind-${one.kind}` }));
}

/** @param {Stage} stage @param {number} kind */
const swatch = (stage, kind) => svg("svg", { width: 22, height: 14, "aria-hidden": true },
  svg("rect", { x: 1, y: 1, width: 20, height: 12, rx: 3, fill: `url(#${stage.id}-kind-${kind})`, class: `xp-bar xp-kind-${kind}` }));
