// @ts-check
/** The sentence at the foot of a page that says what keeps the record from being saved. */
import { follows, takeOut, trouble } from "./store.js";

/** Offer a text as a file. @param {string} name @param {string} text */
export function download(name, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
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
  return bar.replaceChildren(sentence, keep);
});
