/** A question on the page becomes one that can be answered. */
import { make } from "./elements.js";
import { distance, grade, valid } from "./grading.js";
import { parse, short } from "./numbers.js";

/**
 * @typedef {import("./grading.js").Kind} Kind
 * @typedef {import("./grading.js").Variant} Variant
 * @typedef {import("./grading.js").Key} Key
 * @typedef {import("./grading.js").Attempt} Attempt
 */

/** Number of questions made answerable, for names that stay apart. */
let made = 0;

/** What a reader answers with. @typedef {{element: HTMLElement | null, read: () => string | null, show: (given: string) => void, clear: () => void, lock: (locked: boolean) => void, ask: string}} Input */

/** @param {HTMLElement} question @param {Kind} kind @returns {Input} */
function choices(question, kind) {
  const items = /** @type {HTMLElement[]} */ ([...question.querySelectorAll(".options > li")]);
  const group = `choice-${(made += 1)}`;
  const inputs = items.map((item, i) => {
    const text = make("div", { class: "option-text", id: `${group}-${i}` }, ...item.childNodes);
    const type = kind === "one" ? "radio" : "checkbox";
    const input = make("input", { type, name: group, "aria-labelledby": text.id });
    item.replaceChildren(input, text);
    text.addEventListener("click", () => input.click());
    return input;
  });
  const chosen = () => inputs.flatMap((input, i) => (input.checked ? [i] : []));
  return {
    element: null,
    read: () => (chosen().length ? JSON.stringify(chosen()) : null),
    show: (given) => inputs.forEach((input, i) => (input.checked = JSON.parse(given).includes(i))),
    clear: () => inputs.forEach((input) => (input.checked = false)),
    lock: (locked) => inputs.forEach((input) => (input.disabled = locked)),
    ask: kind === "one" ? "Choose an answer first." : "Choose one answer or more first.",
  };
}

/** @param {Key} key @returns {Input} */
function number(key) {
  const unit = key.unit ?? "";
  const input = make("input", {
    type: "text",
    inputmode: "decimal",
    autocomplete: "off",
    maxlength: "60",
    "aria-label": unit ? `Your answer, in ${unit === "%" ? "percent" : unit}` : "Your answer",
  });
  return {
    element: make("p", { class: "number-answer" }, input, ` ${unit}`),
    read: () => (Number.isNaN(parse(input.value, unit)) ? null : input.value.trim()),
    show: (given) => (input.value = given),
    clear: () => (input.value = ""),
    lock: (locked) => (input.readOnly = locked),
    ask: "Type a number first, such as 12.5.",
  };
}

/** @param {HTMLElement} question @param {HTMLElement} status @returns {Input} */
function order(question, status) {
  const list = /** @type {HTMLElement} */ (question.querySelector(".options"));
  const items = /** @type {HTMLElement[]} */ ([...list.children]);
  const buttons = items.map((item) => {
    const words = (item.textContent ?? "").trim();
    const text = make("div", { class: "option-text" }, ...item.childNodes);
    const both = /** @type {const} */ (["up", "down"]).map((way) => {
      const button = make(
        "button",
        { type: "button", "aria-label": `Move ${way}: ${words}` },
        way === "up" ? "↑" : "↓",
      );
      button.addEventListener("click", () => {
        const other = way === "up" ? item.previousElementSibling : item.nextElementSibling;
        if (other && way === "up") other.before(item);
        else if (other) other.after(item);
        button.focus();
        const place = [...list.children].indexOf(item) + 1;
        status.textContent = other ? `${words}: now ${place} of ${items.length}.` : `${words} is at the end already.`;
      });
      return button;
    });
    item.replaceChildren(make("span", { class: "moves" }, ...both), text);
    return both;
  });
  return {
    element: null,
    read: () => JSON.stringify([...list.children].map((item) => items.indexOf(/** @type {HTMLElement} */ (item)))),
    show: (given) => list.append(...JSON.parse(given).map((/** @type {number} */ item) => items[item])),
    clear: () => list.append(...items),
    lock: (locked) => buttons.flat().forEach((button) => (button.disabled = locked)),
    ask: "",
  };
}

/**
 * Let the reader answer.
 *
 * @param {HTMLElement} question
 * @param {HTMLDetailsElement} answer its folded answer
 * @param {{last: Attempt | null, again: boolean, onAnswer: (attempt: Attempt) => void}} options
 *   what was answered before; whether another attempt is offered; who is told of an answer
 * @returns {() => void} puts it back as if never answered
 */
export function present(question, answer, { last, again, onAnswer }) {
  const kind = /** @type {Kind} */ (question.dataset.kind);
  const key = /** @type {Key} */ (JSON.parse(question.querySelector("script")?.textContent ?? "{}"));
  const status = make("p", { class: "question-status", role: "status" });
  const input = kind === "number" ? number(key) : kind === "order" ? order(question, status) : choices(question, kind);
  const check = make("button", { type: "submit", class: "record-button" }, "Check");
  const retry = make(
    "button",
    { type: "button", class: "record-button" },
    key.variants?.[1] ? "Try other numbers" : "Try again",
  );
  const form = make(
    "form",
    { class: "question-form" },
    ...(input.element ? [input.element] : []),
    check,
    retry,
    status,
  );
  question.querySelector(".options")?.before(form);
  form.prepend(
    ...(question.querySelector(".options") ? [/** @type {Node} */ (question.querySelector(".options"))] : []),
  );
  if (!form.isConnected) question.append(form);
  let variant = 0;

  /** @param {number} next */
  const turn = (next) => {
    variant = next;
    const shown = key.variants?.[variant]?.shown ?? {};
    for (const place of [question, answer].flatMap((part) => [...part.querySelectorAll("[data-place]")])) {
      place.textContent = shown[/** @type {HTMLElement} */ (place).dataset.place ?? ""] ?? place.textContent;
    }
    answer.querySelectorAll(".slip-number").forEach((place, i) => {
      place.textContent = short(/** @type {Variant[]} */ (key.variants)[variant].slips[i]);
    });
  };

  /** @param {Attempt} attempt @param {boolean} aloud */
  const judge = ({ given, right, variant: of }, aloud) => {
    turn(of);
    const { said } = grade(kind, key, given, variant);
    input.show(given);
    input.lock(true);
    check.hidden = true;
    retry.hidden = !again;
    question.dataset.state = right ? "right" : "wrong";
    question.querySelectorAll(".options > li").forEach((item, i) => {
      if (kind === "one" || kind === "several") mark(item, i, key.right ?? [], JSON.parse(given));
    });
    const pieces = [...answer.querySelectorAll(".feedback > li, .slips > li")];
    pieces.forEach((piece, i) => piece.classList.toggle("said", said.includes(i)));
    answer.hidden = false;
    answer.open = true;
    answer.dataset.showing = right ? "why" : "reason";
    if (!right && !said.length) answer.open = false;
    const reason =
      pieces.filter((_, i) => said.includes(i) && kind !== "one").length > 1
        ? "The reasons follow."
        : "The reason follows.";
    const off = kind === "number" && !right && !said.length ? distance(given, key, variant) : "";
    status.textContent = right
      ? "Right. The explanation follows."
      : ["Not right.", off, said.length ? reason : kind === "order" ? "At least two are out of place." : ""]
          .filter(Boolean)
          .join(" ");
    if (!aloud) status.removeAttribute("role");
  };

  const reset = () => {
    if (key.variants) turn((variant + 1) % key.variants.length);
    status.setAttribute("role", "status");
    status.textContent = "";
    delete question.dataset.state;
    question.querySelectorAll(".option-mark").forEach((found) => found.remove());
    answer.hidden = true;
    answer.open = false;
    input.clear();
    input.lock(false);
    check.hidden = false;
    retry.hidden = true;
  };

  retry.addEventListener("click", () => {
    reset();
    /** @type {HTMLElement | null} */ (form.querySelector("input, button:not([hidden])"))?.focus();
  });
  // Open on a part of it, "in full" opens the rest; the next click closes it.
  answer.querySelector("summary")?.addEventListener("click", (event) => {
    if (answer.open && answer.dataset.showing === "reason") event.preventDefault();
    delete answer.dataset.showing;
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const given = input.read();
    if (given === null) {
      status.textContent = input.ask;
      return;
    }
    const attempt = { given, right: grade(kind, key, given, variant).right, variant };
    judge(attempt, true);
    onAnswer(attempt);
    (again ? retry : status).focus();
  });

  const options = question.querySelectorAll(".options > li").length;
  const begin = () => {
    reset();
    turn(0);
  };
  begin();
  if (last && valid(kind, key, options, last)) {
    if (again) judge(last, false);
    else turn(key.variants ? (last.variant + 1) % key.variants.length : 0);
  }
  return begin;
}

/** @param {Element} item @param {number} i @param {number[]} right @param {number[]} chosen */
function mark(item, i, right, chosen) {
  if (!chosen.includes(i)) return;
  const fine = right.includes(i);
  item.append(make("span", { class: "option-mark", "data-right": String(fine) }, fine ? "✓ right" : "✗ not this one"));
}
