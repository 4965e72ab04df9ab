// @ts-check
/** The sentence at the foot of a page that says what keeps the record from being saved. */
import { follows, rescue, takeOut, trouble } from "./store.js";

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

const bar = document.createElement("div");
bar.className = "record-trouble";
bar.setAttribute("role", "alert");
bar.hidden = true;
document.querySelector("main")?.append(bar);

follows(() => {
  const found = trouble();
  bar.hidden = !found;
  if (!found) return bar.replaceChildren();
  if (bar.dataset.kind === found.kind && bar.childElementCount) return undefined;
  bar.dataset.kind = found.kind;
  const sentence = document.createElement("p");
  sentence.textContent = found.sentence;
  const keep = document.createElement("button");
  keep.type = "button";
  keep.textContent = "Keep a copy";
  keep.addEventListener("click", () => download("serving-record.json", takeOut()));
  const unread = rescue();
  if (unread === null) return bar.replaceChildren(sentence, keep);
  const old = document.createElement("button");
  old.type = "button";
  old.textContent = "Keep the unread record";
  old.addEventListener("click", () => download("serving-record-unread.txt", unread));
  return bar.replaceChildren(sentence, keep, old);
});
