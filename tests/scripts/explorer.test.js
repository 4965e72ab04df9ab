/** The explorers' arithmetic: scales, ticks, text, the grid and where labels go. */
import assert from "node:assert/strict";
import test from "node:test";

import {
  extent,
  linearTicks,
  logTicks,
  roundest,
  scale,
  spread,
  thin,
  tickNames,
  tickText,
  wrap,
} from "../../labs/explorer/axes.js";
import { block } from "../../labs/explorer/elements.js";
import { Numbers, fill, put } from "../../labs/explorer/grid.js";
import { domain } from "../../labs/explorer/heatmap.js";
import { Space } from "../../labs/explorer/labels.js";
import { path, pitch } from "../../labs/explorer/lines.js";
import { table } from "../../labs/explorer/table.js";
import { axisTitle, formatValue, written } from "../../labs/explorer/text.js";
import { readSpans, sceneOf } from "../../labs/explorer/timeline.js";

const measure = (/** @type {string} */ text) => 6 * text.length;

test("a scale runs from end to end, by difference or by ratio, and not without bound", () => {
  const linear = scale([0, 10], [100, 200], false);
  assert.deepEqual([0, 5, 10].map(linear), [100, 150, 200]);
  const log = scale([1, 100], [0, 50], true);
  assert.deepEqual([1, 10, 100].map(log), [0, 25, 50]);
  assert.deepEqual([linear(Infinity), log(0)], [4000, -4000]);
});

test("ticks are round, within the domain and at most as many as fit", () => {
  assert.deepEqual(linearTicks([0, 1], 5), [0, 0.2, 0.4, 0.6, 0.8, 1]);
  assert.deepEqual(linearTicks([-3, 7], 4), [-2.5, 0, 2.5, 5]);
  assert.deepEqual(logTicks([1, 1000], 5), [1, 10, 100, 1000]);
  assert.deepEqual(logTicks([1, 10], 6), [1, 2, 5, 10]);
  for (let most = 2; most < 12; most += 1) {
    for (const high of [0.003, 1, 7, 12345]) {
      const ticks = linearTicks([0, high], most);
      assert.ok(
        ticks.length <= most + 1 && ticks.every((tick) => tick >= 0 && tick <= high * 1.000001),
        `${most} ${high}`,
      );
    }
  }
  assert.deepEqual(thin([1, 2, 3, 4, 5], 2), [1, 4]);
  assert.deepEqual(roundest([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 5), [2, 4, 6, 8, 10]);
});

test("tick texts have the digits that tell them apart", () => {
  const part = { name: "x", label: "X", unit: "", format: ".2f" };
  assert.deepEqual(tickText([0, 0.5, 1], false, part), ["0.0", "0.5", "1.0"]);
  assert.deepEqual(tickText([0, 1000, 2000], false, part), ["0", "1,000", "2,000"]);
  assert.deepEqual(tickText([0, 0.25, 0.5], false, { ...part, format: ".0%" }), ["0%", "25%", "50%"]);
});

test("an axis reaches over its values, from zero where that is near", () => {
  assert.deepEqual(extent([1, 9.5], false), [0, 10]);
  assert.deepEqual(extent([NaN, Infinity], false), [0, 1]);
  assert.deepEqual(extent([0, -1], true), [1, 10]);
  assert.deepEqual(extent([5, 5], false), [2, 8]);
  assert.deepEqual(domain([3, NaN, 1, Infinity]), [1, 3]);
  assert.deepEqual(domain([2, 2]), [2, 4]);
});

test("labels keep their distance and their bounds", () => {
  const placed = spread([50, 51, 52], [10, 10, 10], 0, 100);
  assert.ok(placed[1] - placed[0] >= 10 && placed[2] - placed[1] >= 10);
  assert.deepEqual(wrap("one two three", 50, measure), ["one two", "three"]);
  assert.ok(tickNames(["a long name"], 30, measure).rows[0].length > 1);
  assert.ok(tickNames(["indivisible"], 30, measure).slanted);
  const box = { left: 0, top: 0, right: 200, bottom: 100 };
  const space = new Space(
    /** @type {any} */ ({ measure }),
    box,
    [
      [
        [0, 40],
        [200, 40],
      ],
    ],
    [],
    [],
  );
  assert.ok(
    space.cost({ left: 10, top: 35, right: 60, bottom: 45 }) > space.cost({ left: 10, top: 60, right: 60, bottom: 70 }),
  );
  assert.ok(space.cost({ left: -50, top: 60, right: 0, bottom: 70 }) >= 200);
});

test("a path has gaps where there is no number; a block closes", () => {
  assert.equal(
    path([
      [0, 0],
      [1, NaN],
      [2, 2],
      [3, 3],
    ]),
    "M0,0M2,2L3,3",
  );
  assert.equal(block(1, 2, 3, 4), "M1,2h3v4h-3v-4z");
  assert.equal(pitch([1, 2, 4]), 1);
});

const SLIDERS = [
  { name: "a", label: "A", unit: "s", format: "g", values: [1, 2], start: 0 },
  { name: "b", label: "B", unit: "", format: "d", values: [0, 1, 2], start: 1, texts: ["x", "y", "z"] },
];
const COMMON = {
  name: "n",
  title: "T",
  summary: "",
  initial: "",
  palette: /** @type {[string, string][]} */ ([]),
  sliders: SLIDERS,
  quantities: [{ name: "q", label: "Q", unit: "ms", format: ".1f" }],
  layout: { columns: 1, rows: { wide: 1, narrow: 1 }, height: { wide: 1, narrow: 1 } },
};
const grid = (/** @type {number[]} */ floats) => new DataView(Float32Array.from(floats).buffer);

test("numbers are looked up where the sliders stand", () => {
  const numbers = new Numbers(COMMON, grid([0, 1, 2, 3, 4, 5]));
  assert.deepEqual([numbers.at("q", [1, 2]), numbers.at("a", [1, 2])], [5, 2]);
  assert.equal(numbers.text("q", 4), "4.0\u00a0ms");
  assert.deepEqual(numbers.along("b", [1, 0]), [
    [1, 0],
    [1, 1],
    [1, 2],
  ]);
  assert.deepEqual(put([1, 0], 1, 2), [1, 2]);
  assert.deepEqual(
    fill("at {a}, {b}.", (name) => name.toUpperCase()),
    ["at ", "A", ", ", "B", "."],
  );
  assert.equal(written(SLIDERS[1], 2, true), "z");
  assert.equal(axisTitle(SLIDERS[0]), "A (s)");
});

test("a table has a row for each setting and marks the current one", () => {
  const numbers = new Numbers(COMMON, grid([0, 1, 2, 3, 4, 5]));
  const lines = /** @type {any} */ ({ ...COMMON, kind: "lines", along: "b", panels: [] });
  assert.deepEqual(table(numbers, lines, [1, 1]), {
    head: ["B", "Q (ms)"],
    rows: [
      ["x", "3.0"],
      ["y", "4.0"],
      ["z", "5.0"],
    ].map((cells, i) => ({ cells, current: i === 1 })),
  });
  const heatmap = /** @type {any} */ ({ ...COMMON, kind: "heatmap", x: "b", y: "a", shown: "q" });
  const { head, rows } = table(numbers, heatmap, [1, 2]);
  assert.deepEqual(head, ["A (s) by B", "x", "y", "z"]);
  assert.deepEqual(rows[1], { cells: ["2", "3.0", "4.0", "5.0"], current: 3 });
});

test("spans of a timeline follow its quantities, scene by scene", () => {
  const spec = /** @type {any} */ ({
    ...COMMON,
    kind: "timeline",
    sliders: [{ ...SLIDERS[0] }, { ...SLIDERS[0], name: "step" }],
    labels: ["one"],
    counts: [1, 1],
  });
  const numbers = new Numbers(spec, grid([0, 1, 2, 3, 0, 0, 0, 5, 1, 0, 1, 2, 3, 4, 0, 0]));
  assert.deepEqual([sceneOf(numbers, [0, 1]), sceneOf(numbers, [1, 0])], [0, 1]);
  assert.deepEqual(readSpans(numbers, spec), [
    [{ panel: 0, lane: 0, start: 0, end: 5, kind: 1, text: "one" }],
    [{ panel: 1, lane: 2, start: 3, end: 4, kind: 0, text: "one" }],
  ]);
});

test("numbers are written as Python writes them; test_scripts.py compares many more", () => {
  assert.equal(formatValue(1e22, ",.1f", "ms"), "10,000,000,000,000,000,000,000.0\u00a0ms");
  assert.equal(formatValue(-1e21, "d"), "-1000000000000000000000");
  assert.equal(formatValue(2.5, ".0f"), "2");
  assert.equal(formatValue(0.125, ".2f"), "0.12");
  assert.equal(formatValue(NaN, "g", "ms"), "n/a");
  assert.equal(formatValue(-Infinity, "g"), "-∞");
});
