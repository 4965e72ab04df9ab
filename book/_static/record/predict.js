/** A prediction in the text: the reader commits, then sees the value and how far off they were. */
import { make } from "./elements.js";
import { apart, parse, short } from "./numbers.js";

/** @param {HTMLElement} box @param {import("./store.js").Store} store */
export function openPrediction(box, store) {
  const name = box.dataset.prediction ?? "";
  const fold = /** @type {HTMLDetailsElement} */ (box.querySelector("details"));
  const truth = box.querySelector(".predict-truth")?.textContent?.trim() ?? "";
  const unit = box.dataset.unit ?? "";
  const choices = /** @type {string[] | null} */ (box.dataset.choices ? JSON.parse(box.dataset.choices) : null);
  const id = `predict-${name.replace(/\W/g, "-")}`;
  const input = choices
    ? make(
        "select",
        { id },
        make("option", { value: "" }, "Choose"),
        ...choices.map((choice) => make("option", {}, choice)),
      )
    : make("input", { id, type: "text", inputmode: "decimal", autocomplete: "off", maxlength: "60" });
  const commit = make("button", { type: "submit", class: "record-button" }, "Commit");
  const skip = make("button", { type: "button", class: "record-button plain" }, "Skip");
  const said = make("p", { class: "predict-said", role: "status" });
  const tail = unit && !choices ? ` ${unit}` : "";
  const form = make(
    "form",
    { class: "predict-form" },
    make("label", { for: id }, box.dataset.asks ?? ""),
    input,
    tail,
    commit,
    skip,
  );
  const summary = /** @type {HTMLElement} */ (fold.querySelector("summary"));
  summary.textContent = "The answer";
  fold.before(form, said);

  /** @param {string} given */
  const reveal = (given) => {
    form.hidden = true;
    fold.hidden = false;
    fold.open = true;
    said.textContent = given ? verdict(given, truth, unit, choices) : "You skipped this one.";
  };

  skip.addEventListener("click", () => {
    store.addPrediction(name, "");
    reveal("");
    summary.focus();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const given = input.value.trim();
    if (choices ? !given : Number.isNaN(parse(given, unit))) {
      said.textContent = choices ? "Choose one first, or skip." : "Type a number first, such as 12.5, or skip.";
      return;
    }
    store.addPrediction(name, given);
    reveal(given);
    summary.focus();
  });

  fold.hidden = true;
  store.follows(() => {
    const given = store.predicted(name);
    if (given !== null && !form.hidden) reveal(given);
    if (given === null && form.hidden) {
      form.hidden = false;
      fold.hidden = true;
      said.textContent = "";
    }
  });
}

/**
 * What is said of a prediction.
 *
 * @param {string} given
 * @param {string} truth
 * @param {string} unit
 * @param {string[] | null} choices
 */
export function verdict(given, truth, unit, choices) {
  if (choices) return given === truth ? `You said “${given}”, and so it is.` : `You said “${given}”. It is “${truth}”.`;
  const [value, right] = [parse(given, unit), parse(truth.match(/[-+\u2212]?[\d.,]*\d/)?.[0] ?? "")];
  const tail = unit === "%" ? "%" : unit && ` ${unit}`;
  const both = `You said ${short(value)}${tail}; it is ${truth.endsWith(tail) ? truth : truth + tail}`;
  if (unit === "%") {
    const points = Math.abs(value - right);
    return points < 0.5 ? `${both}.` : `${both}: ${short(points)} points too ${value > right ? "high" : "low"}.`;
  }
  const off = apart(value, right, ["too high", "too low"]);
  return off && Math.abs(value / right - 1) >= 0.005 ? `${both}: ${off}.` : `${both}.`;
}
