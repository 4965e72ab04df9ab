/** The record: cards, standing, lessons, days, and stores that share a storage. */
import assert from "node:assert/strict";
import test from "node:test";

import { cards, due } from "../../book/_static/record/cards.js";
import { Refusal, create, merge, open, put, rows, seal } from "../../book/_static/record/content.js";
import { history } from "../../book/_static/record/history.js";
import { stillAsked } from "../../book/_static/record/lessons.js";
import { weakestFirst } from "../../book/_static/record/practice.js";
import { verdict } from "../../book/_static/record/predict.js";
import { standing } from "../../book/_static/record/standing.js";
import { openStore } from "../../book/_static/record/store.js";
import { Browser } from "./browser.js";

const DAY = 864e5;
const START = Date.UTC(2026, 0, 5);

/** @param {string} question @param {boolean} right @param {number} days after the start */
function answer(question, right, days) {
  const at = START + days * DAY;
  return { id: `a-${at}-${question}`, question, lesson: question.split("/")[0], given: "", right, variant: 0, at };
}

test("a wrong answer is due before a right one, and cards come weakest first", () => {
  const all = cards([answer("a/x", true, 0), answer("a/y", false, 0)], START + 1.5 * DAY);
  assert.deepEqual(
    all.map((card) => card.question),
    ["a/y", "a/x"],
  );
  assert.deepEqual(
    due(all, START + 1.5 * DAY).map((card) => card.question),
    ["a/y"],
  );
  assert.equal(due(all, START + 60 * DAY).length, 2);
});

test("cards depend on the answers alone, and survive a clock that ran backwards", () => {
  const given = [answer("a/x", true, 3), answer("a/x", true, 1)];
  assert.deepEqual(cards(given, START + 9 * DAY), cards(given, START + 9 * DAY));
  assert.equal(cards(given, START + 9 * DAY)[0].answers, 2);
});

test("what was passed stays passed; questions no longer asked count nowhere", () => {
  const given = [answer("a/x", true, 0), answer("a/y", true, 1), answer("a/y", false, 2), answer("b/x", true, 3)];
  assert.deepEqual(standing(given, "a", 2), { score: 1, answered: 2, status: "passed", passed: true });
  assert.equal(standing(given, "a", 2, ["x"]).status, "in progress");
  assert.equal(standing(given, "c", 2).status, "not attempted");
  const lesson = { lesson: "a", title: "", href: "", total: 1, needed: 1, questions: ["x"] };
  assert.deepEqual(
    stillAsked(given, [lesson]).map(({ question }) => question),
    ["a/x"],
  );
});

test("a lesson at will comes weakest first, those never answered last", () => {
  const given = [answer("a/y", true, 0), answer("a/gone", false, 0), answer("b/x", false, 0)];
  assert.deepEqual(weakestFirst("a", ["x", "y", "z"], given, START + DAY), ["y", "x", "z"]);
});

test("days count answers, and questions known by then", () => {
  const found = history([
    answer("a/x", false, 0.4),
    answer("a/y", true, 0.5),
    answer("a/x", true, 3.5),
    answer("a/y", false, 3.6),
  ]);
  assert.deepEqual(
    found.map(({ right, wrong, known }) => [right, wrong, known]),
    [
      [1, 1, 1],
      [1, 1, 1],
    ],
  );
});

test("a prediction is judged by ratio, a percentage in points, a choice by itself", () => {
  assert.equal(verdict("30", "40", "ms", null), "You said 30 ms; it is 40 ms: 25% too low.");
  assert.equal(verdict("400 ms", "40", "ms", null), "You said 400 ms; it is 40 ms: 10 times too high.");
  assert.equal(verdict("40.1", "40", "ms", null), "You said 40.1 ms; it is 40 ms.");
  assert.equal(verdict("-3", "40", "ms", null), "You said -3 ms; it is 40 ms.");
  assert.equal(verdict("70", "62%", "%", null), "You said 70%; it is 62%: 8 points too high.");
  assert.equal(verdict("down", "up", "", ["up", "down"]), "You said “down”. It is “up”.");
});

test("a record is read as it was sealed, and two merge into what either had", () => {
  const [one, two] = [create("one"), create("two")];
  const row = (/** @type {import("../../book/_static/record/content.js").Record} */ record) => ({
    lesson: "a",
    text: "\ufffdtext",
    at: record.clock.now(),
    seen: "{}",
  });
  put(one, "notes", "a/one", row(one));
  put(two, "notes", "a/two", row(two));
  const read = open(seal(one), "three");
  merge(read, two);
  assert.deepEqual(
    rows(read, "notes")
      .map(([id, { text }]) => [id, text])
      .sort(),
    [
      ["a/one", "\ufffdtext"],
      ["a/two", "\ufffdtext"],
    ],
  );
});

test("what is no record is refused with a sentence", () => {
  for (const text of [
    "",
    "5",
    "null",
    "{}",
    '{"book":"other"}',
    '{"book":"serving-by-the-numbers","version":2,"clock":1}',
  ]) {
    assert.throws(
      () => open(text, "one"),
      (error) => error instanceof Refusal && error.message.length > 10,
      text,
    );
  }
  const newer = JSON.stringify({ ...JSON.parse(seal(create("one"))), version: 99 });
  assert.throws(() => open(newer, "one"), { reason: "newer" });
});

test("opening a store keeps nothing; two tabs neither overwrite each other nor write in turns", () => {
  const browser = new Browser();
  const [one, two] = [openStore("key", browser.tab()), openStore("key", browser.tab())];
  assert.equal(browser.kept.size, 0);
  one.addAnswer("a/x", "[1]", true, 0);
  two.addAnswer("a/y", "[0]", false, 0);
  for (const store of [one, two, openStore("key", browser.tab())]) {
    assert.deepEqual(
      store.answers().map(({ question }) => question),
      ["a/x", "a/y"],
    );
    assert.ok(store.saved());
  }
  const another = openStore("other", browser.tab());
  assert.ok(another.isEmpty());
});

test("notes written apart are both kept, and one text follows from both", () => {
  const browser = new Browser();
  const store = openStore("key", browser.tab());
  store.writeNote("a", "here", {});
  const elsewhere = openStore("key", new Browser().tab());
  elsewhere.writeNote("a", "there", {});
  assert.equal(store.bringIn(elsewhere.takeOut()), 1);
  const both = store.note("a");
  assert.ok(both.apart && both.text.includes("here") && both.text.includes("there"));
  store.writeNote("a", "one text", both.rows);
  store.flush();
  assert.deepEqual([store.note("a").text, store.note("a").apart], ["one text", false]);
});
