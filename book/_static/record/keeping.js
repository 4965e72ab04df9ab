/** Export, import and erase. */
import { LARGEST, Refusal, tooLarge } from "./content.js";
import { make } from "./elements.js";
import { download } from "./trouble.js";

/** @typedef {import("./store.js").Store} Store */

/** @param {HTMLElement} box @param {Store} store @param {import("./sync.js").Sync} sync */
export function openKeeping(box, store, sync) {
  const said = make("p", { role: "status" });
  const out = make("button", { type: "button", class: "record-button" }, "Export everything");
  out.addEventListener("click", () => {
    download("serving-record.json", store.takeOut());
    said.textContent = "Exported as serving-record.json.";
  });
  const file = make("input", { type: "file", accept: "application/json,.json", id: "record-file" });
  file.addEventListener("change", async () => {
    said.textContent = await read(store, file.files?.[0]);
    file.value = "";
  });
  const gone = make("button", { type: "button", class: "record-button danger" }, "Erase everything");
  const sure = make("button", { type: "button", class: "record-button danger", hidden: "" }, "Erase it for good");
  const keep = make("button", { type: "button", class: "record-button", hidden: "" }, "Keep it");
  const armed = (/** @type {boolean} */ yes) => {
    sure.hidden = keep.hidden = !yes;
    gone.hidden = yes;
  };
  gone.addEventListener("click", () => {
    armed(true);
    said.textContent = "Answers, predictions, notes and progress will be gone. There is no way back but an export.";
    keep.focus();
  });
  keep.addEventListener("click", () => {
    armed(false);
    said.textContent = "Kept.";
    gone.focus();
  });
  sure.addEventListener("click", async () => {
    armed(false);
    said.textContent = "Erasing…";
    gone.focus();
    said.textContent = await sync.eraseAll();
  });
  const aside = make("ul", { class: "record-aside" });
  box.prepend(
    make("p", {}, out),
    make("p", {}, make("label", { for: file.id }, "Import an export: "), file),
    make("p", {}, gone, sure, " ", keep),
    said,
    aside,
  );
  store.follows(() => {
    out.disabled = store.isEmpty();
    aside.replaceChildren(
      ...store.unreadable().map(([moment, text]) => {
        const link = make("button", { type: "button", class: "record-button" }, "Download");
        link.addEventListener("click", () => download(`unreadable-${moment}.txt`, text));
        return make("li", {}, `A record that could not be read, put aside on ${moment.slice(0, 10)} `, link);
      }),
    );
  });
}

/** @param {Store} store @param {File | undefined} file @returns {Promise<string>} what came of it */
async function read(store, file) {
  if (!file) return "";
  try {
    if (file.size > 4 * LARGEST) throw tooLarge("It is");
    const rows = store.bringIn(await file.text(), { anew: true });
    return rows
      ? `Imported: ${rows} new or changed entr${rows > 1 ? "ies" : "y"}.`
      : "Imported: all of it was here already.";
  } catch (error) {
    const reason = error instanceof Refusal ? error.message : "The file could not be read.";
    return `Not imported, and nothing was changed. ${reason}`;
  }
}
