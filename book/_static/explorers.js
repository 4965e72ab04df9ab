/** Brings an explorer of a built page to life: no kernel, no widget manager. */
import widget from "../../labs/explorer/page.js";

/** @param {string} text base64 */
function decode(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new DataView(bytes.buffer);
}

/** @param {HTMLElement} place */
export function revive(place) {
  try {
    const { spec, data } = JSON.parse(place.querySelector("script")?.textContent ?? "");
    /** @type {{[name: string]: unknown}} */
    const state = { spec, data: decode(data) };
    widget.render({ model: { get: (name) => state[name] }, el: place, signal: new AbortController().signal });
  } catch (error) {
    console.error(error);
    const sentence = document.createElement("p");
    sentence.className = "xp-error";
    sentence.setAttribute("role", "alert");
    sentence.textContent = `This figure could not be brought to life (${error}). Its starting values are in the sentence above.`;
    place.append(sentence);
  }
}
