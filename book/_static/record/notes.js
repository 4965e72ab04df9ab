/** Private notes on a lesson, saved as they are typed. */
import { make } from "./elements.js";

const MOST = 8000;

/** @param {HTMLElement} box @param {import("./store.js").Store} store @param {boolean} accounts whether there are any */
export function openNotes(box, store, accounts) {
  const where = `They stay in this browser${accounts ? ", and in your account if you sign in" : ""}.`;
  const lesson = box.dataset.lesson ?? "";
  const id = `notes-${lesson}`;
  const area = make("textarea", {
    id,
    rows: "6",
    maxlength: String(MOST),
    "aria-describedby": `${id}-count ${id}-state`,
  });
  const count = make("span", { id: `${id}-count`, class: "notes-count" });
  const state = make("span", {});
  const warning = make("span", { id: `${id}-state`, role: "status" });
  box.replaceChildren(
    make("label", { for: id }, "Private notes"),
    make("p", { class: "notes-hint" }, `${where} Markdown is kept as you type it.`),
    area,
    make("p", { class: "notes-foot" }, count, " ", state, " ", warning),
  );
  let seen = store.note(lesson).rows;
  let typing = false;
  /** Characters of what was pasted last that a full note did not take. */
  let left = 0;

  const show = () => {
    const found = store.note(lesson);
    if (document.activeElement !== area || !typing) {
      if (area.value !== found.text) area.value = found.text;
      seen = found.rows;
    }
    const over = area.value.length - MOST;
    count.textContent = `${area.value.length}/${MOST}`;
    state.textContent = store.trouble() ? "" : !store.saved() ? "Saving…" : typing ? "Saved." : "";
    const words = [];
    if (!store.saved() && store.trouble()) words.push("Not saved: see the note at the foot of this page.");
    if (found.apart) words.push("Two versions were written apart. Both are here: make one of them.");
    if (left) words.push(`${left} characters of what you pasted did not fit and are not here.`);
    if (over > 0) words.push(`${over} characters more than a note holds: shorten it.`);
    if (warning.textContent !== words.join(" ")) warning.textContent = words.join(" ");
  };

  area.addEventListener("paste", (event) => {
    const pasted = (event.clipboardData?.getData("text/plain") ?? "").replace(/\r\n?/g, "\n");
    const room = MOST - area.value.length + area.selectionEnd - area.selectionStart;
    left = Math.max(0, pasted.length - room);
    show();
  });
  area.addEventListener("input", (event) => {
    typing = true;
    if (/** @type {InputEvent} */ (event).inputType !== "insertFromPaste") left = 0;
    seen = store.writeNote(lesson, area.value, seen);
    show();
  });
  area.addEventListener("blur", () => {
    store.flush();
    typing = false;
    show();
  });
  store.follows(show);
}
