/**
 * The learner's record in this browser, and all that may be done with it.
 *
 * It is saved at once and read back whole. A save first takes in what another tab has saved, so that neither
 * overwrites the other. What cannot be read is put aside, what is newer is left alone, and a save that fails
 * is told by `problem`: nothing that was stored is lost by any of them.
 */
import {
  LARGEST,
  Refusal,
  create,
  fingerprint,
  merge,
  open,
  placeOf,
  put,
  restore,
  rows,
  seal,
  tooLarge,
  versions,
} from "./content.js";
import { settled } from "./moments.js";

const DAY = 864e5;

/**
 * @typedef {ReturnType<typeof openStore>} Store
 * @typedef {{id: string, question: string, lesson: string, given: string, right: boolean, variant: number, at: number, from?: number}} Answer
 * @typedef {{kind: "blocked" | "full" | "newer" | "unreadable", sentence: string}} Problem
 * @typedef {{text: string, rows: {[row: string]: number}, apart: boolean}} Note
 */

const SENTENCES = {
  blocked:
    "This browser keeps nothing for this site, as in some private windows. Your record lasts until you leave this page. Keep a copy to import it later.",
  full: "This browser's storage for the site is full, so what you did last is not saved. What was saved before is still there. Keep a copy, then free some space.",
  newer:
    "The record in this browser was written by a newer version of this book. It is left as it is, and nothing on this page is saved. Reload the page.",
  unreadable:
    "The record in this browser could not be read. It was put aside unchanged, and a new one begun. You can download it under Your record.",
};

/**
 * The record that a browser keeps under a key.
 *
 * @param {string} key two books on one host have one each
 * @param {Pick<Window, "localStorage" | "addEventListener" | "document">} window whose storage it is kept in, and
 *   which tells when another tab has saved and when this page is left
 */
export function openStore(key, window) {
  const deviceKey = `${key}:device`;
  const aside = `${key}:unreadable:`;
  /** @type {Set<() => void>} */
  const listeners = new Set();
  /** @type {Problem | null} */
  let problem = null;
  /** What this page knows to be stored. @type {string | null} */
  let stored = null;
  /** Whether what is stored must stay as it is. */
  let frozen = false;
  /** What could be neither read nor put aside: storage has no room for it twice. @type {string | null} */
  let held = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let soon;

  const device = identify();
  /** This page, as it names what it writes: two tabs write to rows of their own. */
  const writer = `${device}-${crypto.getRandomValues(new Uint32Array(1))[0].toString(36)}`;
  let record = create(device);

  /** The name of this browser in what it writes. */
  function identify() {
    const fresh = crypto.randomUUID?.() ?? Array.from(crypto.getRandomValues(new Uint32Array(4)), String).join("-");
    try {
      const known = window.localStorage.getItem(deviceKey);
      if (known && /^[\w-]{8,64}$/.test(known)) return known;
    } catch {
      // What the record says about storage, it says when it loads.
    }
    return fresh;
  }

  function load() {
    try {
      stored = window.localStorage.getItem(key);
    } catch {
      tell("blocked");
      return;
    }
    if (stored !== null) take(stored);
    prune();
  }

  /** Take in what is stored; put aside what cannot be read. @param {string} text */
  function take(text) {
    try {
      const other = open(text, device, { own: true });
      merge(record, other);
      return other;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (error.reason === "newer") {
        frozen = true;
        tell("newer");
      } else {
        putAside(text);
      }
      return null;
    }
  }

  /** Keep a text that cannot be read, once. @param {string} text */
  function putAside(text) {
    try {
      if (!unreadable().some(([, known]) => known === text))
        window.localStorage.setItem(`${aside}${new Date().toISOString()}`, text);
      if (held !== null) frozen = false;
      held = null;
      tell("unreadable");
    } catch {
      held = text;
      frozen = true;
      tell("full");
    }
  }

  /** @param {Problem["kind"] | null} kind */
  function tell(kind) {
    problem = kind && { kind, sentence: SENTENCES[kind] };
  }

  function save() {
    clearTimeout(soon);
    soon = undefined;
    if (held !== null) putAside(held);
    if (frozen) return;
    try {
      const found = window.localStorage.getItem(key);
      if (found !== null && found !== stored) take(found);
      if (frozen) return;
      const text = seal(record);
      if (window.localStorage.getItem(deviceKey) !== device) window.localStorage.setItem(deviceKey, device);
      if (text !== found) window.localStorage.setItem(key, text);
      stored = text;
      if (problem?.kind === "full" || problem?.kind === "blocked") tell(null);
    } catch (error) {
      const full = error instanceof DOMException && /quota/i.test(error.name);
      tell(full ? "full" : "blocked");
    }
  }

  /** Save what waits to be saved. */
  function flush() {
    if (soon === undefined) return;
    save();
    changed();
  }

  function changed() {
    for (const listener of listeners) listener();
  }

  /** Another tab has saved, or erased. @param {StorageEvent} event */
  function follow(event) {
    if (event.key !== key && event.key !== null) return;
    if (event.newValue === null) {
      record = create(device);
      stored = null;
    } else {
      stored = event.newValue;
      const other = take(event.newValue);
      if (other && fingerprint(other) !== fingerprint(record)) soon ??= setTimeout(flush, 50 + 200 * Math.random());
    }
    changed();
  }

  /** Be told of every change, and at once. @param {() => void} listener */
  function follows(listener) {
    listeners.add(listener);
    listener();
  }

  /** What keeps the record from being saved, if anything does. */
  function trouble() {
    return problem;
  }

  /** Whether all that was done is saved. */
  function saved() {
    return soon === undefined && !frozen && problem?.kind !== "full" && problem?.kind !== "blocked";
  }

  // Answers

  /** @param {string} question lesson/name @param {string} given @param {boolean} right @param {number} variant */
  function addAnswer(question, given, right, variant) {
    put(record, "answers", `${writer}-${record.clock.next()}`, { question, given, right, variant, at: present() });
    save();
    changed();
  }

  /** All answers in the order they were given, each with when that may have been. @returns {Answer[]} */
  function answers() {
    const found = added("answers").map((row) => ({ ...row, lesson: String(row.question).split("/")[0] }));
    return /** @type {Answer[]} */ (settled(found, present()));
  }

  // Predictions

  /** @param {string} prediction lesson/name @param {string} given empty when skipped */
  function addPrediction(prediction, given) {
    put(record, "predictions", `${writer}-${record.clock.next()}`, { prediction, given, at: present() });
    save();
    changed();
  }

  /** What was first said to a prediction, if anything was. @param {string} prediction @returns {string | null} */
  function predicted(prediction) {
    return added("predictions").find((row) => row.prediction === prediction)?.given ?? null;
  }

  /** The rows of a table that are only ever added, in order. @param {"answers" | "predictions"} table @returns {any[]} */
  function added(table) {
    return inOrder(rows(record, table).map(([id, row]) => ({ id, place: placeOf(table, id, row), ...row })));
  }

  // Notes

  /**
   * The notes on a lesson. Each page that was open writes to a row of its own, which says what it had seen of the
   * others; rows that have not seen each other were written apart, and are all part of the text.
   *
   * @param {string} lesson
   * @returns {Note}
   */
  function note(lesson) {
    const all = rows(record, "notes")
      .filter(([, row]) => row.lesson === lesson)
      .map(([id, row]) => ({
        id,
        text: String(row.text),
        place: placeOf("notes", id, row),
        seen: versions(row.seen) ?? {},
      }));
    const present = inOrder(
      all.filter(({ id, place }) => !all.some((other) => other.id !== id && other.seen[id] >= place)),
    );
    return {
      text: join(present.map(({ text }) => text)),
      rows: Object.fromEntries(all.map(({ id, place }) => [id, place])),
      apart: new Set(present.map(({ text }) => text).filter(Boolean)).size > 1,
    };
  }

  /**
   * Write notes that take the place of those in `seen`.
   *
   * @param {string} lesson
   * @param {string} text
   * @param {Note["rows"]} seen
   * @returns {Note["rows"]} what has been seen then
   */
  function writeNote(lesson, text, seen) {
    const row = `${lesson}/${writer}`;
    const { [row]: _, ...others } = seen;
    const at = record.clock.next();
    put(record, "notes", row, { lesson, text, at, seen: JSON.stringify(others) });
    clearTimeout(soon);
    soon = setTimeout(flush, 250);
    return { ...seen, [row]: at };
  }

  /**
   * Drop what this browser wrote on earlier pages and later ones have taken the place of, a day ago or more. While order
   * is ahead of the clock nothing tells a day, and it is dropped at once.
   */
  function prune() {
    const all = rows(record, "notes");
    const { latest } = record.clock;
    const old = isAhead() ? latest : latest - DAY;
    for (const [id, { lesson, at }] of all) {
      const replaced = all.some(([other, row]) => {
        const seen = versions(row.seen) ?? {};
        return other !== id && seen[id] >= Number(at) && Number(row.at) <= old;
      });
      if (replaced && id.startsWith(`${lesson}/${device}`)) record.store.delRow("notes", id);
    }
  }

  // Lessons that were read

  /** @param {string} lesson @param {boolean} yes */
  function setRead(lesson, yes) {
    const at = record.clock.next();
    if (yes) put(record, "reads", lesson, { at });
    else record.store.delRow("reads", lesson);
    save();
    changed();
  }

  /** @param {string} lesson */
  function isRead(lesson) {
    return record.store.hasRow("reads", lesson);
  }

  // The record as a whole

  /** What this device's clock says. */
  function present() {
    return record.clock.now();
  }

  /** The place of what came last, in the order of the record. */
  function latest() {
    return record.clock.read();
  }

  /** Whether the record holds what a clock far ahead of this device's has stamped: one of the two is or was wrong. */
  function isAhead() {
    return record.clock.latest - record.clock.now() > DAY;
  }

  /** Everything, as a text that `bringIn` reads. */
  function takeOut() {
    return seal(record);
  }

  /** Changes whenever the record does, and is the same where another record holds the same. */
  function mark() {
    return fingerprint(record);
  }

  /** What cannot be read and could not be put aside; a copy is all that is left to keep. */
  function rescue() {
    return held;
  }

  /**
   * Take in what another record holds, beside what is here.
   *
   * @param {string} text
   * @param {{anew?: boolean}} options anew: what was deleted here comes back
   * @returns {number} of rows that are new
   * @throws {Refusal} and nothing is changed
   */
  function bringIn(text, { anew = false } = {}) {
    const other = open(text, device);
    const both = open(seal(record), device, { own: true });
    merge(both, other);
    if (anew) restore(both, other);
    if (seal(both).length > LARGEST) throw tooLarge("Together with what is here it would be");
    const before = rowsOf(record.store);
    merge(record, both);
    save();
    changed();
    return [...rowsOf(record.store)].filter((row) => !before.has(row)).length;
  }

  /** Whether there is nothing on record. */
  function isEmpty() {
    return record.store.getTableIds().length === 0;
  }

  /** Texts that could not be read, by the moment they were put aside. @returns {[string, string][]} */
  function unreadable() {
    try {
      return Object.keys(window.localStorage)
        .filter((name) => name.startsWith(aside))
        .sort()
        .map((name) => [name.slice(aside.length), window.localStorage.getItem(name) ?? ""]);
    } catch {
      return [];
    }
  }

  /**
   * Erase everything in this browser. With an account, rows are deleted rather than forgotten, so that the server
   * and other devices delete them too.
   *
   * @param {boolean} everywhere
   */
  function erase(everywhere) {
    clearTimeout(soon);
    soon = undefined;
    frozen = false;
    held = null;
    record.clock.next();
    if (everywhere) record.store.delTables();
    else record = create(device);
    try {
      for (const name of Object.keys(window.localStorage)) {
        if (name === key || name === deviceKey || name.startsWith(aside)) window.localStorage.removeItem(name);
      }
      stored = null;
      tell(null);
    } catch {
      tell("blocked");
    }
    if (everywhere) save();
    changed();
  }

  /** Delete what was written up to a place in order, as an erasure there would have. @param {number} place */
  function eraseUntil(place) {
    record.clock.next();
    for (const table of record.store.getTableIds()) {
      for (const [id, row] of rows(record, table)) if (placeOf(table, id, row) <= place) record.store.delRow(table, id);
    }
    save();
    changed();
  }

  load();
  window.addEventListener("storage", follow);
  window.addEventListener("pagehide", flush);
  window.document.addEventListener("visibilitychange", () => window.document.hidden && flush());
  return {
    flush,
    follows,
    trouble,
    saved,
    addAnswer,
    answers,
    addPrediction,
    predicted,
    note,
    writeNote,
    setRead,
    isRead,
    present,
    latest,
    isAhead,
    takeOut,
    mark,
    rescue,
    bringIn,
    isEmpty,
    unreadable,
    erase,
    eraseUntil,
  };
}

/** @template {{id: string, place: number}} T @param {T[]} rows @returns {T[]} */
function inOrder(rows) {
  return rows.sort((a, b) => a.place - b.place || (a.id < b.id ? -1 : 1));
}

/** @param {string[]} texts */
function join(texts) {
  return [...new Set(texts.filter(Boolean))].join("\n\n— written elsewhere at the same time —\n\n");
}

/** @param {import("./content.js").MergeableStore} store */
function rowsOf(store) {
  const rows = store
    .getTableIds()
    .flatMap((table) => store.getRowIds(table).map((id) => JSON.stringify([table, id, store.getRow(table, id)])));
  return new Set(rows);
}
