// @ts-check
/** A question on the page becomes one that can be answered; which answers are right, the page says. */

/**
 * @typedef {"one" | "several" | "number" | "order"} Kind
 * @typedef {{answer: number, slips: number[], shown: {[place: string]: string}}} Variant
 * @typedef {{right?: number[], places?: number[], unit?: string, tolerance?: number, variants?: Variant[]}} Key
 * @typedef {{given: string, right: boolean, variant: number}} Attempt
 */

/** A number as people type it, with the unit or without. @param {string} text @param {string} [unit] */
export function parse(text, unit = "") {
  let bare = text.trim().replace(/\u2212/g, "-");
  if (unit && bare.toLowerCase().endsWith(unit.toLowerCase())) bare = bare.slice(0, -unit.length);
  bare = bare.replace(/%$/, "").replace(/(\d)[\s\u00a0'_](?=\d{3}\b)/g, "$1").trim();
  if (/^[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d*)?$/.test(bare)) bare = bare.replaceAll(",", "");
  else if (/^[+-]?\d*,\d+$/.test(bare)) bare = bare.replace(",", ".");
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(bare) ? Number(bare) : NaN;
}

/** @param {number} value @param {number} answer @param {number} tolerance relative */
function near(value, answer, tolerance) {
  return Math.abs(value - answer) <= Math.max(tolerance, 1e-9) * Math.abs(answer);
}

/**
 * Whether an answer is right, and which pieces of feedback belong to it.
 *
 * @param {Kind} kind
 * @param {Key} key
 * @param {string} given
 * @param {number} variant
 * @returns {{right: boolean, said: number[]}}
 */
export function grade(kind, key, given, variant) {
  if (kind === "number") {
    const { answer, slips } = /** @type {Variant[]} */ (key.variants)[variant];
    const value = parse(given, key.unit);
    if (near(value, answer, key.tolerance ?? 0)) return { right: true, said: [] };
    const slip = slips.findIndex((wrong) => near(value, wrong, key.tolerance ?? 0));
    return { right: false, said: slip < 0 ? [] : [slip] };
  }
  const chosen = /** @type {number[]} */ (JSON.parse(given));
  if (kind === "order") {
    const places = chosen.map((item) => /** @type {number[]} */ (key.places)[item]);
    return { right: places.every((place, i) => place === i), said: [] };
  }
  const wanted = /** @type {number[]} */ (key.right);
  const wrong = chosen.filter((option) => !wanted.includes(option));
  const missed = wanted.filter((option) => !chosen.includes(option));
  const right = !wrong.length && !missed.length;
  if (kind === "one") return { right, said: chosen };
  return { right, said: right ? chosen : [...wrong, ...missed] };
}

/** @template {keyof HTMLElementTagNameMap} T @param {T} tag @param {Record<string, string>} attributes @param {...(Node | string)} children */
export function make(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

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
      const button = make("button", { type: "button", "aria-label": `Move ${way}: ${words}` }, way === "up" ? "↑" : "↓");
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
  const retry = make("button", { type: "button", class: "record-button" }, key.variants?.[1] ? "Try other numbers" : "Try again");
  const form = make("form", { class: "question-form" }, ...(input.element ? [input.element] : []), check, retry, status);
  question.querySelector(".options")?.before(form);
  form.prepend(...(question.querySelector(".options") ? [/** @type {Node} */ (question.querySelector(".options"))] : []));
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
    const reason = pieces.filter((_, i) => said.includes(i) && kind !== "one").length > 1 ? "The reasons follow." : "The reason follows.";
    const off = kind === "number" && !right && !said.length ? distance(parse(given, key.unit), key, variant) : "";
    status.textContent = right
      ? "Right. The explanation follows."
      : ["Not right.", off, said.length ? reason : kind === "order" ? "At least two are out of place." : ""].filter(Boolean).join(" ");
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
  answer.querySelector("summary")?.addEventListener("click", () => delete answer.dataset.showing);
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

/** Whether an answer on record is one to this question as it is now. @param {Kind} kind @param {Key} key @param {number} options how many there are @param {Attempt} attempt */
function valid(kind, key, options, { given, right, variant }) {
  try {
    if (kind === "number") {
      if (!key.variants?.[variant] || Number.isNaN(parse(given, key.unit))) return false;
    } else {
      const chosen = new Set(JSON.parse(given));
      if (![...chosen].every((one) => Number.isInteger(one) && one >= 0 && one < options)) return false;
      if (kind === "order" && (chosen.size !== options || JSON.parse(given).length !== options)) return false;
      if (kind === "one" && chosen.size !== 1) return false;
    }
    return grade(kind, key, given, variant).right === right;
  } catch {
    return false;
  }
}

/** @param {Element} item @param {number} i @param {number[]} right @param {number[]} chosen */
function mark(item, i, right, chosen) {
  if (!chosen.includes(i)) return;
  const fine = right.includes(i);
  item.append(make("span", { class: "option-mark", "data-right": String(fine) }, fine ? "✓ right" : "✗ not this one"));
}

/** How far off a number is. @param {number} value @param {Key} key @param {number} variant */
function distance(value, key, variant) {
  const { answer } = /** @type {Variant[]} */ (key.variants)[variant];
  const ratio = value / answer;
  if (!(ratio > 0)) return "The sign or the zero is off.";
  const side = ratio > 1 ? "too large" : "too small";
  const factor = ratio > 1 ? ratio : 1 / ratio;
  return factor >= 2 ? `It is ${short(factor)} times ${side}.` : `It is ${short(100 * Math.abs(ratio - 1))}% ${side}.`;
}

/** A number in three digits. @param {number} value */
export function short(value) {
  return value.toLocaleString("en", { maximumSignificantDigits: 3 });
}
