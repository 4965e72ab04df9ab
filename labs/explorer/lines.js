/** Curves, bars and points of quantities along a slider. */

import { axis, extent, frame, linearTicks, logTicks, scale, spread, thin, tickNames, tickText, wrap } from "./axes.js";
import { block, canvas, html, label, patterns, px, svg } from "./elements.js";
import { put } from "./grid.js";
import { Space } from "./labels.js";
import { axisTitle, written } from "./text.js";
/** @import { Numbers } from "./grid.js" */
/** @import { Box, Cell, Drawing, LinesSpec, Panel, Point, Rule, Slider, Stage } from "./types.js" */

const DASHES = ["", "7 4", "2 3.5", "10 3 2 3", "4 2", "1 3"];
const SAMPLE = 18;

/** @param {Stage} stage @param {LinesSpec} spec @returns {Drawing} */
export function drawLines(stage, spec) {
  const columns = spec.layout.abreast[stage.size];
  const rows = Math.ceil(spec.panels.length / columns);
  const height = spec.layout.height[stage.size] / rows;
  const gap = 28;
  const tops = spec.panels.map((panel) => (panel.label && panel.y.length === 1 ? 50 : 30));
  const plots = spec.panels.map((panel, i) => {
    const alone = columns === 1 || (i === spec.panels.length - 1 && i % 2 === 0);
    const width = alone ? stage.width : (stage.width - gap) / 2;
    const top = columns === 1 ? tops[i] : Math.max(...tops);
    return linePanel(stage, spec, i, { width, height, top, below: rows > 1 ? 64 : 46 });
  });
  stage.figure.replaceChildren(...plots.map((plot) => plot.root));
  return {
    move: (cell) => plots.forEach((plot) => plot.move(cell)),
    pick: (x, y, cell) => {
      const bounds = stage.figure.getBoundingClientRect();
      for (const plot of plots) {
        const own = plot.root.getBoundingClientRect();
        const [dx, dy] = [x + bounds.left - own.left, y + bounds.top - own.top];
        if (dx >= 0 && dx <= own.width && dy >= 0 && dy <= own.height) return plot.pick(dx, dy, cell);
      }
      return null;
    },
  };
}

/** @param {Stage} stage @param {LinesSpec} spec @param {number} index
 * @param {{width: number, height: number, top: number, below: number}} size with room for title and axis */
function linePanel(stage, spec, index, { width, height, top, below }) {
  const panel = spec.panels[index];
  const { numbers, measure } = stage;
  const parts = panel.y.map((name) => numbers.part(name));
  const x = numbers.part(panel.x);
  const parametric = panel.x !== spec.along;
  const bars = panel.marks === "bars";
  const many = panel.y.length > 1;
  const looks = looksOf(numbers, spec, index);
  const slider = numbers.sliders[numbers.axis(spec.along)];
  const [ySpan, xSpan] = [
    panel.y_range ?? reach(numbers, panel, "y"),
    panel.x_range ?? (parametric ? reach(numbers, panel, "x") : ends(slider, bars)),
  ];
  const yTicks = panel.y_log
    ? logTicks(ySpan, (height - top) / 22)
    : linearTicks(ySpan, Math.min(6, (height - top) / 34));
  const names = parts.map((part) => wrap(part.label, Math.max(64, width * 0.15), measure));
  const room = many ? Math.max(...names.flat().map(measure)) * 1.14 + SAMPLE + 6 : 20;
  const left = Math.max(...tickText(yTicks, panel.y_log, parts[0]).map(measure)) + 10;
  const options =
    slider.texts && !parametric
      ? tickNames(slider.texts, (width - room - left) / slider.values.length, measure)
      : undefined;
  const box = { left, top, right: width - room, bottom: height - below - (options?.depth ?? 0) };
  const across = scale(xSpan, [box.left, box.right], panel.x_log);
  const up = scale(ySpan, [box.bottom, box.top], panel.y_log);
  const most = (box.right - box.left) / 44;
  const powers = !parametric && panel.x_log && slider.values.length <= 16 && slider.values.every(Number.isInteger);
  const xTicks = options
    ? slider.values
    : powers
      ? thin(slider.values, most)
      : panel.x_log
        ? logTicks(xSpan, (box.right - box.left) / 52)
        : linearTicks(xSpan, Math.min(8, most));
  const title = !many
    ? axisTitle(parts[0])
    : panel.label
      ? ""
      : axisTitle({ ...parts[0], label: parts.map((part) => part.label).join(", ") });

  /** @param {Cell} cell */
  const placed = (cell) =>
    panel.rules
      .map((rule) => {
        const value = typeof rule.value === "string" ? numbers.at(rule.value, cell) : rule.value;
        return {
          rule,
          value,
          ends:
            rule.axis === "y"
              ? [
                  [box.left, up(value)],
                  [box.right, up(value)],
                ]
              : [
                  [across(value), box.top],
                  [across(value), box.bottom],
                ],
        };
      })
      .filter(
        ({ value, ends: [[x1, y1]] }) =>
          !Number.isNaN(value) &&
          x1 >= box.left - 1 &&
          x1 <= box.right + 1 &&
          y1 >= box.top - 1 &&
          y1 <= box.bottom + 1,
      );
  const moving = svg("g");
  const clip = `${stage.id}-clip-${index}`;
  const drawn = canvas(stage, width, height);
  drawn.append(
    svg(
      "clipPath",
      { id: clip },
      svg("rect", { x: box.left - 1, y: box.top, width: box.right - box.left + 2, height: box.bottom - box.top + 1 }),
    ),
    ...(bars && index === spec.panels.findIndex((one) => one.marks === "bars")
      ? [svg("defs", {}, ...patterns(stage, Math.max(...spec.panels.map((one) => one.y.length))))]
      : []),
    frame(
      box,
      { ...axis(x, xTicks, panel.x_log, across), names: options },
      axis(parts[0], yTicks, panel.y_log, up),
      title,
    ),
    moving,
  );
  const unit = many && parts[0].unit ? ` (${parts[0].unit})` : "";
  if (panel.label) drawn.prepend(label(0, 14, panel.label + unit, { class: "xp-panel-title" }));
  const log = ["x", "y"].filter((side) => (side === "x" ? panel.x_log : panel.y_log)).join(" ");
  const root = html("div", { class: "xp-panel", "data-panel": index, "data-log": log }, drawn);

  /** @param {string} name @param {Cell} cell */
  const points = (name, cell) =>
    numbers.along(spec.along, cell).map((at) => [across(numbers.at(panel.x, at)), up(numbers.at(name, at))]);

  /** @param {Cell} cell */
  const move = (cell) => {
    const now = cell[numbers.axis(spec.along)];
    const curves = svg("g", { "clip-path": `url(#${clip})` });
    const marks = svg("g");
    const tracks = panel.y.map((name) => points(name, cell));
    const rules = placed(cell);
    if (!parametric && !bars) {
      const at = px(across(numbers.at(spec.along, cell)));
      curves.append(svg("line", { x1: at, x2: at, y1: box.top, y2: box.bottom, class: "xp-guide" }));
    }
    const wide = bars ? Math.max(1.5, (0.86 * pitch(slider.values.map(across))) / panel.y.length) : 0;
    tracks.forEach((track, i) => {
      if (bars) {
        const aside = (i - (panel.y.length - 1) / 2) * wide;
        track.forEach((point) => {
          point[0] += aside;
        });
        const columns = track.map(([x, y]) => column(box, x, y, wide, up(0)));
        const look = {
          fill: `url(#${stage.id}-kind-${looks[i]})`,
          class: `xp-column xp-kind-${looks[i]}`,
          "data-quantity": panel.y[i],
        };
        curves.append(
          svg("path", { ...look, d: columns.map((d, n) => (n === now ? "" : d)).join("") }),
          svg("path", { ...look, d: columns[now], "aria-current": true }),
        );
        return;
      }
      curves.append(
        svg("path", {
          d: path(track),
          class: "xp-line",
          "data-quantity": panel.y[i],
          style: `stroke:var(--xp-${looks[i]})`,
          "stroke-dasharray": DASHES[looks[i]] || null,
        }),
      );
      if (parametric) {
        curves.append(
          ...track
            .filter((p) => p.every(Number.isFinite))
            .map(([cx, cy]) => svg("circle", { cx: px(cx), cy: px(cy), r: 2, style: `fill:var(--xp-${looks[i]})` })),
        );
      }
    });
    const dots = [
      ...panel.y.map((name, i) =>
        mark(numbers, box, cell, { x: panel.x, y: name, label: "" }, looks[i], tracks[i][now]),
      ),
      ...panel.points.map((point, i) =>
        mark(numbers, box, cell, point, panel.y.length + i, [
          across(numbers.at(point.x, cell)),
          up(numbers.at(point.y, cell)),
        ]),
      ),
    ].flatMap((dot) => dot ?? []);
    const space = new Space(
      stage,
      box,
      tracks,
      rules.map((one) => one.ends),
      dots.map((dot) => dot.at),
    );
    for (const { shape, at, series, name, title } of dots.sort((a, b) => a.at[1] - b.at[1])) {
      const text =
        title ||
        (parametric ? numbers.text(spec.along, slider.values[now]) : numbers.text(name, numbers.at(name, cell)));
      marks.append(
        shape,
        space[bars && !title ? "above" : "beside"](at[0], at[1], text, {
          class: "xp-tag",
          style: `fill:var(--xp-${series})`,
        }),
      );
    }
    for (const {
      rule,
      value,
      ends: [from, to],
    } of rules) {
      curves.prepend(drawRule(rule, value, [from, to]));
      marks.append(ruleLabel(space, box, rule, from));
    }
    if (many) marks.append(...endLabels(stage, box, tracks, names, looks, bars));
    if (parametric) marks.append(...extremes(space, box, tracks[0], slider, now));
    moving.replaceChildren(curves, marks);
  };

  /** @param {number} dx @param {number} dy @param {Cell} cell */
  const pick = (dx, dy, cell) => {
    const along = numbers.axis(spec.along);
    const tracks = panel.y.map((name) => points(name, cell));
    const distance = slider.values.map((value, i) =>
      parametric
        ? Math.min(...tracks.map((track) => Math.hypot(track[i][0] - dx, track[i][1] - dy) || Infinity))
        : Math.abs(across(value) - dx),
    );
    return put(cell, along, distance.indexOf(Math.min(...distance)));
  };
  return { root, move, pick };
}

/** Colour and dashes of each curve: those of its namesake in the first panel, where all have one there.
 * @param {Numbers} numbers @param {LinesSpec} spec @param {number} index */
function looksOf(numbers, spec, index) {
  const [first, own] = [0, index].map((i) => spec.panels[i].y.map((name) => numbers.part(name).label));
  return own.map((name, i) => (own.every((one) => first.includes(one)) ? first.indexOf(name) : i));
}

/** What an axis must show: quantities, points and rules, over the whole grid. @param {Numbers} numbers
 * @param {Panel} panel @param {"x" | "y"} side */
function reach(numbers, panel, side) {
  const names = [...(side === "x" ? [panel.x] : panel.y), ...panel.points.map((point) => point[side])];
  const rules = panel.rules.filter((rule) => rule.axis === side);
  const values = [...names, ...rules.map((rule) => rule.value)].flatMap((one) =>
    typeof one === "string" ? [...numbers.all(one)] : [one],
  );
  const log = side === "x" ? panel.x_log : panel.y_log;
  const bars = side === "y" && panel.marks === "bars" && !log;
  return extent(bars ? [0, ...values.map((value) => 1.12 * value)] : values, log);
}

/** Where a slider's axis begins and ends; bars and options need half a step more. @param {Slider} slider
 * @param {boolean} bars @returns {[number, number]} */
function ends(slider, bars) {
  const [first, last] = [slider.values[0], slider.values[slider.values.length - 1]];
  const aside = bars || slider.texts ? pitch(slider.values) / 2 : 0;
  return [first - aside, last + aside];
}

/** The least distance between neighbours. @param {number[]} values */
export const pitch = (values) => Math.min(...values.slice(1).map((value, i) => value - values[i]));

/** A bar from zero, or from the bottom of a log axis. @param {Box} box @param {number} x @param {number} y
 * @param {number} width @param {number} zero */
function column(box, x, y, width, zero) {
  if (Number.isNaN(y)) return "";
  const base = Number.isFinite(zero) ? Math.max(box.top, Math.min(box.bottom, zero)) : box.bottom;
  const tip = Math.max(box.top - 4, Math.min(box.bottom + 4, y));
  return block(x - width / 2, Math.min(tip, base), width, Math.abs(base - tip));
}

/** An SVG path with gaps at NaN. @param {number[][]} points */
export function path(points) {
  let pen = "M";
  return points
    .map(([x, y]) => {
      if (Number.isNaN(x) || Number.isNaN(y)) {
        pen = "M";
        return "";
      }
      const step = `${pen}${px(x)},${px(y)}`;
      pen = "L";
      return step;
    })
    .join("");
}

/** @param {Rule} rule @param {number} value @param {number[][]} ends */
function drawRule(rule, value, [[x1, y1], [x2, y2]]) {
  return svg(
    "g",
    { class: "xp-rule", "data-axis": rule.axis, "data-value": value },
    svg("line", { x1: px(x1), x2: px(x2), y1: px(y1), y2: px(y2) }),
  );
}

/** @param {Space} space @param {Box} box @param {Rule} rule @param {number[]} start */
function ruleLabel(space, box, rule, start) {
  const at = rule.axis === "y" ? start[1] : start[0];
  /** @type {[number, number, string][]} */
  const options =
    rule.axis === "y"
      ? [
          [box.left + 6, at - 6, "start"],
          [box.right, at - 6, "end"],
          [(box.left + box.right) / 2, at - 6, "middle"],
          [box.left + 6, at + 15, "start"],
          [box.right, at + 15, "end"],
        ]
      : [
          [at + 6, box.top + 11, "start"],
          [at - 6, box.top + 11, "end"],
          [at + 6, (box.top + box.bottom) / 2, "start"],
          [at + 6, box.bottom - 8, "start"],
          [at - 6, box.bottom - 8, "end"],
        ];
  return space.write(rule.label, options, { class: "xp-rule-label" });
}

/** Outlines that tell the dots of a panel apart without colour. */
const SHAPES = [
  "M-5.5,0a5.5,5.5 0 1,0 11,0a5.5,5.5 0 1,0 -11,0Z",
  "M0,-7L7,0L0,7L-7,0Z",
  "M-5.5,-5.5H5.5V5.5H-5.5Z",
  "M0,-7L7,5.5H-7Z",
  "M0,7L7,-5.5H-7Z",
  "M-7,-2.5H-2.5V-7H2.5V-2.5H7V2.5H2.5V7H-2.5V2.5H-7Z",
];

/** The dot at the current value, or an arrow at the edge that it lies beyond. @param {Numbers} numbers @param {Box} box
 * @param {Cell} cell @param {Point} point @param {number} series @param {number[]} place */
function mark(numbers, box, cell, point, series, [x, y]) {
  if (Number.isNaN(x) || Number.isNaN(y)) return null;
  const at = [Math.max(box.left, Math.min(box.right, x)), Math.max(box.top, Math.min(box.bottom, y))];
  const out = Math.abs(at[0] - x) + Math.abs(at[1] - y) > 0.5;
  const turn = at[1] > y ? 0 : at[1] < y ? 180 : at[0] < x ? 90 : 270;
  const form = out ? "M-6,9 L0,0 L6,9Z" : point.label ? SHAPES[series % SHAPES.length] : SHAPES[0];
  const shape = svg("path", {
    d: form,
    transform: `translate(${px(at[0])},${px(at[1])})${out ? ` rotate(${turn})` : ""}`,
    class: "xp-marker",
    "data-quantity": point.y,
    "data-value": numbers.at(point.y, cell),
    "data-x": numbers.at(point.x, cell),
    "data-clipped": out,
    style: `fill:var(--xp-${series})`,
  });
  return { shape, at, series, name: point.y, title: point.label };
}

/** Names of the series at the ends of their lines. @param {Stage} stage @param {Box} box @param {number[][][]} tracks
 * @param {string[][]} names @param {number[]} looks @param {boolean} bars */
function endLabels(stage, box, tracks, names, looks, bars) {
  const last = tracks.map(
    (track) => track.filter(([x, y]) => x <= box.right + 1 && !Number.isNaN(y)).pop() ?? [box.right, box.bottom],
  );
  const wanted = last.map(([, y]) => Math.max(box.top, Math.min(box.bottom, y)));
  const settled = spread(
    wanted,
    names.map((rows) => rows.length * 14 + 6),
    box.top,
    box.bottom,
  );
  return names.flatMap((rows, i) => {
    const [from, look] = [px(box.right + 3), looks[i]];
    const sample = bars
      ? svg("rect", {
          x: from,
          y: px(settled[i] - 5),
          width: SAMPLE - 7,
          height: 11,
          fill: `url(#${stage.id}-kind-${look})`,
          class: `xp-column xp-kind-${look}`,
        })
      : svg("line", {
          x1: from,
          x2: from + SAMPLE - 5,
          y1: px(settled[i]),
          y2: px(settled[i]),
          class: "xp-line",
          style: `stroke:var(--xp-${look})`,
          "stroke-dasharray": DASHES[look] || null,
        });
    const text = label(from + SAMPLE, settled[i] + 4 - 7 * (rows.length - 1), "", {
      class: "xp-series",
      style: `fill:var(--xp-${look})`,
    });
    text.append(...rows.map((row, n) => svg("tspan", { x: from + SAMPLE, dy: n ? 14 : 0 }, row)));
    return [sample, text];
  });
}

/** The first and last setting of a curve that is not drawn against its slider. @param {Space} space
 * @param {Box} box @param {number[][]} track @param {Slider} slider @param {number} now */
function extremes(space, box, track, slider, now) {
  return [0, track.length - 1].flatMap((i) => {
    const [x, y] = track[i];
    const within = x >= box.left && x <= box.right && y >= box.top && y <= box.bottom;
    const near = Math.hypot(x - track[now][0], y - track[now][1]) < 34;
    if (!within || near) return [];
    return [space.beside(x, y, written(slider, slider.values[i]), { class: "xp-extreme" })];
  });
}
