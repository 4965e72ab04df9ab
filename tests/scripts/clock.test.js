// A clock that was wrong, ahead or behind, here or on another device: order holds, nothing is lost, and questions come due.
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { cards, due } from "../../book/_static/record/cards.js";
import { create, open, put, seal } from "../../book/_static/record/content.js";
import { settled } from "../../book/_static/record/moments.js";
import { openStore } from "../../book/_static/record/store.js";
import { Browser } from "./browser.js";

const DAY = 864e5;
const YEAR = 365 * DAY;
const T0 = Date.UTC(2026, 0, 10, 9);
const right = Date.now;
let today = T0;

afterEach(() => {
  Date.now = right;
});

/** @typedef {import("../../book/_static/record/store.js").Store} Store */

/** A browser of its own, whose pages open the record one after another. @returns {Store & {page: () => Store}} */
function device() {
  const browser = new Browser();
  const page = () => openStore("record", browser.tab());
  return { page, ...page() };
}

/** The device's clock says a time. @param {number} time */
function clock(time) {
  today = time;
  Date.now = () => today;
}

/** @param {Store} one @param {string} question */
const answer = (one, question, given = true) => one.addAnswer(`batching/${question}`, "x", given, 0);

/** @param {Store} one */
const all = (one) => cards(one.answers(), one.present());

/** @param {Store} one @param {string} question */
function card(one, question) {
  const found = all(one).find((other) => other.question === `batching/${question}`);
  assert.ok(found);
  return found;
}

/** @param {Store} one */
const waiting = (one) =>
  due(all(one), one.present())
    .map(({ question }) => question.split("/")[1])
    .sort();

test("ahead for one answer, then put right: a month later all of it is due", () => {
  for (const slip of [0, YEAR]) {
    clock(T0 + slip);
    const one = device();
    answer(one, "first");
    clock(T0 + DAY);
    answer(one, "second");
    assert.equal(one.answers()[1].at, T0 + DAY);
    assert.deepEqual(waiting(one).includes("second"), false);
    clock(T0 + 31 * DAY);
    assert.deepEqual(waiting(one), ["first", "second"]);
    assert.equal(one.isAhead(), slip > 0);
  }
});

test("all that is on record was stamped ahead: it is due now rather than in a year, until it is answered", () => {
  clock(T0 + YEAR);
  const one = device();
  answer(one, "first");
  answer(one, "second");
  clock(T0 + 30 * DAY);
  assert.deepEqual(waiting(one), ["first", "second"]);
  answer(one, "first");
  assert.deepEqual(waiting(one), ["second"]);
  assert.ok(card(one, "first").due < T0 + 60 * DAY);
});

test("an answer comes after those before it, whatever the clock says", () => {
  clock(T0 + YEAR);
  const one = device();
  answer(one, "first", false);
  one.addPrediction("batching/way", "up");
  clock(T0);
  answer(one, "first", true);
  one.addPrediction("batching/way", "down");
  const again = one.page();
  assert.deepEqual(
    again.answers().map((row) => row.right),
    [false, true],
  );
  assert.equal(again.predicted("batching/way"), "up");
  assert.equal(card(again, "first").last.right, true);
});

test("when the wrong year has come, its stamp is still not believed", () => {
  clock(T0 + YEAR);
  const one = device();
  answer(one, "first");
  for (let n = 0; n < 3; n += 1) {
    clock(T0 + n * DAY);
    answer(one, "first");
  }
  clock(T0 + YEAR + DAY);
  assert.deepEqual(
    one.answers().map(({ at }) => (at - T0) / DAY),
    [0, 0, 1, 2],
  );
  assert.deepEqual(waiting(one), ["first"]);
});

test("ahead on another device: what this one answers keeps its time, and the other's is due", () => {
  clock(T0 + YEAR);
  const [ahead, one] = [device(), device()];
  answer(ahead, "there");
  clock(T0);
  answer(one, "before");
  one.bringIn(ahead.takeOut());
  clock(T0 + DAY);
  answer(one, "after");
  ahead.bringIn(one.takeOut());
  clock(T0 + 31 * DAY);
  for (const either of [one, ahead]) {
    assert.equal(either.answers().length, 3);
    assert.deepEqual(waiting(either), ["after", "before", "there"]);
    assert.equal(either.answers().find((row) => row.question === "batching/after")?.at, T0 + DAY);
  }
  assert.deepEqual(one.answers(), ahead.answers());
});

test("an import stamped ahead, as this book wrote it before order was apart from time", () => {
  clock(T0 + YEAR);
  const record = create("elsewhere");
  for (const [i, question] of ["a", "b", "c"].entries()) {
    const at = record.clock.next();
    put(record, "answers", `elsewhere-${at}`, {
      question: `batching/${question}`,
      given: "x",
      right: i > 0,
      variant: 0,
      at,
    });
  }
  const text = seal(record);
  clock(T0);
  const one = device();
  answer(one, "mine");
  assert.equal(one.bringIn(text), 3);
  clock(T0 + DAY);
  answer(one, "a");
  clock(T0 + 31 * DAY);
  assert.deepEqual(waiting(one), ["a", "b", "c", "mine"]);
  assert.deepEqual(
    one.answers().map((row) => row.question.slice(-1)),
    ["e", "a", "b", "c", "a"],
  );
});

test("behind for one answer: intervals are those of a right clock", () => {
  const ends = [];
  for (const slip of [0, -6 * YEAR]) {
    clock(T0);
    const one = device();
    answer(one, "first");
    answer(one, "other");
    clock(T0 + 4 * DAY + slip);
    answer(one, "first");
    clock(T0 + 5 * DAY);
    answer(one, "other");
    ends.push([card(one, "first").due, card(one, "other").due]);
  }
  const [[first, other], [slipped, beside]] = ends;
  assert.equal(beside, other);
  assert.ok(slipped <= first + DAY, `${(slipped - first) / DAY} days later than by a right clock`);
  assert.ok(slipped > T0 + 5 * DAY);
});

test("behind now: what is on record is due rather than lost, and goes on as ever once the clock is put right", () => {
  clock(T0);
  const one = device();
  for (const question of ["first", "second", "third"]) answer(one, question);
  const before = card(one, "second").due;
  clock(T0 - 6 * YEAR);
  assert.deepEqual(waiting(one), ["first", "second", "third"]);
  answer(one, "first");
  assert.deepEqual(waiting(one), ["second", "third"]);
  clock(T0 + DAY);
  assert.equal(card(one, "second").due, before);
  assert.deepEqual(waiting(one), []);
  assert.equal(one.answers().length, 4);
});

test("a clock beyond what a record can say, and one at the end of it: the record is read again", () => {
  for (const wrong of [Date.UTC(2120, 0), 4e12 - 1]) {
    clock(wrong);
    const one = device();
    answer(one, "first");
    answer(one, "second");
    clock(T0);
    answer(one, "third");
    const again = one.page();
    assert.equal(again.trouble(), null);
    assert.equal(again.answers().length, 3);
    assert.equal(device().bringIn(again.takeOut()), 3);
    clock(T0 + 31 * DAY);
    assert.deepEqual(waiting(again), ["first", "second", "third"]);
  }
});

test("a record of a clock that is none is refused still", () => {
  const sealed = JSON.parse(seal(create("one")));
  for (const time of [9e14, 4.4e12, -1, Number.NaN]) {
    assert.throws(() => open(JSON.stringify({ ...sealed, clock: time }), "one"), /when it was written/);
  }
});

test("an erasure reaches what was stamped ahead", () => {
  clock(T0 + YEAR);
  const one = device();
  answer(one, "first");
  one.setRead("batching", true);
  clock(T0);
  answer(one, "second");
  one.writeNote("batching", "text", {});
  one.eraseUntil(one.latest());
  assert.ok(one.isEmpty());
  answer(one, "third");
  assert.equal(one.answers().length, 1);
});

test("notes of earlier pages do not pile up while order is ahead of the clock, and the last text stays", () => {
  clock(T0 + YEAR);
  const one = device();
  for (let n = 0; n < 12; n += 1) {
    clock(T0 + n * DAY);
    const page = one.page();
    page.writeNote("batching", `text ${n}`, page.note("batching").rows);
    page.flush();
    if (n === 0) {
      clock(T0 + YEAR);
      page.setRead("batching", true);
    }
  }
  const last = one.page();
  assert.equal(last.note("batching").text, "text 11");
  assert.ok(Object.keys(last.note("batching").rows).length <= 3);
});

test("stamps that agree are left as they are, and slips fall between their neighbours", () => {
  const ats = (/** @type {number[]} */ given, now = 1000) =>
    settled(
      given.map((at) => ({ at })),
      now,
    ).map(({ from, at }) => (from === at ? at : [from, at]));
  assert.deepEqual(ats([1, 2, 2, 30, 1000]), [1, 2, 2, 30, 1000]);
  assert.deepEqual(ats([]), []);
  assert.deepEqual(ats([5, 900, 6, 7]), [5, [5, 6], 6, 7]);
  assert.deepEqual(ats([5, 2000, 6, 7]), [5, [5, 6], 6, 7]);
  assert.deepEqual(ats([500, 600, 1, 700]), [500, 600, [600, 700], 700]);
  assert.deepEqual(ats([500, 600, 1]), [500, 600, [600, 1000]]);
  assert.deepEqual(ats([3000, 2000]), [
    [0, 1000],
    [0, 1000],
  ]);
  const many = Array.from({ length: 20_000 }, (_, i) => (i % 50 ? i : 1e9));
  assert.equal(ats(many, 1e6).filter(Array.isArray).length, 400);
});
