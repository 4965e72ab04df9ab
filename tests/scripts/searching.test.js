/** What search finds, in which order, and what it shows of it. */
import assert from "node:assert/strict";
import test from "node:test";

import { excerpt, found, opened } from "../../book/_static/searching.js";

/** @type {import("../../book/_static/searching.js").Row[]} */
const ROWS = [
  ["book/claims.html", "claim-a", "KV cache", "Published figures", "The KV cache of a model.", "", 3],
  ["lessons/b.html", "busy", "Busy is not loaded", "Batching", "Load is λ times α.", "lambda λ alpha α", 0],
  ["lessons/c.html", "kv", "KV cache", "Caching", "Keys and values of every token.", "", 0],
  ["exercises/c.html", "kv-1", "KV cache", "Exercises: caching", "Compute its bytes.", "", 1],
  ["lessons/b.html", "budget", "Chunked prefill", "Batching", "Set max_num_batched_tokens, or max_num_seqs.", "", 0],
];
const book = opened(ROWS);
/** @param {string} query */
const anchors = (query) => found(book, query).map(({ anchor }) => anchor);

test("a lesson's section comes before a sheet's, and that before a record", () => {
  assert.deepEqual(anchors("KV cache"), ["kv", "kv-1", "claim-a"]);
});

test("a symbol is found by its letter and by its name", () => {
  assert.deepEqual(anchors("λ"), ["busy"]);
  assert.deepEqual(anchors("lambda"), ["busy"]);
});

test("a name with underscores is one word, exactly, and a slip of the hand is forgiven elsewhere", () => {
  assert.deepEqual(anchors("max_num_batched_tokens"), ["budget"]);
  assert.deepEqual(anchors("max_num_batched_token5"), []);
  assert.deepEqual(anchors("prefil"), ["budget"]);
  assert.deepEqual(anchors("chunkd prefill"), ["budget"]);
});

test("nothing is found of nothing", () => {
  assert.deepEqual(anchors("zzzz"), []);
  assert.deepEqual(anchors("(*.["), []);
});

test("an excerpt shows the word, marked, and is cut between words", () => {
  const text = `${"before ".repeat(100)}the knee of it ${"after ".repeat(100)}`.trim();
  const pieces = excerpt(text, ["knee"]);
  assert.deepEqual(
    pieces.filter(({ hit }) => hit).map((piece) => piece.text),
    ["knee"],
  );
  const whole = pieces.map((piece) => piece.text).join("");
  assert.ok(whole.startsWith("… before") && whole.endsWith("after …"));
  assert.ok(whole.length < 240);
});
