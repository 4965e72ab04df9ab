/** Bars on lanes, stepped through in time. */

import { axis, frame, linearTicks, scale } from "./axes.js";
import { assemble, block, canvas, html, label, patterns, px, svg, write } from "./elements.js";
import { put } from "./grid.js";
/** @import { Numbers } from "./grid.js" */
/** @import { Bar, Cell, Drawing, Scale, Stage, TimelineSpec } from "./types.js" */

const BAR = 18;
/** Under the last panel: the axis of time. */
const FOOT = 44;

/** @param {Stage} stage @param {TimelineSpec} spec @returns {Drawing} */
export function drawTimeline(stage, spec) {
  const { numbers, width, size } = stage;
  const { lane: pitch, header, drawing: height } = spec.layout;
  const scenes = readSpans(numbers, spec);
  const span = Math.max(...scenes.flat().map((one) => one.end), ...numbers.all(spec.time));
  const first = Math.min(0, ...scenes.flat().map((one) => one.start));
  const box = { left: size === "wide" ? 58 : 24, top: 26, right: width - 12, bottom: height - FOOT };
  const across = scale([first, span], [box.left, box.right], false);
  const tops = spec.panels.map((_, i) =>
    spec.panels.slice(0, i).reduce((sum, p) => sum + p.lanes * pitch + header, header - 6),
  );
  const time = numbers.part(spec.time);
  const ticks = linearTicks([first, span], Math.min(10, width / 60));
  const fixed = canvas(stage, width, height);
  fixed.append(
    svg("defs", {}, ...patterns(stage, spec.kinds.length)),
    frame({ ...box, top: -99 }, axis(time, ticks, false, across), { ...axis(time, [], false, across) }, ""),
  );
  ticks.forEach((tick) =>
    spec.panels.forEach((panel, i) =>
      fixed.append(
        svg("line", {
          x1: px(across(tick)),
          x2: px(across(tick)),
          y1: tops[i] - 4,
          y2: tops[i] + panel.lanes * pitch,
          class: "xp-grid",
        }),
      ),
    ),
  );
  fixed.append(...spec.panels.map((panel, i) => label(0, tops[i] - 11, panel.label, { class: "xp-panel-title" })));
  const [bars, lanes] = [svg("g"), svg("g")];
  const veil = svg("path", { class: "xp-veil" });
  const cursor = svg(
    "g",
    { class: "xp-marker", "data-quantity": spec.time },
    svg("line", { y1: header - 12, y2: box.bottom + 6, class: "xp-cursor" }),
    svg("rect", { class: "xp-chip", y: box.bottom + 5, height: 19, rx: 4 }),
    label(0, box.bottom + 19, "", { "text-anchor": "middle", class: "xp-chip-text" }),
  );
  fixed.append(lanes, bars, veil, cursor);
  const legend = html(
    "div",
    { class: "xp-legend" },
    ...spec.kinds.map((kind, i) => html("span", {}, swatch(stage, i), kind)),
  );
  stage.figure.replaceChildren(legend, fixed);

  const numbersOnAxis = [...fixed.querySelectorAll(".xp-tick text")];
  let shown = -1;
  /** @param {Cell} cell */
  const move = (cell) => {
    const scene = sceneOf(numbers, cell);
    if (scene !== shown) {
      bars.replaceChildren(
        ...spec.kinds.flatMap((_, kind) => drawKind(stage, kind, scenes[scene], across, tops, pitch)),
      );
      const used = new Map(scenes[scene].map((one) => [`${one.panel} ${one.lane}`, one]));
      lanes.replaceChildren(
        ...[...used.values()].map(({ panel, lane }) =>
          label(
            box.left - 8,
            tops[panel] + lane * pitch + 13,
            size === "wide" ? `${spec.lane} ${lane + 1}` : String(lane + 1),
            { "text-anchor": "end" },
          ),
        ),
      );
      shown = scene;
    }
    const now = numbers.at(spec.time, cell);
    const at = px(across(now));
    const text = numbers.text(spec.time, now);
    const half = stage.measure(text) / 2 + 7;
    const ahead = Math.max(0, box.right + 2 - at);
    veil.setAttribute("d", spec.panels.map((panel, i) => block(at, tops[i] - 2, ahead, panel.lanes * pitch)).join(""));
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
    write(words, text);
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
  return spec.counts.map((count) =>
    Array.from({ length: count }, () => {
      const [panel, lane, start, end, kind, text] = numbers.floats.subarray(offset, (offset += 6));
      return { panel, lane, start, end, kind, text: spec.labels[text] };
    }),
  );
}

/** The bars of one kind, and their labels where there is room. @param {Stage} stage @param {number} kind
 * @param {Bar[]} scene @param {Scale} across @param {number[]} tops @param {number} pitch of lanes */
function drawKind(stage, kind, scene, across, tops, pitch) {
  const bars = scene
    .filter((one) => one.kind === kind)
    .map((one) => {
      const x = across(one.start);
      return { text: one.text, x, y: tops[one.panel] + one.lane * pitch, width: Math.max(1, across(one.end) - x - 1) };
    });
  const words = bars.filter((one) => one.text && stage.measure(one.text) + 8 <= one.width);
  return [
    svg("path", {
      d: bars.map(({ x, y, width }) => block(x, y, width, BAR, Math.min(3, width / 2))).join(""),
      fill: `url(#${stage.id}-kind-${kind})`,
      class: `xp-bar xp-kind-${kind}`,
    }),
    svg(
      "text",
      { "text-anchor": "middle", class: `xp-bar-text xp-kind-${kind}` },
      ...words.map(({ text, x, y, width }) => svg("tspan", { x: px(x + width / 2), y: y + 13 }, text)),
    ),
  ];
}

/** @param {Stage} stage @param {number} kind */
const swatch = (stage, kind) =>
  svg(
    "svg",
    { width: 22, height: 14, "aria-hidden": true },
    svg("rect", {
      x: 1,
      y: 1,
      width: 20,
      height: 12,
      rx: 3,
      fill: `url(#${stage.id}-kind-${kind})`,
      class: `xp-bar xp-kind-${kind}`,
    }),
  );
