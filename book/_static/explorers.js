// @ts-check
/** Brings the explorers of a built page to life: no kernel, no widget manager. */

/** @param {string} text base64 */
function decode(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new DataView(bytes.buffer);
}

/** What a widget needs of a model when nothing else changes it. */
class Model {
  /** @param {Record<string, unknown>} state */
  constructor(state) {
    this.state = state;
  }

  /** @param {string} name */
  get(name) {
    return this.state[name];
  }

  /** @param {string} name @param {unknown} value */
  set(name, value) {
    this.state[name] = value;
  }

  on() {}

  off() {}

  save_changes() {}
}

/** @param {HTMLElement} place */
async function start(place) {
  try {
    const { spec, data } = JSON.parse(place.querySelector("script")?.textContent ?? "");
    const code = new URL(`widgets/${place.dataset.module}`, import.meta.url);
    const { default: widget } = await import(code.href);
    widget.render({ model: new Model({ spec, data: decode(data) }), el: place, signal: new AbortController().signal });
  } catch (error) {
    console.error(error);
    const sentence = document.createElement("p");
    sentence.className = "xp-error";
    sentence.setAttribute("role", "alert");
    sentence.textContent = `This figure could not be brought to life (${error}). Its starting values are in the sentence above.`;
    place.append(sentence);
  }
}

document.querySelectorAll(".xp-place").forEach((place) => start(/** @type {HTMLElement} */ (place)));
