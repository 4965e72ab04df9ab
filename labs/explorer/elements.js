/** HTML and SVG elements in one call. */

/** @import { Attributes, Stage } from "./types.js" */

/** @param {Element} element @param {Attributes} attributes @param {(Node | string)[]} children */
export function assemble(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) element.setAttribute(name, String(value));
  }
  element.append(...children);
}

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag @param {Attributes} [attributes] @param {(Node | string)[]} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function html(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  assemble(element, attributes, children);
  return element;
}

/**
 * @template {keyof SVGElementTagNameMap} K
 * @param {K} tag @param {Attributes} [attributes] @param {(Node | string)[]} children
 * @returns {SVGElementTagNameMap[K]}
 */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  assemble(element, attributes, children);
  return element;
}

/** Write text only where it differs: what is left alone is not laid out again. @param {Element} element
 * @param {string} text */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** @param {number} value */
export const px = (value) => Math.round(value * 100) / 100;

/** @param {number} x @param {number} y @param {string} text @param {Attributes} [attributes] */
export const label = (x, y, text, attributes = {}) => svg("text", { x: px(x), y: px(y), ...attributes }, text);

/** A rectangle as part of a path: one path of many is laid out and painted sooner than many rectangles.
 * @param {number} x @param {number} y @param {number} width @param {number} height @param {number} [round] */
export function block(x, y, width, height, round = 0) {
  const [r, w, h] = [px(round), px(width - 2 * round), px(height - 2 * round)];
  const turn = (/** @type {number} */ dx, /** @type {number} */ dy) =>
    r ? `a${r},${r} 0 0 1 ${dx * r},${dy * r}` : "";
  return `M${px(x + round)},${px(y)}h${w}${turn(1, 1)}v${h}${turn(-1, 1)}h${-w}${turn(-1, -1)}v${-h}${turn(1, -1)}z`;
}

/** @param {Stage} stage @param {number} width @param {number} height */
export const canvas = (stage, width, height) =>
  svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": true });

/** Fill patterns, so that kinds differ without colour. @param {Stage} stage @param {number} count */
export function patterns(stage, count) {
  const marks = [
    "",
    "M-2,2 L2,-2 M0,10 L10,0 M8,12 L12,8",
    "M-2,-2 L12,12 M-2,8 L2,12 M8,-2 L12,2",
    "M5,4 v2 M0,-1 v2 M10,-1 v2 M0,9 v2 M10,9 v2",
    "M5,0 V10",
    "M0,5 H10 M5,0 V10",
  ];
  return Array.from({ length: count }, (_, i) =>
    svg(
      "pattern",
      {
        id: `${stage.id}-kind-${i}`,
        width: 10,
        height: 10,
        patternUnits: "userSpaceOnUse",
        class: `xp-kind xp-kind-${i}`,
      },
      svg("rect", { width: 10, height: 10 }),
      svg("path", { d: marks[i] || "M0,0" }),
    ),
  );
}
