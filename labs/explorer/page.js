/** The whole figure: sliders, drawing, sentence, table, and the address that holds its state. */

import { html, write } from "./elements.js";
import { Numbers, fill, put } from "./grid.js";
import { drawHeatmap } from "./heatmap.js";
import { drawLines } from "./lines.js";
import { fillTable, table } from "./table.js";
import { written } from "./text.js";
import { drawTimeline } from "./timeline.js";
/** @import { Cell, Drawing, Model, Slider, Spec, Stage, Width } from "./types.js" */

/** Milliseconds between steps that play by themselves, and of all of them at most. */
const [BEAT, LONGEST] = [450, 15_000];
/** Pixels that a finger goes sideways before it moves a chart. */
const SIDEWAYS = 10;
const SETTLED = 150;

/** @param {Slider} slider @param {string} id @param {(index: number) => void} changed */
function control(slider, id, changed) {
  const input = html("input", {
    type: "range",
    id,
    name: slider.name,
    min: 0,
    max: slider.values.length - 1,
    step: 1,
    value: slider.start,
    "data-lm-suppress-shortcuts": true,
  });
  const output = html("output", { for: id, "aria-live": "off" });
  input.addEventListener("input", () => changed(Number(input.value)));
  const show = (/** @type {number} */ index) => {
    const text = written(slider, slider.values[index], true);
    input.value = String(index);
    input.setAttribute("aria-valuetext", text);
    input.dataset.value = String(slider.values[index]);
    input.style.setProperty("--at", String(index / (slider.values.length - 1)));
    write(output, text);
  };
  const root = html("div", { class: "xp-control" }, html("label", { for: id }, slider.label), output, input);
  return { root, show, input };
}

/** The cell that a fragment such as `#name?rate=5` asks for. @param {Spec} spec @param {Cell} cell */
function cellFromFragment(spec, cell) {
  const [name, query] = location.hash.slice(1).split("?");
  if (name !== spec.name) return null;
  const asked = new URLSearchParams(query ?? "");
  return spec.sliders.map((slider, axis) => {
    const text = asked.get(slider.name);
    if (slider.texts) return text !== null && slider.texts.includes(text) ? slider.texts.indexOf(text) : cell[axis];
    const value = Number(text);
    if (!text || !Number.isFinite(value)) return cell[axis];
    const distance = slider.values.map((one) => Math.abs(one - value));
    return distance.indexOf(Math.min(...distance));
  });
}

/** Where the figure stands, as a link. @param {Spec} spec @param {Cell} cell */
function fragment(spec, cell) {
  return `#${spec.name}?${spec.sliders.map((slider, axis) => `${slider.name}=${encodeURIComponent(slider.texts?.[cell[axis]] ?? slider.values[cell[axis]])}`).join("&")}`;
}

/** @param {Spec} spec @param {Numbers} numbers @param {HTMLElement} el @param {AbortSignal} signal */
function build(spec, numbers, el, signal) {
  const id = `xp-${Math.random().toString(36).slice(2, 9)}`;
  const start = spec.sliders.map((slider) => slider.start);
  const onPage = el.dataset.page === "true";
  let cell = [...start];
  let tallest = 0;
  /** @type {Drawing | null} */
  let drawing = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let settling;

  const controls = spec.sliders.map((slider, axis) =>
    control(slider, `${id}-${slider.name}`, (index) => go(put(cell, axis, index))),
  );
  const reset = html("button", { type: "button", class: "xp-button" }, "Reset");
  const figure = html("div", {
    class: "xp-figure",
    role: "img",
    "aria-labelledby": `${id}-title`,
    "aria-describedby": `${id}-summary`,
  });
  const sentence = html(
    "p",
    { class: "xp-summary", id: `${id}-summary` },
    ...fill(spec.summary, (name) => html("strong", { "data-name": name })),
  );
  const words = [...sentence.querySelectorAll("strong")].map((word) => ({ word, name: String(word.dataset.name) }));
  const status = html("p", { class: "xp-status", "aria-live": "polite" });
  const scroll = html("div", { class: "xp-scroll", tabindex: 0, role: "region", "aria-label": `Data: ${spec.title}` });
  const details = html("details", { class: "xp-data" }, html("summary", {}, "Data table"), scroll);
  const root = html(
    "div",
    { class: `xp xp-${spec.kind}`, "data-name": spec.name, role: "group", "aria-labelledby": `${id}-title` },
    html("div", { class: "xp-head" }, html("p", { class: "xp-title", id: `${id}-title` }, spec.title), reset),
    html("div", { class: "xp-controls" }, ...controls.map((one) => one.root)),
    figure,
    sentence,
    status,
    details,
  );
  dress(root, spec);
  if (spec.kind === "timeline")
    stepper(
      controls[controls.length - 1],
      (by) => {
        const last = start.length - 1;
        const to = cell[last] + by;
        if (to < 0 || to >= spec.sliders[last].values.length) return false;
        go(put(cell, last, to));
        return true;
      },
      signal,
    );

  const show = () => {
    controls.forEach((one, axis) => one.show(cell[axis]));
    drawing?.move(cell);
    words.forEach(({ word, name }) => write(word, numbers.text(name, numbers.at(name, cell))));
    if (sentence.offsetHeight > tallest) {
      tallest = sentence.offsetHeight;
      sentence.style.minHeight = `${tallest}px`;
    }
    reset.disabled = cell.every((index, axis) => index === start[axis]);
    if (details.open) fillTable(scroll, table(numbers, spec, cell), spec.title);
  };
  /** @param {Cell} next @param {boolean} [link] */
  const go = (next, link = true) => {
    if (next.every((index, axis) => index === cell[axis])) return;
    cell = next;
    show();
    clearTimeout(settling);
    settling = setTimeout(() => {
      status.textContent = sentence.textContent;
      if (onPage && link)
        history.replaceState(
          history.state,
          "",
          reset.disabled ? location.pathname + location.search : fragment(spec, cell),
        );
    }, SETTLED);
  };
  const follow = () => {
    const asked = cellFromFragment(spec, cell);
    if (!asked) return;
    go(asked, false);
    root.scrollIntoView({ block: "start" });
  };
  const redraw = () => {
    // What is to stand side by side must fit in the width there is, which need not be whole.
    const width = Math.floor(figure.getBoundingClientRect().width);
    if (!width) return;
    tallest = 0;
    sentence.style.minHeight = "";
    const stage = { id, numbers, figure, width, size: sizeOf(figure), measure: ruler(figure) };
    drawing = draw(stage, spec);
    drawing.move(cell);
  };

  reset.addEventListener("click", () => {
    go(start);
    controls[0].input.focus();
  });
  details.addEventListener("toggle", show);
  drag(figure, (x, y) => drawing?.pick(x, y, cell), go, signal);
  el.replaceChildren(root);
  show();
  redraw();
  watchWidth(figure, redraw, signal);
  if (onPage) {
    follow();
    window.addEventListener("hashchange", follow, { signal });
  }
  signal.addEventListener("abort", () => clearTimeout(settling));
}

/** @param {Stage} stage @param {Spec} spec */
function draw(stage, spec) {
  if (spec.kind === "lines") return drawLines(stage, spec);
  return spec.kind === "timeline" ? drawTimeline(stage, spec) : drawHeatmap(stage, spec);
}

/** Whether there is room for panels side by side, as the style sheet has it. @param {HTMLElement} figure
 * @returns {Width} */
function sizeOf(figure) {
  return getComputedStyle(figure).getPropertyValue("--xp-size").trim() === "wide" ? "wide" : "narrow";
}

/** Sizes and colours that the style sheet needs. @param {HTMLElement} root @param {Spec} spec */
function dress(root, spec) {
  root.style.setProperty("--columns", String(spec.layout.columns));
  root.style.setProperty("--wide", `${spec.layout.height.wide}px`);
  root.style.setProperty("--narrow", `${spec.layout.height.narrow}px`);
  spec.palette.forEach(([light, dark], i) => {
    root.style.setProperty(`--xp-${i}-light`, light);
    root.style.setProperty(`--xp-${i}-dark`, dark);
  });
}

/** Buttons around the step slider. @param {ReturnType<typeof control>} step
 * @param {(by: number) => boolean} walk @param {AbortSignal} signal */
function stepper(step, walk, signal) {
  /** @type {ReturnType<typeof setInterval> | undefined} */
  let playing;
  const back = html("button", { type: "button", class: "xp-button", "aria-label": "Previous step" }, "‹");
  const next = html("button", { type: "button", class: "xp-button", "aria-label": "Next step" }, "›");
  const play = html("button", { type: "button", class: "xp-button xp-play" }, "Play");
  const stop = () => {
    if (!playing) return;
    clearInterval(playing);
    playing = undefined;
    play.textContent = "Play";
  };
  back.addEventListener("click", () => (stop(), walk(-1)));
  next.addEventListener("click", () => (stop(), walk(1)));
  play.addEventListener("click", () => {
    if (playing) return stop();
    play.textContent = "Pause";
    const steps = Number(step.input.max);
    if (Number(step.input.value) === steps) walk(-steps);
    playing = setInterval(() => walk(1) || stop(), Math.min(BEAT, LONGEST / steps));
  });
  step.input.addEventListener("input", stop);
  signal.addEventListener("abort", stop);
  step.root.classList.add("xp-step");
  step.root.append(html("div", { class: "xp-buttons" }, back, next, play));
}

/** @param {HTMLElement} element @returns {(text: string) => number} */
function ruler(element) {
  const context = document.createElement("canvas").getContext("2d");
  if (context) context.font = `12px ${getComputedStyle(element).fontFamily}`;
  /** @type {Map<string, number>} */
  const known = new Map();
  return (text) => {
    const width = known.get(text) ?? context?.measureText(text).width ?? text.length * 6.5;
    known.set(text, width);
    return width;
  };
}

/**
 * Pointer over the figure moves the sliders. A finger may be about to scroll: it moves them by a tap, or once it goes
 * sideways; where it goes up or down, the browser scrolls and cancels it.
 *
 * @param {HTMLElement} figure
 * @param {(x: number, y: number) => Cell | null | undefined} pick @param {(cell: Cell) => void} go @param {AbortSignal} signal */
function drag(figure, pick, go, signal) {
  const at = (/** @type {PointerEvent} */ event) => {
    const bounds = figure.getBoundingClientRect();
    const cell = pick(event.clientX - bounds.left, event.clientY - bounds.top);
    if (cell) go(cell);
  };
  /** Where a finger came down that has not moved the chart yet. @type {PointerEvent | null} */
  let touched = null;
  const take = (/** @type {PointerEvent} */ event) => {
    touched = null;
    figure.setPointerCapture(event.pointerId);
    at(event);
  };
  /** @type {{[name: string]: (event: PointerEvent) => void}} */
  const heard = {
    pointerdown: (event) => {
      if (event.button) return;
      if (event.pointerType === "touch") touched = event;
      else take(event);
    },
    pointermove: (event) => {
      if (!touched) {
        if (figure.hasPointerCapture(event.pointerId) && event.buttons) at(event);
        return;
      }
      const [across, along] = [event.clientX - touched.clientX, event.clientY - touched.clientY].map(Math.abs);
      if (across > SIDEWAYS && across > along) take(event);
    },
    pointerup: (event) => {
      if (touched) at(event);
      touched = null;
    },
    pointercancel: () => {
      touched = null;
    },
  };
  for (const [name, listener] of Object.entries(heard)) {
    figure.addEventListener(name, (event) => listener(/** @type {PointerEvent} */ (event)), { signal });
  }
}

/** @param {HTMLElement} element @param {() => void} changed @param {AbortSignal} signal */
function watchWidth(element, changed, signal) {
  let width = element.clientWidth;
  const observer = new ResizeObserver(() => {
    if (element.clientWidth === width) return;
    width = element.clientWidth;
    changed();
  });
  observer.observe(element);
  signal.addEventListener("abort", () => observer.disconnect());
}

/** @param {{model: Model, el: HTMLElement, signal?: AbortSignal}} view */
function render({ model, el, signal }) {
  const closed = new AbortController();
  signal?.addEventListener("abort", () => closed.abort());
  const spec = /** @type {Spec} */ (model.get("spec"));
  try {
    build(spec, new Numbers(spec, model.get("data")), el, closed.signal);
  } catch (error) {
    console.error(error);
    el.replaceChildren(
      html(
        "p",
        { class: "xp-error", role: "alert" },
        `This figure could not be drawn (${error}). ${spec?.initial ?? ""}`,
      ),
    );
  }
  return () => closed.abort();
}

export default { render };
