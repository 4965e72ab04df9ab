// @ts-check
/** Private notes on a lesson, saved as they are typed. */
import { make } from "./questions.js";
import { flush, follows, note, saved, trouble, writeNote } from "./store.js";
import "./trouble.js";

const MOST = 8000;
const WHERE = document.querySelector('meta[name="account-server"]')
  ? "They stay in this browser, and in your account if you sign in."
  : "They stay in this browser.";

for (const box of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(".lesson-notes"))) open(box);

/** @param {HTMLElement} box */
function open(box) {
  const lesson = box.dataset.lesson ?? "";
  const id = `notes-${lesson}`;
  const area = make("textarea", { id, rows: "6", maxlength: String(MOST), "aria-describedby": `${id}-count ${id}-state` });
  const count = make("span", { id: `${id}-count`, class: "notes-count" });
  const state = make("span", {});
  const warning = make("span", { id: `${id}-state`, role: "status" });
  box.replaceChildren(
    make("label", { for: id }, "Private notes"),
    make("p", { class: "notes-hint" }, `${WHERE} Markdown is kept as you type it.`),
    area,
    make("p", { class: "notes-foot" }, count, " ", state, " ", warning),
  );
  let seen = note(lesson).rows;
  let typing = false;

  const show = () => {
    const found = note(lesson);
    if (document.activeElement !== area || !typing) {
      if (area.value !== found.text) area.value = found.text;
      seen = found.rows;
    }
    const over = area.value.length - MOST;
    count.textContent = `${area.value.length}/${MOST}`;
    state.textContent = trouble() ? "" : !saved() ? "Saving…" : typing ? "Saved." : "";
    const words = [];
    if (!saved() && trouble()) words.push("Not saved: see the note at the foot of this page.");
    if (found.apart) words.push("Two versions were written apart. Both are here: make one of them.");
    if (over > 0) words.push(`${over} characters more than a note holds: shorten it.`);
    if (warning.textContent !== words.join(" ")) warning.textContent = words.join(" ");
  };

  area.addEventListener("input", () => {
    typing = true;
    seen = writeNote(lesson, area.value, seen);
    show();
  });
  area.addEventListener("blur", () => {
    flush();
    typing = false;
    show();
  });
  follows(show);
}
