/** Which answers are right, and which on record are answers at all. */
import assert from "node:assert/strict";
import test from "node:test";

import { distance, grade, valid } from "../../book/_static/record/grading.js";

const number = {
  unit: "ms",
  tolerance: 0.01,
  variants: [2, 4].map((answer) => ({ answer, slips: [3 * answer], shown: {} })),
};

test("one of several options", () => {
  assert.deepEqual(grade("one", { right: [1] }, "[1]", 0), { right: true, said: [1] });
  assert.deepEqual(grade("one", { right: [1] }, "[2]", 0), { right: false, said: [2] });
});

test("several options: what was wrong, then what was missed", () => {
  assert.deepEqual(grade("several", { right: [0, 2] }, "[0,2]", 0), { right: true, said: [0, 2] });
  assert.deepEqual(grade("several", { right: [0, 2] }, "[0,1]", 0), { right: false, said: [1, 2] });
});

test("an order", () => {
  const key = { places: [2, 0, 1] };
  assert.ok(grade("order", key, "[1,2,0]", 0).right);
  assert.ok(!grade("order", key, "[0,1,2]", 0).right);
});

test("a number in every variant, and its slips", () => {
  assert.deepEqual(grade("number", number, "2.01 ms", 0), { right: true, said: [] });
  assert.deepEqual(grade("number", number, "2.01", 1), { right: false, said: [] });
  assert.deepEqual(grade("number", number, "12", 1), { right: false, said: [0] });
  assert.equal(distance("8", number, 0), "It is 4 times too large.");
  assert.equal(distance("-8", number, 0), "The sign or the zero is off.");
});

test("an answer to a question that has changed is none", () => {
  const attempt = (/** @type {string} */ given, right = false, variant = 0) => ({ given, right, variant });
  assert.ok(valid("one", { right: [1] }, 3, attempt("[1]", true)));
  assert.ok(!valid("one", { right: [1] }, 3, attempt("[1]", false)));
  for (const given of ["[7]", "[-1]", "[0,1]", "[]", "x", "{}", "[0.5]"]) {
    assert.ok(!valid("one", { right: [1] }, 3, attempt(given)), given);
  }
  for (const given of ["[0,1]", "[0,0,1]", "[5,4,3]"]) {
    assert.ok(!valid("order", { places: [2, 0, 1] }, 3, attempt(given)), given);
  }
  assert.ok(valid("number", number, 0, attempt("2", true)));
  assert.ok(!valid("number", number, 0, attempt("2", true, 2)));
  assert.ok(!valid("number", number, 0, attempt("no number")));
});
