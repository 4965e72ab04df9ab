/** Search among the sections that the build has written down (`bookkit/finish/sections.py`). */
import MiniSearch from "./vendor/minisearch/dist/es/index.js";

/** Page, anchor, title, the page's title, text, names of symbols, and how early its page's sections come. @typedef {[string, string, string, string, string, string, number]} Row */
/** @typedef {{page: string, anchor: string, title: string, of: string, pieces: {text: string, hit: boolean}[]}} Hit */

/** Words keep what binds them: `max_num_batched_tokens` is one. @param {string} text */
const words = (text) => text.split(/[^\p{L}\p{N}_]+/u).filter(Boolean);
const LENGTH = 220;
/** Of a section its page counts: a lesson's comes before a sheet's, and that before what is looked up. */
const EARLIER = [1.6, 1, 1.1, 0.5];

/** An index of sections. @param {Row[]} rows */
export function opened(rows) {
  const index = new MiniSearch({
    fields: ["title", "of", "text", "names"],
    tokenize: words,
    searchOptions: {
      boost: { title: 6, of: 2, names: 2 },
      prefix: (term) => term.length > 2,
      fuzzy: (term) => (term.length > 4 && !term.includes("_") ? 0.2 : false),
      boostDocument: (id) => EARLIER[rows[id][6]],
    },
  });
  index.addAll(rows.map(([, , title, of, text, names], id) => ({ id, title, of, text, names })));
  return { index, rows };
}

/**
 * The sections that hold every word of a query, or if none does, any.
 *
 * @param {{index: MiniSearch, rows: Row[]}} book @param {string} query
 * @returns {Hit[]} best first
 */
export function found({ index, rows }, query) {
  const all = index.search(query, { combineWith: "AND" });
  const hits = all.length ? all : index.search(query);
  return hits.map(({ id, terms }) => {
    const [page, anchor, title, of, text] = rows[id];
    return { page, anchor, title, of, pieces: excerpt(text, terms) };
  });
}

/** A part of a text about the first of some words, cut at the words. @param {string} text @param {string[]} terms */
export function excerpt(text, terms) {
  const any = new RegExp(`(?<![\\p{L}\\p{N}_])(${terms.map(escaped).join("|")})(?![\\p{L}\\p{N}_])`, "giu");
  const at = Math.max(0, text.search(any));
  const from = at < LENGTH / 3 ? 0 : text.indexOf(" ", at - LENGTH / 3) + 1;
  const to = from + LENGTH >= text.length ? text.length : text.lastIndexOf(" ", from + LENGTH);
  const cut = `${from ? "… " : ""}${text.slice(from, to)}${to < text.length ? " …" : ""}`;
  return cut.split(any).map((piece, i) => ({ text: piece, hit: i % 2 === 1 }));
}

/** @param {string} text */
const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
