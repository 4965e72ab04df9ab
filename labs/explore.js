// @ts-check
/** Draws an explorer: looks numbers up in a grid that Python computed. No dependency. */

/** @typedef {{name: string, label: string, unit: string, format: string, texts?: string[] | null}} Quantity texts name options */
/** @typedef {Quantity & {values: number[], start: number}} Slider */
/** @typedef {{value: number | string, label: string, axis: "x" | "y"}} Rule */
/** @typedef {{x: string, y: string, label: string}} Point */
/** @typedef {{x: string, y: string[], label: string, x_log: boolean, y_log: boolean, rules: Rule[],
 *   x_range: [number, number] | null, y_range: [number, number] | null, marks: "line" | "bars",
 *   points: Point[]}} Panel */
/** @typedef {{columns: number, rows: Record<Width, number>, height: Record<Width, number>}} Layout */
/** @typedef {{name: string, title: string, summary: string, initial: string, palette: [string, string][],
 *   sliders: Slider[], quantities: Quantity[], layout: Layout}} Common */
/** @typedef {Common & {kind: "lines", along: string, panels: Panel[]}} LinesSpec */
/** @typedef {Common & {kind: "heatmap", x: string, y: string, shown: string, limit: number | null,
 *   shown_range: [number, number] | null, log: boolean}} HeatmapSpec */
/** @typedef {Common & {kind: "timeline", kinds: string[], time: string, lane: string, labels: string[],
 *   panels: {label: string, lanes: number}[], counts: number[]}} TimelineSpec */
/** @typedef {LinesSpec | HeatmapSpec | TimelineSpec} Spec */
/** @typedef {"wide" | "narrow"} Width */
/** @typedef {number[]} Cell the position of every slider */
/** @typedef {(value: number) => number} Scale */
/** @typedef {{get(name: string): any}} Model */
/** @typedef {{move(cell: Cell): void, pick(x: number, y: number, cell: Cell): Cell | null}} Drawing */
/** @typedef {{head: string[], rows: {cells: string[], current: number | boolean}[]}} Table */
/** @typedef {Record<string, string | number | boolean | null | undefined>} Attributes */
/** @typedef {{id: string, numbers: Numbers, figure: HTMLElement, width: number,
 *   measure: (text: string) => number}} Stage */

const WIDE = 600;
const FAR = 4000;
const SETTLED = 150;
const BEAT = 450;
const SAMPLE = 18;
const SHADES = 33;
const DASHES = ["", "7 4", "2 3.5", "10 3 2 3", "4 2", "1 3"];

// ---------------------------------------------------------------- numbers as text

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
const toFixed = (value, places) => halfEven(value.toFixed(places), value.toFixed(100), places);

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
    type === "g" ? toGeneral(value, Number(places ?? 6))
    : type === "%" ? `${toFixed(value * 100, Number(places))}%`
    : toFixed(value, type === "d" ? 0 : Number(places));
  if (comma) text = text.replace(/^(-?)(\d+)/, (_, sign, whole) => sign + whole.replace(/\B(?=(\d{3})+$)/g, ","));
  if (/^-[0.]+%?$/.test(text)) text = text.slice(1);
  return text + (["", "%", "×"].includes(unit) ? unit : `\u00a0${unit}`);
}

/** A value of a slider or quantity as text: an option by its name. @param {Quantity} part
 * @param {number} value @param {boolean} [withUnit] */
const written = (part, value, withUnit = false) =>
  part.texts?.[value] ?? formatValue(value, part.format, withUnit ? part.unit : "");

/** @param {Quantity} part */
const axisTitle = (part) => (part.unit ? `${part.label} (${part.unit})` : part.label);

// ---------------------------------------------------------------- the grid

class Numbers {
  /** @param {Common} spec @param {DataView} data */
  constructor(spec, data) {
    /** @type {Slider[]} */
    this.sliders = spec.sliders;
    /** @type {Quantity[]} */
    this.quantities = spec.quantities;
    this.floats = Float32Array.from({ length: data.byteLength / 4 }, (_, i) => data.getFloat32(4 * i, true));
    this.size = this.sliders.reduce((size, slider) => size * slider.values.length, 1);
  }

  /** @param {string} name */
  axis(name) {
    return this.sliders.findIndex((slider) => slider.name === name);
  }

  /** @param {string} name @returns {Quantity} */
  part(name) {
    return /** @type {Quantity} */ ([...this.sliders, ...this.quantities].find((part) => part.name === name));
  }

  /** @param {Cell} cell */
  flat(cell) {
    return cell.reduce((flat, index, axis) => flat * this.sliders[axis].values.length + index, 0);
  }

  /** The value of a slider or quantity at a cell. @param {string} name @param {Cell} cell */
  at(name, cell) {
    const axis = this.axis(name);
    if (axis >= 0) return this.sliders[axis].values[cell[axis]];
    return this.floats[this.quantities.findIndex((q) => q.name === name) * this.size + this.flat(cell)];
  }

  /** Every value of a quantity. @param {string} name */
  all(name) {
    const start = this.quantities.findIndex((q) => q.name === name) * this.size;
    return this.floats.subarray(start, start + this.size);
  }

  /** @param {string} name @param {number} value */
  text(name, value) {
    return written(this.part(name), value, true);
  }

  /** The cells along one slider. @param {string} name @param {Cell} cell */
  along(name, cell) {
    const axis = this.axis(name);
    return this.sliders[axis].values.map((_, index) => put(cell, axis, index));
  }
}

/** A copy of `cell` with one slider elsewhere. @param {Cell} cell @param {number} axis @param {number} index */
const put = (cell, axis, index) => cell.map((old, i) => (i === axis ? index : old));

/** @param {string} template @param {(name: string) => string | Node} write @returns {(string | Node)[]} */
function fill(template, write) {
  return template.split(/\{(\w+)\}/).map((piece, i) => (i % 2 ? write(piece) : piece));
}

// ---------------------------------------------------------------- elements

/** @param {Element} element @param {Attributes} attributes @param {(Node | string)[]} children */
function assemble(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) element.setAttribute(name, String(value));
  }
  element.append(...children);
}

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag @param {Attributes} [attributes] @param {(Node | string)[]} children
 * @returns {HTMLElementTagNameMap[K]}
 */
function html(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  assemble(element, attributes, children);
  return element;
}

/**
 * @template {keyof SVGElementTagNameMap} K
 * @param {K} tag @param {Attributes} [attributes] @param {(Node | string)[]} children
 * @returns {SVGElementTagNameMap[K]}
 */
function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  assemble(element, attributes, children);
  return element;
}

/** @param {number} value */
const px = (value) => Math.round(value * 100) / 100;

/** @param {number} x @param {number} y @param {string} text @param {Attributes} [attributes] */
const label = (x, y, text, attributes = {}) => svg("text", { x: px(x), y: px(y), ...attributes }, text);

/** @param {Stage} stage @param {number} width @param {number} height */
const canvas = (stage, width, height) =>
  svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": true });

// ---------------------------------------------------------------- scales and axes

/** @param {[number, number]} domain @param {[number, number]} range @param {boolean} log @returns {Scale} */
function scale(domain, range, log) {
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
function linearTicks([low, high], most) {
  const step = niceStep((high - low) / Math.max(most, 2));
  const first = Math.ceil(low / step - 1e-9);
  const count = Math.floor(high / step + 1e-9) - first + 1;
  return Array.from({ length: count }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** @param {[number, number]} domain @param {number} most */
function logTicks([low, high], most) {
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
function roundest(values, most) {
  if (values.length <= most) return values;
  const step = niceStep((values[values.length - 1] - values[0]) / most);
  const round = values.filter((value) => Math.abs(value / step - Math.round(value / step)) < 1e-9);
  return round.length > 2 ? round : thin(values, most);
}

/** Every k-th of `values`, at most `most` of them. @template T @param {T[]} values @param {number} most */
function thin(values, most) {
  const every = Math.ceil(values.length / Math.max(most, 2));
  return values.filter((_, i) => i % every === 0);
}

/** @param {number[]} ticks @param {boolean} log @param {Quantity} part */
function tickText(ticks, log, part) {
  const share = part.format.endsWith("%");
  const step = Math.min(...ticks.slice(1).map((tick, i) => tick - ticks[i])) * (share ? 100 : 1);
  const places = [0, 1, 2, 3, 4, 5, 6].find((n) => Math.abs(Number(step.toFixed(n)) - step) < step * 1e-6) ?? 0;
  const fixed = `,.${places}${share ? "%" : "f"}`;
  return ticks.map((tick) => formatValue(tick, log && !share ? ",g" : fixed));
}

/** The range that an axis shows. @param {number[]} values @param {boolean} log @returns {[number, number]} */
function extent(values, log) {
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
function spread(wanted, gaps, low, high) {
  const order = wanted.map((_, i) => i).sort((a, b) => wanted[a] - wanted[b]);
  const placed = [...wanted];
  order.forEach((i, rank) => {
    const above = order[rank - 1];
    placed[i] = Math.max(wanted[i], rank ? placed[above] + (gaps[above] + gaps[i]) / 2 : low);
  });
  let bottom = high;
  for (const i of order.reverse()) {
    placed[i] = Math.min(placed[i], bottom);
    bottom = placed[i] - gaps[i];
  }
  return placed;
}

/** @param {string} text @param {number} room @param {(text: string) => number} measure */
function wrap(text, room, measure) {
  /** @type {string[]} */
  const rows = [];
  for (const word of text.split(" ")) {
    const longer = rows.length ? `${rows[rows.length - 1]} ${word}` : word;
    if (rows.length && measure(longer) <= room) rows[rows.length - 1] = longer;
    else rows.push(word);
  }
  return rows;
}

/** @typedef {{left: number, top: number, right: number, bottom: number}} Box */
/** @typedef {{part: Quantity, ticks: number[], texts: string[], log: boolean, at: Scale, names?: Names}} Axis */
/** @typedef {{rows: string[][], slanted: boolean, depth: number}} Names how the options of a choice fit under an axis */

/** Options as tick labels: wrapped where every word fits, else slanted. @param {string[]} texts @param {number} pitch
 * @param {(text: string) => number} measure @returns {Names} */
function tickNames(texts, pitch, measure) {
  const slanted = texts.some((text) => text.split(" ").some((word) => measure(word) * 1.05 > pitch - 4));
  if (slanted) return { rows: texts.map((text) => [text]), slanted, depth: Math.max(...texts.map(measure)) * 0.6 };
  const rows = texts.map((text) => wrap(text, (pitch - 4) / 1.05, measure));
  return { rows, slanted, depth: 14 * (Math.max(...rows.map((one) => one.length)) - 1) };
}

/** @param {number} x @param {number} y @param {Names} names @param {number} i */
function tickName(x, y, names, i) {
  if (names.slanted) {
    return label(x + 4, y - 4, names.rows[i][0], { "text-anchor": "end", transform: `rotate(-35 ${px(x + 4)} ${px(y - 4)})` });
  }
  const text = label(x, y, "", { "text-anchor": "middle" });
  text.append(...names.rows[i].map((row, n) => svg("tspan", { x: px(x), dy: n ? 14 : 0 }, row)));
  return text;
}

/**
 * @param {Quantity} part @param {number[]} ticks @param {boolean} log @param {Scale} at @returns {Axis}
 */
const axis = (part, ticks, log, at) => ({ part, ticks, log, at, texts: tickText(ticks, log, part) });

/** Grid lines, tick labels and titles. @param {Box} box @param {Axis} x @param {Axis} y @param {string} title */
function frame(box, x, y, title) {
  const group = svg("g", { class: "xp-axes" });
  y.ticks.forEach((tick, i) => {
    const at = px(y.at(tick));
    group.append(svg("g", { class: "xp-tick", "data-axis": "y", "data-value": tick },
      svg("line", { x1: box.left, x2: box.right, y1: at, y2: at, class: "xp-grid" }),
      label(box.left - 8, at + 4, y.texts[i], { "text-anchor": "end" })));
  });
  x.ticks.forEach((tick, i) => {
    const at = px(x.at(tick));
    group.append(svg("g", { class: "xp-tick", "data-axis": "x", "data-value": tick },
      svg("line", { x1: at, x2: at, y1: box.bottom, y2: box.bottom + 5, class: "xp-base" }),
      x.names ? tickName(at, box.bottom + 19, x.names, i) : label(at, box.bottom + 19, x.texts[i], { "text-anchor": "middle" })));
  });
  group.append(
    svg("line", { x1: box.left, x2: box.right, y1: box.bottom, y2: box.bottom, class: "xp-base" }),
    label((box.left + box.right) / 2, box.bottom + 38 + (x.names?.depth ?? 0), axisTitle(x.part), { "text-anchor": "middle", class: "xp-axis-title" }),
    label(0, box.top - 14, title, { class: "xp-axis-title" }));
  return group;
}

/** Points along a segment as far as the box shows it. @param {number[]} from @param {number[]} to @param {Box} box
 * @param {number} stride */
function stroll([x0, y0], [x1, y1], box, stride) {
  const [low, high] = [box.top - 20, box.bottom + 20];
  const [start, end] = [y0, y1].map((y) => Math.max(low, Math.min(high, y)));
  const steps = Math.ceil(Math.hypot(x1 - x0, end - start) / stride) || 1;
  return Array.from({ length: steps }, (_, i) => [x0 + (i / steps) * (x1 - x0), start + (i / steps) * (end - start)]);
}

/** Where text goes so that it hides the least of a plot's curves, dots and other text. */
class Space {
  /** @param {Stage} stage @param {Box} box @param {number[][][]} tracks @param {number[][][]} rules
   * @param {number[][]} dots */
  constructor(stage, box, tracks, rules, dots) {
    this.stage = stage;
    this.box = box;
    this.points = tracks.flatMap((track) => track.slice(1).flatMap((to, i) => stroll(track[i], to, box, 4)))
      .concat(rules.flatMap(([from, to]) => stroll(from, to, box, 16)));
    /** @type {Box[]} */
    this.taken = dots.map(([x, y]) => ({ left: x - 7, right: x + 7, top: y - 7, bottom: y + 7 }));
  }

  /** @param {Box} area */
  cost({ left, top, right, bottom }) {
    const { box } = this;
    const outside = left < box.left - 1 || right > box.right + 12 || top < box.top - 8 || bottom > box.bottom + 2;
    const over = this.taken.filter((other) => left < other.right && right > other.left && top < other.bottom && bottom > other.top);
    const hidden = this.points.filter(([x, y]) => x > left - 2 && x < right + 2 && y > top - 1 && y < bottom + 1);
    return (outside ? 200 : 0) + 120 * over.length + hidden.length;
  }

  /** Text at the best of several [x, y, text-anchor]. @param {string} text @param {[number, number, string][]} options
   * @param {Attributes} attributes */
  write(text, options, attributes) {
    const width = this.stage.measure(text) * 1.14;
    const areas = options.map(([x, y, anchor]) => {
      const left = x - (anchor === "end" ? width : anchor === "middle" ? width / 2 : 0);
      return { left, right: left + width, top: y - 11, bottom: y + 4 };
    });
    const costs = areas.map((area, i) => this.cost(area) + 1.5 * i);
    const best = costs.indexOf(Math.min(...costs));
    this.taken.push(areas[best]);
    const [x, y, anchor] = options[best];
    return label(x, y, text, { "text-anchor": anchor, ...attributes });
  }

  /** Text above a bar, or below one that hangs. @param {number} x @param {number} y @param {string} text @param {Attributes} attributes */
  above(x, y, text, attributes) {
    return this.write(text, [[x, y - 11, "middle"], [x, y - 25, "middle"], [x, y + 20, "middle"]], attributes);
  }

  /** Text beside a point. @param {number} x @param {number} y @param {string} text @param {Attributes} attributes */
  beside(x, y, text, attributes) {
    return this.write(text, [[x - 9, y - 9, "end"], [x + 9, y - 9, "start"], [x + 9, y + 18, "start"], [x - 9, y + 18, "end"],
      [x + 11, y + 4, "start"], [x - 11, y + 4, "end"], [x, y - 14, "middle"], [x, y + 22, "middle"],
      [x + 9, y + 34, "start"], [x - 9, y + 34, "end"]], attributes);
  }
}

// ---------------------------------------------------------------- lines

/** @param {Stage} stage @param {LinesSpec} spec @returns {Drawing} */
function drawLines(stage, spec) {
  const columns = stage.width >= WIDE && spec.panels.length > 1 ? 2 : 1;
  const rows = Math.ceil(spec.panels.length / columns);
  const height = spec.layout.height[stage.width >= WIDE ? "wide" : "narrow"] / rows;
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
  const slider = numbers.sliders[numbers.axis(spec.along)];
  const [ySpan, xSpan] = [panel.y_range ?? reach(numbers, panel, "y"), panel.x_range ?? (parametric
    ? reach(numbers, panel, "x") : ends(slider, bars))];
  const yTicks = panel.y_log ? logTicks(ySpan, (height - top) / 22) : linearTicks(ySpan, Math.min(6, (height - top) / 34));
  const names = parts.map((part) => wrap(part.label, Math.max(64, width * 0.15), measure));
  const room = many ? Math.max(...names.flat().map(measure)) * 1.14 + SAMPLE + 6 : 20;
  const left = Math.max(...tickText(yTicks, panel.y_log, parts[0]).map(measure)) + 10;
  const options = slider.texts && !parametric ? tickNames(slider.texts, (width - room - left) / slider.values.length, measure) : undefined;
  const box = { left, top, right: width - room, bottom: height - below - (options?.depth ?? 0) };
  const across = scale(xSpan, [box.left, box.right], panel.x_log);
  const up = scale(ySpan, [box.bottom, box.top], panel.y_log);
  const most = (box.right - box.left) / 44;
  const powers = !parametric && panel.x_log && slider.values.length <= 16 && slider.values.every(Number.isInteger);
  const xTicks = options ? slider.values : powers ? thin(slider.values, most) : panel.x_log ? logTicks(xSpan, most) : linearTicks(xSpan, Math.min(8, most));
  const title = !many ? axisTitle(parts[0]) : panel.label ? "" : axisTitle({ ...parts[0], label: parts.map((part) => part.label).join(", ") });

  /** @param {Cell} cell */
  const placed = (cell) => panel.rules.map((rule) => {
    const value = typeof rule.value === "string" ? numbers.at(rule.value, cell) : rule.value;
    return { rule, value, ends: rule.axis === "y" ? [[box.left, up(value)], [box.right, up(value)]]
      : [[across(value), box.top], [across(value), box.bottom]] };
  }).filter(({ value, ends: [[x1, y1]] }) => !Number.isNaN(value) && x1 >= box.left - 1 && x1 <= box.right + 1
    && y1 >= box.top - 1 && y1 <= box.bottom + 1);
  const moving = svg("g");
  const clip = `${stage.id}-clip-${index}`;
  const drawn = canvas(stage, width, height);
  drawn.append(
    svg("clipPath", { id: clip }, svg("rect", { x: box.left - 1, y: box.top, width: box.right - box.left + 2, height: box.bottom - box.top + 1 })),
    ...(bars && index === spec.panels.findIndex((one) => one.marks === "bars")
      ? [svg("defs", {}, ...patterns(stage, Math.max(...spec.panels.map((one) => one.y.length))))] : []),
    frame(box, { ...axis(x, xTicks, panel.x_log, across), names: options }, axis(parts[0], yTicks, panel.y_log, up), title),
    moving);
  const unit = many && parts[0].unit ? ` (${parts[0].unit})` : "";
  if (panel.label) drawn.prepend(label(0, 14, panel.label + unit, { class: "xp-panel-title" }));
  const log = ["x", "y"].filter((side) => side === "x" ? panel.x_log : panel.y_log).join(" ");
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
    const wide = bars ? Math.max(1.5, 0.86 * pitch(slider.values.map(across)) / panel.y.length) : 0;
    tracks.forEach((track, i) => {
      if (bars) {
        const aside = (i - (panel.y.length - 1) / 2) * wide;
        track.forEach((point) => { point[0] += aside; });
        curves.append(...track.flatMap(([x, y], n) => column(stage, box, x, y, wide, up(0), i, n === now)));
        return;
      }
      curves.append(svg("path", { d: path(track), class: "xp-line", "data-quantity": panel.y[i],
        style: `stroke:var(--xp-${i})`, "stroke-dasharray": DASHES[i] || null }));
      if (parametric) {
        curves.append(...track.filter((p) => p.every(Number.isFinite)).map(([cx, cy]) =>
          svg("circle", { cx: px(cx), cy: px(cy), r: 2, style: `fill:var(--xp-${i})` })));
      }
    });
    const dots = [
      ...panel.y.map((name, i) => mark(numbers, box, cell, { x: panel.x, y: name, label: "" }, i, tracks[i][now])),
      ...panel.points.map((point, i) => mark(numbers, box, cell, point, panel.y.length + i,
        [across(numbers.at(point.x, cell)), up(numbers.at(point.y, cell))])),
    ].flatMap((dot) => dot ?? []);
    const space = new Space(stage, box, tracks, rules.map((one) => one.ends), dots.map((dot) => dot.at));
    for (const { shape, at, series, name, title } of dots.sort((a, b) => a.at[1] - b.at[1])) {
      const text = title || (parametric ? numbers.text(spec.along, slider.values[now]) : numbers.text(name, numbers.at(name, cell)));
      marks.append(shape, space[bars && !title ? "above" : "beside"](at[0], at[1], text, { class: "xp-tag", style: `fill:var(--xp-${series})` }));
    }
    for (const { rule, value, ends: [from, to] } of rules) {
      curves.prepend(drawRule(rule, value, [from, to]));
      marks.append(ruleLabel(space, box, rule, from));
    }
    if (many) marks.append(...endLabels(stage, box, tracks, names, bars));
    if (parametric) marks.append(...extremes(space, box, tracks[0], slider, now));
    moving.replaceChildren(curves, marks);
  };

  /** @param {number} dx @param {number} dy @param {Cell} cell */
  const pick = (dx, dy, cell) => {
    const along = numbers.axis(spec.along);
    const tracks = panel.y.map((name) => points(name, cell));
    const distance = slider.values.map((value, i) => parametric
      ? Math.min(...tracks.map((track) => Math.hypot(track[i][0] - dx, track[i][1] - dy) || Infinity))
      : Math.abs(across(value) - dx));
    return put(cell, along, distance.indexOf(Math.min(...distance)));
  };
  return { root, move, pick };
}

/** What an axis must show: quantities, points and rules, over the whole grid. @param {Numbers} numbers
 * @param {Panel} panel @param {"x" | "y"} side */
function reach(numbers, panel, side) {
  const names = [...(side === "x" ? [panel.x] : panel.y), ...panel.points.map((point) => point[side])];
  const rules = panel.rules.filter((rule) => rule.axis === side);
  const values = [...names, ...rules.map((rule) => rule.value)]
    .flatMap((one) => (typeof one === "string" ? [...numbers.all(one)] : [one]));
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
const pitch = (values) => Math.min(...values.slice(1).map((value, i) => value - values[i]));

/** A bar from zero, or from the bottom of a log axis; the current one is outlined. @param {Stage} stage @param {Box} box
 * @param {number} x @param {number} y @param {number} width @param {number} zero @param {number} series @param {boolean} now */
function column(stage, box, x, y, width, zero, series, now) {
  if (Number.isNaN(y)) return [];
  const base = Number.isFinite(zero) ? Math.max(box.top, Math.min(box.bottom, zero)) : box.bottom;
  const tip = Math.max(box.top - 4, Math.min(box.bottom + 4, y));
  return [svg("rect", { x: px(x - width / 2), y: px(Math.min(tip, base)), width: px(width), height: px(Math.abs(base - tip)),
    fill: `url(#${stage.id}-kind-${series})`, class: `xp-column xp-kind-${series}`, "aria-current": now || null })];
}

/** An SVG path with gaps at NaN. @param {number[][]} points */
function path(points) {
  let pen = "M";
  return points.map(([x, y]) => {
    if (Number.isNaN(x) || Number.isNaN(y)) {
      pen = "M";
      return "";
    }
    const step = `${pen}${px(x)},${px(y)}`;
    pen = "L";
    return step;
  }).join("");
}

/** @param {Rule} rule @param {number} value @param {number[][]} ends */
function drawRule(rule, value, [[x1, y1], [x2, y2]]) {
  return svg("g", { class: "xp-rule", "data-axis": rule.axis, "data-value": value },
    svg("line", { x1: px(x1), x2: px(x2), y1: px(y1), y2: px(y2) }));
}

/** @param {Space} space @param {Box} box @param {Rule} rule @param {number[]} start */
function ruleLabel(space, box, rule, start) {
  const at = rule.axis === "y" ? start[1] : start[0];
  /** @type {[number, number, string][]} */
  const options = rule.axis === "y"
    ? [[box.left + 6, at - 6, "start"], [box.right, at - 6, "end"], [(box.left + box.right) / 2, at - 6, "middle"],
      [box.left + 6, at + 15, "start"], [box.right, at + 15, "end"]]
    : [[at + 6, box.top + 11, "start"], [at - 6, box.top + 11, "end"], [at + 6, (box.top + box.bottom) / 2, "start"],
      [at + 6, box.bottom - 8, "start"], [at - 6, box.bottom - 8, "end"]];
  return space.write(rule.label, options, { class: "xp-rule-label" });
}

/** Outlines that tell the dots of a panel apart without colour. */
const SHAPES = ["M-5.5,0a5.5,5.5 0 1,0 11,0a5.5,5.5 0 1,0 -11,0Z", "M0,-7L7,0L0,7L-7,0Z", "M-5.5,-5.5H5.5V5.5H-5.5Z", "M0,-7L7,5.5H-7Z",
  "M0,7L7,-5.5H-7Z", "M-7,-2.5H-2.5V-7H2.5V-2.5H7V2.5H2.5V7H-2.5V2.5H-7Z"];

/** The dot at the current value, or an arrow at the edge that it lies beyond. @param {Numbers} numbers @param {Box} box
 * @param {Cell} cell @param {Point} point @param {number} series @param {number[]} place */
function mark(numbers, box, cell, point, series, [x, y]) {
  if (Number.isNaN(x) || Number.isNaN(y)) return null;
  const at = [Math.max(box.left, Math.min(box.right, x)), Math.max(box.top, Math.min(box.bottom, y))];
  const out = Math.abs(at[0] - x) + Math.abs(at[1] - y) > 0.5;
  const turn = at[1] > y ? 0 : at[1] < y ? 180 : at[0] < x ? 90 : 270;
  const form = out ? "M-6,9 L0,0 L6,9Z" : point.label ? SHAPES[series % SHAPES.length] : SHAPES[0];
  const shape = svg("path", { d: form, transform: `translate(${px(at[0])},${px(at[1])})${out ? ` rotate(${turn})` : ""}`,
    class: "xp-marker", "data-quantity": point.y, "data-value": numbers.at(point.y, cell),
    "data-x": numbers.at(point.x, cell), "data-clipped": out, style: `fill:var(--xp-${series})` });
  return { shape, at, series, name: point.y, title: point.label };
}

/** Names of the series at the ends of their lines. @param {Stage} stage @param {Box} box @param {number[][][]} tracks
 * @param {string[][]} names @param {boolean} bars */
function endLabels(stage, box, tracks, names, bars) {
  const last = tracks.map((track) => track.filter(([x, y]) => x <= box.right + 1 && !Number.isNaN(y)).pop() ?? [box.right, box.bottom]);
  const wanted = last.map(([, y]) => Math.max(box.top, Math.min(box.bottom, y)));
  const settled = spread(wanted, names.map((rows) => rows.length * 14 + 6), box.top, box.bottom);
  return names.flatMap((rows, i) => {
    const from = px(box.right + 3);
    const sample = bars
      ? svg("rect", { x: from, y: px(settled[i] - 5), width: SAMPLE - 7, height: 11, fill: `url(#${stage.id}-kind-${i})`, class: `xp-column xp-kind-${i}` })
      : svg("line", { x1: from, x2: from + SAMPLE - 5, y1: px(settled[i]), y2: px(settled[i]), class: "xp-line",
        style: `stroke:var(--xp-${i})`, "stroke-dasharray": DASHES[i] || null });
    const text = label(from + SAMPLE, settled[i] + 4, "", { class: "xp-series", style: `fill:var(--xp-${i})` });
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

// ---------------------------------------------------------------- heatmap

/** @param {Stage} stage @param {HeatmapSpec} spec @returns {Drawing} */
function drawHeatmap(stage, spec) {
  const { numbers, width, measure, id } = stage;
  const height = spec.layout.height[width >= WIDE ? "wide" : "narrow"];
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
  const shades = Array.from({ length: SHADES }, (_, i) => svg("path", { class: "xp-cells", style: `fill:${colour(i / (SHADES - 1))}` }));
  const unbounded = svg("path", { class: "xp-cells", fill: `url(#${id}-none)` });
  const limit = svg("path", { class: "xp-limit" });
  const halo = svg("path", { class: "xp-limit-halo" });
  const marker = svg("g", { class: "xp-marker", "data-quantity": spec.shown });
  const xTicks = named ? columns : roundest(columns, (box.right - box.left) / (16 + Math.max(...columns.map((one) => measure(written(x, one))))));
  drawn.append(
    svg("defs", {}, svg("pattern", { id: `${id}-none`, width: 6, height: 6, patternUnits: "userSpaceOnUse", class: "xp-none" }, svg("path", { d: "M-1,7 L7,-1" }))),
    colourBar(stage, spec, shown, span, shade),
    frame(box, { ...axis(x, [], false, across), ticks: xTicks, texts: xTicks.map((one) => written(x, one)), names: named },
      { ...axis(y, [], false, up), ...(y.texts ? { ticks: rows, texts } : thinRows(rows, texts, (box.bottom - box.top) / 20)) }, axisTitle(y)),
    svg("g", {}, ...shades, unbounded), halo, limit, marker);
  stage.figure.replaceChildren(drawn);

  let slice = "";
  /** @param {Cell} cell */
  const move = (cell) => {
    const values = numbers.along(spec.y, cell).map((row) => numbers.along(spec.x, row).map((at) => numbers.at(spec.shown, at)));
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
    assemble(marker, { "data-value": value, "data-x": numbers.at(spec.x, cell), "data-y": numbers.at(spec.y, cell) }, []);
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
function domain(values) {
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
  values.forEach((row, j) => row.forEach((value, i) => {
    if (Number.isNaN(value)) return;
    const level = Math.round(Math.max(0, Math.min(1, shade(value))) * (SHADES - 1));
    const cell = `M${px(box.left + i * dx)},${px(box.bottom - (j + 1) * dy)}h${px(dx)}v${px(dy)}h${px(-dx)}z`;
    paths[Number.isFinite(value) ? level : SHADES].push(cell);
  }));
  return paths;
}

/** The border between cells within and beyond the limit. @param {number[][]} values
 * @param {number} limit @param {Box} box @param {number} dx @param {number} dy */
function contour(values, limit, box, dx, dy) {
  const within = (/** @type {number} */ j, /** @type {number} */ i) => values[j]?.[i] <= limit;
  const pieces = values.flatMap((row, j) => row.flatMap((_, i) => {
    const [x, y] = [px(box.left + i * dx), px(box.bottom - (j + 1) * dy)];
    const right = i + 1 < row.length && within(j, i) !== within(j, i + 1) ? `M${px(x + dx)},${y}v${px(dy)}` : "";
    const above = j + 1 < values.length && within(j, i) !== within(j + 1, i) ? `M${x},${y}h${px(dx)}` : "";
    return right + above;
  }));
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
  return [svg("rect", { ...frame, class: "xp-pin-halo" }), svg("rect", { ...frame, class: "xp-pin" }),
    svg("rect", { x: px(left), y: px(cy - 11), width: px(chip), height: 22, rx: 4, class: "xp-chip" }),
    label(left + chip / 2, cy + 4, text, { "text-anchor": "middle", class: "xp-chip-text" })];
}

/** @param {Stage} stage @param {HeatmapSpec} spec @param {Quantity} shown
 * @param {[number, number]} span @param {Scale} shade */
function colourBar(stage, spec, shown, span, shade) {
  const length = Math.min(340, stage.width - 120);
  const ticks = spec.log ? logTicks(span, length / 44) : linearTicks(span, length / 60);
  const texts = tickText(ticks, spec.log, shown);
  const shares = Array.from({ length: 13 }, (_, i) => i / 12);
  const group = svg("g", { class: "xp-colours" },
    label(0, 13, axisTitle(shown), { class: "xp-panel-title" }),
    svg("linearGradient", { id: `${stage.id}-ramp` }, ...shares.map((share) => svg("stop", { offset: share, style: `stop-color:${colour(share)}` }))),
    svg("rect", { x: 0, y: 22, width: length, height: 10, fill: `url(#${stage.id}-ramp)`, class: "xp-ramp" }),
    ...ticks.map((tick, i) => label(Math.max(8, shade(tick) * length), 46, texts[i], { "text-anchor": "middle" })));
  const values = [...stage.numbers.all(spec.shown)];
  const odd = [["∞", values.includes(Infinity)], ["n/a", values.some(Number.isNaN)]].filter(([, present]) => present);
  odd.forEach(([name], i) => group.append(
    svg("rect", { x: length + 16 + 52 * i, y: 21, width: 16, height: 12, fill: name === "∞" ? `url(#${stage.id}-none)` : "none", class: "xp-ramp" }),
    label(length + 37 + 52 * i, 31, String(name))));
  if (spec.limit !== null) {
    const at = px(Math.max(0, Math.min(1, shade(spec.limit))) * length);
    group.append(svg("line", { x1: at, x2: at, y1: 18, y2: 36, class: "xp-limit" }),
      label(stage.width, 13, `inside the line: ≤ ${formatValue(spec.limit, shown.format, shown.unit)}`, { "text-anchor": "end", class: "xp-rule-label" }));
  }
  return group;
}

// ---------------------------------------------------------------- timeline

const BAR = 18;
const LANE = 22;
const HEADER = 36;

/** Fill patterns, so that kinds differ without colour. @param {Stage} stage @param {number} count */
function patterns(stage, count) {
  const marks = ["", "M-2,2 L2,-2 M0,10 L10,0 M8,12 L12,8", "M-2,-2 L12,12 M-2,8 L2,12 M8,-2 L12,2", "M5,4 v2 M0,-1 v2 M10,-1 v2 M0,9 v2 M10,9 v2", "M5,0 V10", "M0,5 H10 M5,0 V10"];
  return Array.from({ length: count }, (_, i) => svg("pattern",
    { id: `${stage.id}-kind-${i}`, width: 10, height: 10, patternUnits: "userSpaceOnUse", class: `xp-kind xp-kind-${i}` },
    svg("rect", { width: 10, height: 10 }), svg("path", { d: marks[i] || "M0,0" })));
}

/** @param {Stage} stage @param {TimelineSpec} spec @returns {Drawing} */
function drawTimeline(stage, spec) {
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

/** @typedef {{panel: number, lane: number, start: number, end: number, kind: number, text: string}} Bar */

/** @param {Numbers} numbers @param {Cell} cell */
function sceneOf(numbers, cell) {
  return Math.floor(numbers.flat(cell) / numbers.sliders[numbers.axis("step")].values.length);
}

/** @param {Numbers} numbers @param {TimelineSpec} spec @returns {Bar[][]} */
function readSpans(numbers, spec) {
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

// ---------------------------------------------------------------- tables

/** @param {Numbers} numbers @param {Spec} spec @param {Cell} cell @returns {Table} */
function table(numbers, spec, cell) {
  if (spec.kind === "timeline") return spanTable(numbers, spec, cell);
  if (spec.kind === "heatmap") return gridTable(numbers, spec, cell);
  const slider = numbers.part(spec.along);
  return {
    head: [slider, ...numbers.quantities].map(axisTitle),
    rows: numbers.along(spec.along, cell).map((at, i) => ({
      cells: [slider, ...numbers.quantities].map((part) => written(part, numbers.at(part.name, at))),
      current: i === cell[numbers.axis(spec.along)],
    })),
  };
}

/** @param {Numbers} numbers @param {HeatmapSpec} spec @param {Cell} cell @returns {Table} */
function gridTable(numbers, spec, cell) {
  const [x, y] = [numbers.part(spec.x), numbers.part(spec.y)];
  return {
    head: [`${axisTitle(y)} by ${axisTitle(x)}`, ...numbers.along(spec.x, cell).map((at) => written(x, numbers.at(spec.x, at)))],
    rows: numbers.along(spec.y, cell).map((row, i) => ({
      cells: [written(y, numbers.at(spec.y, row)),
        ...numbers.along(spec.x, row).map((at) => formatValue(numbers.at(spec.shown, at), numbers.part(spec.shown).format))],
      current: i === cell[numbers.axis(spec.y)] ? cell[numbers.axis(spec.x)] + 1 : false,
    })),
  };
}

/** @param {Numbers} numbers @param {TimelineSpec} spec @param {Cell} cell @returns {Table} */
function spanTable(numbers, spec, cell) {
  const time = numbers.part(spec.time);
  const now = numbers.at(spec.time, cell);
  const unit = time.unit ? ` (${time.unit})` : "";
  return {
    head: ["Panel", spec.lane, "Label", "Kind", `Start${unit}`, `End${unit}`, "State"],
    rows: readSpans(numbers, spec)[sceneOf(numbers, cell)].map((one) => ({
      cells: [spec.panels[one.panel].label, String(one.lane + 1), one.text, spec.kinds[one.kind],
        formatValue(one.start, time.format), formatValue(one.end, time.format),
        one.end <= now ? "done" : one.start <= now ? "now" : "to come"],
      current: one.start <= now && now < one.end,
    })),
  };
}

/** @param {Table} data @param {string} caption */
function tableElement(data, caption) {
  const body = data.rows.map(({ cells }) => html("tr", {}, html("th", { scope: "row" }), ...cells.slice(1).map(() => html("td"))));
  return html("table", {}, html("caption", {}, caption),
    html("thead", {}, html("tr", {}, ...data.head.map((text) => html("th", { scope: "col" }, text)))),
    html("tbody", {}, ...body));
}

/** Write a table into its place, touching only what differs. @param {HTMLElement} place @param {Table} data @param {string} caption */
function fillTable(place, data, caption) {
  const made = place.querySelector("table");
  if (made?.tBodies[0].rows.length !== data.rows.length) place.replaceChildren(tableElement(data, caption));
  const rows = /** @type {HTMLTableElement} */ (place.firstElementChild).tBodies[0].rows;
  data.rows.forEach(({ cells, current }, i) => {
    point(rows[i], current === true);
    cells.forEach((text, n) => {
      const cell = rows[i].cells[n];
      if (cell.textContent !== text) cell.textContent = text;
      point(cell, n > 0 && current === n);
    });
  });
}

/** Mark a row or a cell as the current one. @param {HTMLElement} element @param {boolean} current */
function point(element, current) {
  if (current) element.setAttribute("aria-current", "true");
  else if (element.hasAttribute("aria-current")) element.removeAttribute("aria-current");
}

// ---------------------------------------------------------------- the explorer

/** @param {Slider} slider @param {string} id @param {(index: number) => void} changed */
function control(slider, id, changed) {
  const input = html("input", { type: "range", id, name: slider.name, min: 0, max: slider.values.length - 1, step: 1,
    value: slider.start, "data-lm-suppress-shortcuts": true });
  const output = html("output", { for: id, "aria-live": "off" });
  input.addEventListener("input", () => changed(Number(input.value)));
  const show = (/** @type {number} */ index) => {
    const text = written(slider, slider.values[index], true);
    input.value = String(index);
    input.setAttribute("aria-valuetext", text);
    input.dataset.value = String(slider.values[index]);
    input.style.setProperty("--at", String(index / (slider.values.length - 1)));
    output.textContent = text;
  };
  const root = html("div", { class: "xp-control" }, html("label", { for: id }, slider.label), output, input);
  return { root, show, input };
}

/** The cell that a fragment such as `#name?rate=5` asks for. @param {Spec} spec @param {Cell} cell */
function cellFromFragment(spec, cell) {
  const [name, query] = location.hash.slice(1).split("?");
  if (name !== spec.name) return null;
  const asked = new URLSearchParams(query ?? "");
  return spec.sliders.map((slider, axis) => {
    const text = asked.get(slider.name);
    if (slider.texts) return text !== null && slider.texts.includes(text) ? slider.texts.indexOf(text) : cell[axis];
    const value = Number(text);
    if (!text || !Number.isFinite(value)) return cell[axis];
    const distance = slider.values.map((one) => Math.abs(one - value));
    return distance.indexOf(Math.min(...distance));
  });
}

/** Where the figure stands, as a link. @param {Spec} spec @param {Cell} cell */
function fragment(spec, cell) {
  return `#${spec.name}?${spec.sliders.map((slider, axis) => `${slider.name}=${encodeURIComponent(slider.texts?.[cell[axis]] ?? slider.values[cell[axis]])}`).join("&")}`;
}

/** @param {Spec} spec @param {Numbers} numbers @param {HTMLElement} el @param {AbortSignal} signal */
function build(spec, numbers, el, signal) {
  const id = `xp-${Math.random().toString(36).slice(2, 9)}`;
  const start = spec.sliders.map((slider) => slider.start);
  const onPage = el.dataset.page === "true";
  let cell = [...start];
  let tallest = 0;
  /** @type {Drawing | null} */
  let drawing = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let settling;

  const controls = spec.sliders.map((slider, axis) => control(slider, `${id}-${slider.name}`, (index) => go(put(cell, axis, index))));
  const reset = html("button", { type: "button", class: "xp-button" }, "Reset");
  const figure = html("div", { class: "xp-figure", role: "img", "aria-labelledby": `${id}-title`, "aria-describedby": `${id}-summary` });
  const sentence = html("p", { class: "xp-summary", id: `${id}-summary` });
  const status = html("p", { class: "xp-status", "aria-live": "polite" });
  const scroll = html("div", { class: "xp-scroll", tabindex: 0, role: "region", "aria-label": `Data: ${spec.title}` });
  const details = html("details", { class: "xp-data" }, html("summary", {}, "Data table"), scroll);
  const root = html("div", { class: `xp xp-${spec.kind}`, "data-name": spec.name, role: "group", "aria-labelledby": `${id}-title` },
    html("div", { class: "xp-head" }, html("p", { class: "xp-title", id: `${id}-title` }, spec.title), reset),
    html("div", { class: "xp-controls" }, ...controls.map((one) => one.root)), figure, sentence, status, details);
  dress(root, spec);
  if (spec.kind === "timeline") stepper(controls[controls.length - 1], (by) => {
    const last = start.length - 1;
    const to = cell[last] + by;
    if (to < 0 || to >= spec.sliders[last].values.length) return false;
    go(put(cell, last, to));
    return true;
  }, signal);

  /** @param {string} name */
  const word = (name) => html("strong", { "data-name": name }, numbers.text(name, numbers.at(name, cell)));
  const show = () => {
    controls.forEach((one, axis) => one.show(cell[axis]));
    drawing?.move(cell);
    sentence.replaceChildren(...fill(spec.summary, word));
    if (sentence.offsetHeight > tallest) {
      tallest = sentence.offsetHeight;
      sentence.style.minHeight = `${tallest}px`;
    }
    reset.disabled = cell.every((index, axis) => index === start[axis]);
    if (details.open) fillTable(scroll, table(numbers, spec, cell), spec.title);
  };
  /** @param {Cell} next @param {boolean} [link] */
  const go = (next, link = true) => {
    if (next.every((index, axis) => index === cell[axis])) return;
    cell = next;
    show();
    clearTimeout(settling);
    settling = setTimeout(() => {
      status.textContent = sentence.textContent;
      if (onPage && link) history.replaceState(history.state, "", reset.disabled ? location.pathname + location.search : fragment(spec, cell));
    }, SETTLED);
  };
  const follow = () => {
    const asked = cellFromFragment(spec, cell);
    if (!asked) return;
    go(asked, false);
    root.scrollIntoView({ block: "start" });
  };
  const redraw = () => {
    const width = Math.floor(figure.clientWidth);
    if (!width) return;
    tallest = 0;
    sentence.style.minHeight = "";
    const stage = { id, numbers, figure, width, measure: ruler(figure) };
    drawing = draw(stage, spec);
    drawing.move(cell);
  };

  reset.addEventListener("click", () => {
    go(start);
    controls[0].input.focus();
  });
  details.addEventListener("toggle", show);
  drag(figure, (x, y) => drawing?.pick(x, y, cell), go, signal);
  el.replaceChildren(root);
  show();
  redraw();
  watchWidth(figure, redraw, signal);
  if (onPage) {
    follow();
    window.addEventListener("hashchange", follow, { signal });
  }
  signal.addEventListener("abort", () => clearTimeout(settling));
}

/** @param {Stage} stage @param {Spec} spec */
function draw(stage, spec) {
  if (spec.kind === "lines") return drawLines(stage, spec);
  return spec.kind === "timeline" ? drawTimeline(stage, spec) : drawHeatmap(stage, spec);
}

/** Sizes and colours that the style sheet needs. @param {HTMLElement} root @param {Spec} spec */
function dress(root, spec) {
  root.style.setProperty("--columns", String(spec.layout.columns));
  root.style.setProperty("--wide", `${spec.layout.height.wide}px`);
  root.style.setProperty("--narrow", `${spec.layout.height.narrow}px`);
  spec.palette.forEach(([light, dark], i) => {
    root.style.setProperty(`--xp-${i}-light`, light);
    root.style.setProperty(`--xp-${i}-dark`, dark);
  });
}

/** Buttons around the step slider. @param {ReturnType<typeof control>} step
 * @param {(by: number) => boolean} walk @param {AbortSignal} signal */
function stepper(step, walk, signal) {
  /** @type {ReturnType<typeof setInterval> | undefined} */
  let playing;
  const back = html("button", { type: "button", class: "xp-button", "aria-label": "Previous step" }, "‹");
  const next = html("button", { type: "button", class: "xp-button", "aria-label": "Next step" }, "›");
  const play = html("button", { type: "button", class: "xp-button xp-play" }, "Play");
  const stop = () => {
    clearInterval(playing);
    playing = undefined;
    play.textContent = "Play";
  };
  back.addEventListener("click", () => (stop(), walk(-1)));
  next.addEventListener("click", () => (stop(), walk(1)));
  play.addEventListener("click", () => {
    if (playing) return stop();
    play.textContent = "Pause";
    playing = setInterval(() => walk(1) || stop(), BEAT);
  });
  step.input.addEventListener("input", stop);
  signal.addEventListener("abort", stop);
  step.root.classList.add("xp-step");
  step.root.append(html("div", { class: "xp-buttons" }, back, next, play));
}

/** @param {HTMLElement} element @returns {(text: string) => number} */
function ruler(element) {
  const context = document.createElement("canvas").getContext("2d");
  if (context) context.font = `12px ${getComputedStyle(element).fontFamily}`;
  /** @type {Map<string, number>} */
  const known = new Map();
  return (text) => {
    const width = known.get(text) ?? context?.measureText(text).width ?? text.length * 6.5;
    known.set(text, width);
    return width;
  };
}

/** Pointer over the figure moves the sliders. @param {HTMLElement} figure
 * @param {(x: number, y: number) => Cell | null | undefined} pick @param {(cell: Cell) => void} go @param {AbortSignal} signal */
function drag(figure, pick, go, signal) {
  const at = (/** @type {PointerEvent} */ event) => {
    const bounds = figure.getBoundingClientRect();
    const cell = pick(event.clientX - bounds.left, event.clientY - bounds.top);
    if (cell) go(cell);
  };
  figure.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    figure.setPointerCapture(event.pointerId);
    at(event);
  }, { signal });
  figure.addEventListener("pointermove", (event) => {
    if (figure.hasPointerCapture(event.pointerId)) at(event);
  }, { signal });
}

/** @param {HTMLElement} element @param {() => void} changed @param {AbortSignal} signal */
function watchWidth(element, changed, signal) {
  let width = element.clientWidth;
  const observer = new ResizeObserver(() => {
    if (element.clientWidth === width) return;
    width = element.clientWidth;
    changed();
  });
  observer.observe(element);
  signal.addEventListener("abort", () => observer.disconnect());
}

/** @param {{model: Model, el: HTMLElement, signal?: AbortSignal}} view */
function render({ model, el, signal }) {
  const closed = new AbortController();
  signal?.addEventListener("abort", () => closed.abort());
  const spec = /** @type {Spec} */ (model.get("spec"));
  try {
    build(spec, new Numbers(spec, model.get("data")), el, closed.signal);
  } catch (error) {
    console.error(error);
    el.replaceChildren(html("p", { class: "xp-error", role: "alert" }, `This figure could not be drawn (${error}). ${spec?.initial ?? ""}`));
  }
  return () => closed.abort();
}

export default { render };
