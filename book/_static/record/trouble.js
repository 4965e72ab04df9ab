/** The sentence at the foot of a page that says what keeps the record from being saved. */
import { make } from "./elements.js";

/** Offer a text as a file. @param {string} name @param {string} text */
export function download(name, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** @param {import("./store.js").Store} store */
export function showTrouble(store) {
  const bar = make("div", { class: "record-trouble", role: "alert", hidden: true });
  document.querySelector("main")?.append(bar);

  store.follows(() => {
    const found = store.trouble();
    bar.hidden = !found;
    if (!found) return bar.replaceChildren();
    if (bar.dataset.kind === found.kind && bar.childElementCount) return undefined;
    bar.dataset.kind = found.kind;
    const sentence = make("p", {}, found.sentence);
    const keep = make("button", { type: "button" }, "Keep a copy");
    keep.addEventListener("click", () => download("serving-record.json", store.takeOut()));
    const unread = store.rescue();
    if (unread === null) return bar.replaceChildren(sentence, keep);
    const old = make("button", { type: "button" }, "Keep the unread record");
    old.addEventListener("click", () => download("serving-record-unread.txt", unread));
    return bar.replaceChildren(sentence, keep, old);
  });
}
