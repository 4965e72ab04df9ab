/**
 * What a record holds, and the one way in: everything that comes from storage, another tab, a file or a
 * server is read by `open`, which refuses what is not a record before anything is changed.
 *
 * A record is a TinyBase store that merges: what two devices wrote while apart is there after `merge`.
 * Answers and predictions are rows that are only ever added. Notes have a row for each page that wrote.
 */
import { createMergeableStore } from "../vendor/tinybase/min/mergeable-store/index.js";

export const BOOK = "serving-by-the-numbers";
export const VERSION = 2;
/** Of what comes from a file or a server, in characters; a browser keeps less than this. */
export const LARGEST = 6_000_000;
const LONGEST = 100_000;
/** 2096, beyond which no clock is believed: TinyBase stamps times with 42 bits. */
const LATEST = 4e12;
/** Of the order that goes on from there, in a record that comes from elsewhere and in one's own. */
const [HIGHEST, OWN_HIGHEST] = [LATEST + 1e11, 2 ** 42 - 1];

/**
 * @typedef {import("tinybase/mergeable-store").MergeableStore} MergeableStore
 * @typedef {{book: string, version: number, clock: number, content: any}} Envelope
 * @typedef {{store: MergeableStore, clock: Clock}} Record
 */

/** TinyBase keeps these for itself and drops a text that begins with one; a mark before them keeps it. */
const RESERVED = /^[\u200b\ufffc\ufffd]/;
const MARK = "\u200b";

/** The cells of a row of each table, with their types. */
const TABLES = /** @type {{[table: string]: {[cell: string]: string}}} */ ({
  answers: { question: "string", given: "string", right: "boolean", variant: "number", at: "number" },
  predictions: { prediction: "string", given: "string", at: "number" },
  notes: { lesson: "string", text: "string", at: "number", seen: "string" },
  reads: { at: "number" },
});

/** The tables whose rows are only ever added. */
const ADDED = ["answers", "predictions"];

/** What makes a record of version n one of version n + 1. */
const MIGRATIONS = /** @type {{[version: number]: (store: MergeableStore, device: string) => void}} */ ({
  /** A lesson's notes were one row, which the last device to write took from the others. */
  1: (store, device) => {
    for (const lesson of store.getRowIds("notes")) {
      const { text, at } = store.getRow("notes", lesson);
      store.delRow("notes", lesson);
      store.setRow("notes", `${lesson}/${device}`, { lesson, text, at, seen: "{}" });
    }
  },
});

/** Why something is not taken in, in a sentence for the reader. */
export class Refusal extends Error {
  /** @param {"not ours" | "newer" | "too large"} reason @param {string} sentence */
  constructor(reason, sentence) {
    super(sentence);
    this.reason = reason;
  }
}

/**
 * Order, apart from time. A clock that was set back would order what comes after it first, and TinyBase drops what lies
 * in its future: so order never runs backwards, and follows the clock only where that is not behind. Once a clock was
 * ahead, here or where a record came from, order stays ahead and goes on from there. What is due is asked of `now`.
 */
export class Clock {
  /** The place of what came last, in milliseconds while no clock has been ahead. */
  latest = 0;

  /** What this device's clock says, right or wrong. */
  now() {
    return Math.min(Date.now(), LATEST);
  }

  /** The place in order of what comes now. */
  read() {
    return Math.max(this.now(), this.latest);
  }

  /** A place in order that is after all others. */
  next() {
    this.latest = Math.max(this.now(), this.latest + 1);
    return this.latest;
  }

  /** @param {number} time a place in order */
  see(time) {
    this.latest = Math.max(this.latest, time);
  }
}

/** @param {string} device @returns {Record} */
export function create(device) {
  const clock = new Clock();
  return { store: createMergeableStore(device, () => clock.read()), clock };
}

/** @param {Record} record @returns {string} */
export function seal({ store, clock }) {
  const content = store.getMergeableContent();
  return JSON.stringify({ book: BOOK, version: VERSION, clock: clock.latest, content });
}

/**
 * Read a sealed record into one of its own.
 *
 * @param {string} text
 * @param {string} device names what a migration writes
 * @param {{own?: boolean}} options own: what was kept here before, which is never too large
 * @returns {Record}
 * @throws {Refusal} and nothing is changed
 */
export function open(text, device, { own = false } = {}) {
  if (text.length > LARGEST && !own) throw tooLarge("It is");
  const { version, clock, content } = envelope(text, own ? OWN_HIGHEST : HIGHEST);
  const record = create(device);
  try {
    record.clock.see(clock);
    record.store.setMergeableContent(withDeletions(content));
    for (let from = version; from < VERSION; from += 1) MIGRATIONS[from](record.store, device);
    validate(record.store, own ? Infinity : LONGEST);
    if (holds(record.store, content)) return record;
  } catch (error) {
    if (error instanceof Refusal) throw error;
  }
  throw new Refusal("not ours", "What it holds cannot be read as a record.");
}

/** @param {string} what */
export function tooLarge(what) {
  return new Refusal("too large", `${what} larger than ${LARGEST / 1e6} MB, which no record of this book is.`);
}

/**
 * The place of a row in order. What is only ever added has it at the end of its id; `at` is what the clock said. Until
 * that was told apart, `at` was the place in order, and of other rows it still is.
 *
 * @param {string} table
 * @param {string} id
 * @param {{at: number}} row
 */
export function placeOf(table, id, { at }) {
  const [, place] = (ADDED.includes(table) && /-(\d{1,13})$/.exec(id)) || [];
  return place ? Number(place) : at;
}

/** Take over what another record holds and this one does not. @param {Record} record @param {Record} other */
export function merge(record, other) {
  record.clock.see(other.clock.latest);
  record.store.applyMergeableChanges(other.store.getMergeableContent());
}

/** Write again what another record holds and this one has deleted. @param {Record} record @param {Record} other */
export function restore({ store, clock }, other) {
  clock.next();
  for (const table of other.store.getTableIds()) {
    for (const id of other.store.getRowIds(table)) {
      if (!store.hasRow(table, id)) store.setRow(table, id, other.store.getRow(table, id));
    }
  }
}

/** What two records that hold the same have in common. @param {Record} record */
export function fingerprint({ store }) {
  return JSON.stringify(store.getMergeableContentHashes());
}

/** @param {Record} record @param {string} table @param {string} id @param {{[cell: string]: string | number | boolean}} row */
export function put({ store }, table, id, row) {
  const kept = (/** @type {string | number | boolean} */ value) =>
    typeof value === "string" && RESERVED.test(value) ? MARK + value : value;
  store.setRow(table, id, Object.fromEntries(Object.entries(row).map(([cell, value]) => [cell, kept(value)])));
}

/** The rows of a table, as `put` got them. @param {Record} record @param {string} table @returns {[string, any][]} */
export function rows({ store }, table) {
  const given = (/** @type {unknown} */ value) =>
    typeof value === "string" && value.startsWith(MARK) ? value.slice(1) : value;
  return Object.entries(store.getTable(table)).map(([id, row]) => [
    id,
    Object.fromEntries(Object.entries(row).map(([cell, value]) => [cell, given(value)])),
  ]);
}

/** @param {string} text @param {number} highest place in order @returns {Envelope} */
function envelope(text, highest) {
  let found;
  try {
    found = JSON.parse(text);
  } catch {
    throw new Refusal("not ours", "It is not JSON, so it is not a record of this book.");
  }
  if (found?.book !== BOOK) throw new Refusal("not ours", "It is not a record of this book.");
  const { version, clock } = found;
  if (!Number.isInteger(version) || version < 1) throw new Refusal("not ours", "It does not say its version.");
  if (version > VERSION) {
    throw new Refusal(
      "newer",
      `It has version ${version} and this book reads up to ${VERSION}: reload, or update the book.`,
    );
  }
  if (!Number.isFinite(clock) || clock < 0 || clock > highest) {
    throw new Refusal("not ours", "It does not say when it was written.");
  }
  return found;
}

/** JSON writes what was deleted as null, and TinyBase reads it as undefined. @param {any} content @returns {any} */
function withDeletions(content) {
  if (content === null) return undefined;
  if (Array.isArray(content)) return content.map(withDeletions);
  if (typeof content !== "object") return content;
  return Object.fromEntries(Object.entries(content).map(([name, value]) => [name, withDeletions(value)]));
}

/** Whether a store took content in, which TinyBase passes over in silence where it cannot. @param {MergeableStore} store @param {any} content */
function holds(store, content) {
  const [tables] = Array.isArray(content) ? content : [];
  const names = Array.isArray(tables) && tables[0] && typeof tables[0] === "object" ? Object.keys(tables[0]) : null;
  const kept = Object.keys(store.getMergeableContent()[0][0]);
  return names !== null && names.every((name) => kept.includes(name));
}

/** @param {MergeableStore} store @param {number} longest text @throws {Refusal} */
function validate(store, longest) {
  for (const table of store.getTableIds()) {
    const cells = TABLES[table];
    if (!cells) throw new Refusal("not ours", `It has a table that no record has: ${table.slice(0, 40)}.`);
    for (const id of store.getRowIds(table)) {
      const row = store.getRow(table, id);
      const fault = Object.keys({ ...cells, ...row }).find((cell) => !fits(cells[cell], row[cell], longest));
      if (fault || id.length > 200) {
        throw new Refusal("not ours", `A row of ${table} is not one of a record: ${(fault ?? id).slice(0, 40)}.`);
      }
      if (table === "notes" && !versions(String(row.seen))) {
        throw new Refusal("not ours", "A note does not say which others it has seen.");
      }
    }
  }
}

/** @param {string | undefined} type @param {unknown} value @param {number} longest */
function fits(type, value, longest) {
  if (typeof value !== type) return false;
  return typeof value === "string" ? value.length <= longest : typeof value !== "number" || Number.isFinite(value);
}

/** The times up to which a note has seen other rows. @param {string} text @returns {{[row: string]: number} | null} */
export function versions(text) {
  try {
    const found = JSON.parse(text);
    const fine = found && typeof found === "object" && Object.values(found).every(Number.isFinite);
    return fine ? found : null;
  } catch {
    return null;
  }
}
