/** Numbers as people type them and as a sentence says them. */
import assert from "node:assert/strict";
import test from "node:test";

import { apart, near, parse, share, short } from "../../book/_static/record/numbers.js";

test("what is a number and what is not", () => {
  const cases = /** @type {[string, number][]} */ ([
    ["1,234.5", 1234.5],
    ["1,234", 1234],
    ["12,345,678.5", 12345678.5],
    ["0,5", 0.5],
    ["0,125", 0.125],
    ["-0,5", -0.5],
    ["12 000", 12000],
    ["12\u00a0000", 12000],
    ["12_000", 12000],
    ["1 234", 1234],
    ["−3", -3],
    ["+3", 3],
    ["1e-3", 0.001],
    ["1E3", 1000],
    [".5", 0.5],
    ["5.", 5],
    ["40%", 40],
    ["40 ms", 40],
    ["40 MS", 40],
    ["40ms", 40],
    ["", NaN],
    ["ms", NaN],
    ["forty", NaN],
    ["1.2.3", NaN],
    ["0x10", NaN],
    ["<b>1</b>", NaN],
    ["Infinity", NaN],
    ["1,23,4", NaN],
    ["1e", NaN],
    ["- 3", NaN],
    ["40 s", NaN],
  ]);
  for (const [text, value] of cases) assert.equal(parse(text, "ms"), value, text);
});

test("a number is near another within a share of it", () => {
  assert.ok(near(101, 100, 0.01));
  assert.ok(!near(101.1, 100, 0.01));
  assert.ok(near(-101, -100, 0.01));
  assert.ok(near(0.1 + 0.2, 0.3, 0));
  assert.ok(!near(1e-12, 0, 0.5));
  assert.ok(!near(NaN, 1, 1));
});

test("short has three digits", () => {
  assert.deepEqual([1234.5, 0.00123456, 2, -0.5].map(short), ["1,230", "0.00123", "2", "-0.5"]);
});

test("apart says a factor from two on and a share below", () => {
  const words = /** @type {[string, string]} */ (["over", "under"]);
  assert.equal(apart(200, 100, words), "2 times over");
  assert.equal(apart(25, 100, words), "4 times under");
  assert.equal(apart(150, 100, words), "50% over");
  assert.equal(apart(99, 100, words), "1% under");
  for (const value of [0, -5, NaN]) assert.equal(apart(value, 100, words), "");
});

test("a share is taken in percent and as a fraction alike", () => {
  assert.equal(share("25%", "", 0.246), 0.25);
  assert.equal(share("25", "", 0.246), 25);
  assert.equal(share("0.25", "%", 24.6), 25);
  assert.equal(share("25", "%", 24.6), 25);
  assert.equal(share("0.25%", "%", 24.6), 0.25);
  assert.equal(share("0.3", "%", 0.4), 0.3);
  assert.ok(Number.isNaN(share("lots", "%", 24.6)));
});
