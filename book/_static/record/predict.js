/** A prediction in the text: the reader commits, then sees the value, how far off they were, and what follows. */
import { make } from "./elements.js";
import { apart, parse, share, short } from "./numbers.js";

/** Where a browser keeps that all answers show. */
const KEPT = "book-answers";

/** Whether a browser keeps that they do. */
function kept() {
  try {
    return localStorage.getItem(KEPT) === "shown";
  } catch {
    return false;
  }
}

/** @param {boolean} shown */
function keep(shown) {
  try {
    if (shown) localStorage.setItem(KEPT, "shown");
    else localStorage.removeItem(KEPT);
  } catch {
    // It holds for this page.
  }
}

/** What follows a prediction. @param {string} name @returns {HTMLElement | null} */
const restOf = (name) => document.querySelector(`.predict-rest[data-rest="${CSS.escape(name)}"]`);

/** @param {Element | null} rest @param {boolean} shown */
const show = (rest, shown) => rest?.toggleAttribute("data-shown", shown);

/** The switch, once the page has it. @returns {HTMLInputElement | null} */
const theSwitch = () => document.querySelector("#predict-shows");

/** The part of the page that the address asks for. */
function asked() {
  const [id] = location.hash.slice(1).split("?");
  return id ? (document.getElementById(id) ?? document.querySelector(`.xp[data-name="${CSS.escape(id)}"]`)) : null;
}

/** The switch of a page with predictions, and what an address shows. @param {import("./store.js").Store} store */
export function openAnswers(store) {
  const rests = /** @type {HTMLElement[]} */ ([...document.querySelectorAll(".predict-rest")]);
  if (!rests.length) return;
  const box = make("input", { type: "checkbox", id: "predict-shows" });
  const all = () => {
    for (const rest of rests) show(rest, box.checked || store.predicted(rest.dataset.rest ?? "") !== null);
  };
  box.checked = kept();
  box.addEventListener("change", () => {
    keep(box.checked);
    all();
  });
  const line = make(
    "p",
    { class: "predict-shows" },
    box,
    make("label", { for: box.id }, "Show what follows predictions"),
  );
  const facts = document.querySelector(".lesson-facts");
  if (facts) facts.after(line);
  else document.querySelector(".predict")?.before(line);
  all();
  const reach = () => {
    const place = asked();
    const rest = place?.closest(".predict-rest");
    if (!rest || rest.hasAttribute("data-shown")) return;
    show(rest, true);
    place?.scrollIntoView({ block: "start" });
  };
  reach();
  window.addEventListener("hashchange", reach);
}

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
  const again = make("button", { type: "button", class: "record-button plain", hidden: "" }, "Predict again");
  const rest = restOf(name);
  summary.textContent = "The answer";
  fold.before(form, said);
  fold.after(again);
  let trying = false;

  /** @param {string} given */
  const reveal = (given) => {
    form.hidden = true;
    fold.hidden = again.hidden = false;
    fold.open = true;
    show(rest, true);
    said.textContent = given ? verdict(given, truth, unit, choices) : "You skipped this one.";
  };
  const ask = () => {
    form.hidden = false;
    fold.hidden = again.hidden = true;
    said.textContent = "";
    show(rest, theSwitch()?.checked ?? false);
  };
  /** What was said first is kept; another try is for the reader alone. @param {string} given */
  const settle = (given) => {
    if (!trying) store.addPrediction(name, given);
    trying = false;
    reveal(given);
    summary.focus();
  };

  skip.addEventListener("click", () => settle(""));
  again.addEventListener("click", () => {
    trying = true;
    input.value = "";
    ask();
    input.focus();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const given = input.value.trim();
    if (choices ? !given : Number.isNaN(parse(given, unit))) {
      said.textContent = choices ? "Choose one first, or skip." : "Type a number first, such as 12.5, or skip.";
      return;
    }
    settle(given);
  });

  fold.hidden = true;
  store.follows(() => {
    const given = store.predicted(name);
    if (given !== null && !form.hidden && !trying) reveal(given);
    if (given === null && form.hidden) ask();
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
  const right = parse(truth.match(/[-+\u2212]?[\d.,]*\d/)?.[0] ?? "");
  const value = share(given, unit, right);
  const tail = unit === "%" ? "%" : unit && ` ${unit}`;
  const both = `You said ${short(value)}${tail}; it is ${truth.endsWith(tail) ? truth : truth + tail}`;
  if (unit === "%") {
    const points = Math.abs(value - right);
    return points < 0.5 ? `${both}.` : `${both}: ${short(points)} points too ${value > right ? "high" : "low"}.`;
  }
  const off = apart(value, right, ["too high", "too low"]);
  return off && Math.abs(value / right - 1) >= 0.005 ? `${both}: ${off}.` : `${both}.`;
}
