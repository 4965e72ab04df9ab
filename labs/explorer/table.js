/** The numbers behind a drawing, as a table. */

import { html, write } from "./elements.js";
import { axisTitle, formatValue, written } from "./text.js";
import { readSpans, sceneOf } from "./timeline.js";
/** @import { Numbers } from "./grid.js" */
/** @import { Cell, HeatmapSpec, Spec, Table, TimelineSpec } from "./types.js" */

/** @param {Numbers} numbers @param {Spec} spec @param {Cell} cell @returns {Table} */
export function table(numbers, spec, cell) {
  if (spec.kind === "timeline") return spanTable(numbers, spec, cell);
  if (spec.kind === "heatmap") return gridTable(numbers, spec, cell);
  const slider = numbers.part(spec.along);
  return {
    head: [slider, ...numbers.quantities].map(axisTitle),
    rows: numbers.along(spec.along, cell).map((at, i) => ({
      cells: [slider, ...numbers.quantities].map((part) => written(part, numbers.at(part.name, at))),
      current: i === cell[numbers.axis(spec.along)],
    })),
  };
}

/** @param {Numbers} numbers @param {HeatmapSpec} spec @param {Cell} cell @returns {Table} */
function gridTable(numbers, spec, cell) {
  const [x, y] = [numbers.part(spec.x), numbers.part(spec.y)];
  return {
    head: [
      `${axisTitle(y)} by ${axisTitle(x)}`,
      ...numbers.along(spec.x, cell).map((at) => written(x, numbers.at(spec.x, at))),
    ],
    rows: numbers.along(spec.y, cell).map((row, i) => ({
      cells: [
        written(y, numbers.at(spec.y, row)),
        ...numbers
          .along(spec.x, row)
          .map((at) => formatValue(numbers.at(spec.shown, at), numbers.part(spec.shown).format)),
      ],
      current: i === cell[numbers.axis(spec.y)] ? cell[numbers.axis(spec.x)] + 1 : false,
    })),
  };
}

/** @param {Numbers} numbers @param {TimelineSpec} spec @param {Cell} cell @returns {Table} */
function spanTable(numbers, spec, cell) {
  const time = numbers.part(spec.time);
  const now = numbers.at(spec.time, cell);
  const unit = time.unit ? ` (${time.unit})` : "";
  return {
    head: ["Panel", spec.lane, "Label", "Kind", `Start${unit}`, `End${unit}`, "State"],
    rows: readSpans(numbers, spec)[sceneOf(numbers, cell)].map((one) => ({
      cells: [
        spec.panels[one.panel].label,
        String(one.lane + 1),
        one.text,
        spec.kinds[one.kind],
        formatValue(one.start, time.format),
        formatValue(one.end, time.format),
        one.end <= now ? "done" : one.start <= now ? "now" : "to come",
      ],
      current: one.start <= now && now < one.end,
    })),
  };
}

/** @param {Table} data @param {string} caption */
function tableElement(data, caption) {
  const body = data.rows.map(({ cells }) =>
    html("tr", {}, html("th", { scope: "row" }), ...cells.slice(1).map(() => html("td"))),
  );
  return html(
    "table",
    {},
    html("caption", {}, caption),
    html("thead", {}, html("tr", {}, ...data.head.map((text) => html("th", { scope: "col" }, text)))),
    html("tbody", {}, ...body),
  );
}

/** Write a table into its place, touching only what differs. @param {HTMLElement} place @param {Table} data @param {string} caption */
export function fillTable(place, data, caption) {
  const made = place.querySelector("table");
  if (made?.tBodies[0].rows.length !== data.rows.length) place.replaceChildren(tableElement(data, caption));
  const rows = /** @type {HTMLTableElement} */ (place.firstElementChild).tBodies[0].rows;
  data.rows.forEach(({ cells, current }, i) => {
    point(rows[i], current === true);
    cells.forEach((text, n) => {
      const cell = rows[i].cells[n];
      write(cell, text);
      point(cell, n > 0 && current === n);
    });
  });
}

/** Mark a row or a cell as the current one. @param {HTMLElement} element @param {boolean} current */
export function point(element, current) {
  if (current) element.setAttribute("aria-current", "true");
  else if (element.hasAttribute("aria-current")) element.removeAttribute("aria-current");
}
