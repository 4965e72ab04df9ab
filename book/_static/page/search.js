/** The page of search: finds sections, terms and published figures, and says what of them matched. */
import { make } from "../record/elements.js";
import { found, opened } from "../searching.js";

const AT_ONCE = 20;

/** @typedef {import("../searching.js").Row} Row */

const rows = /** @type {Window & {bookSections?: Row[]}} */ (window).bookSections ?? [];
const place = document.querySelector("#search-results");
const field = /** @type {HTMLInputElement | null} */ (
  document.querySelector(".bd-search-container input[type=search]")
);
const asked = new URLSearchParams(location.search).get("q")?.trim() ?? "";

if (place && field) {
  field.value = asked;
  if (asked) show(place, asked);
}

/** @param {Element} box @param {string} query */
function show(box, query) {
  const hits = found(opened(rows), query);
  const count = `${hits.length || "No"} ${hits.length === 1 ? "section" : "sections"}`;
  const said = make("p", { role: "status" }, `${count} found for “${query}”.`);
  const list = make("ol", { class: "search-hits" });
  const more = make("button", { type: "button", class: "record-button" }, "Show more");
  let shown = 0;
  const add = () => {
    const next = hits.slice(shown, shown + AT_ONCE);
    const items = next.map(({ page, anchor, title, of, pieces }) => {
      const link = make("a", { href: `${page}#${anchor}` }, title);
      const text = pieces.map(({ text, hit }) => (hit ? make("mark", {}, text) : text));
      return make(
        "li",
        {},
        link,
        make("span", { class: "search-of" }, of === title ? "" : of),
        make("p", { class: "context" }, ...text),
      );
    });
    list.append(...items);
    shown += next.length;
    more.hidden = shown >= hits.length;
    return items[0]?.querySelector("a");
  };
  more.addEventListener("click", () => add()?.focus());
  add();
  box.replaceChildren(said, list, more);
}
