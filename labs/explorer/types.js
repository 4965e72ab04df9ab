/** What Python ships and what drawings are made of. */

/** @import { Numbers } from "./grid.js" */

/** @typedef {{name: string, label: string, unit: string, format: string, texts?: string[] | null}} Quantity texts name options */
/** @typedef {Quantity & {values: number[], start: number}} Slider */
/** @typedef {{value: number | string, label: string, axis: "x" | "y"}} Rule */
/** @typedef {{x: string, y: string, label: string}} Point */
/** @typedef {{x: string, y: string[], label: string, x_log: boolean, y_log: boolean, rules: Rule[],
 *   x_range: [number, number] | null, y_range: [number, number] | null, marks: "line" | "bars",
 *   points: Point[]}} Panel */
/** @typedef {{columns: number, rows: Record<Width, number>, height: Record<Width, number>}} Layout all of it is
 *   computed in Python, which must know how much room a page has to keep */
/** @typedef {{name: string, title: string, summary: string, initial: string, palette: [string, string][],
 *   sliders: Slider[], quantities: Quantity[], layout: Layout}} Common */
/** @typedef {Common & {kind: "lines", along: string, panels: Panel[],
 *   layout: Layout & {abreast: Record<Width, number>}}} LinesSpec */
/** @typedef {Common & {kind: "heatmap", x: string, y: string, shown: string, limit: number | null,
 *   shown_range: [number, number] | null, log: boolean}} HeatmapSpec */
/** @typedef {Common & {kind: "timeline", kinds: string[], time: string, lane: string, labels: string[],
 *   panels: {label: string, lanes: number}[], counts: number[],
 *   layout: Layout & {lane: number, header: number, drawing: number}}} TimelineSpec */
/** @typedef {LinesSpec | HeatmapSpec | TimelineSpec} Spec */
/** @typedef {"wide" | "narrow"} Width */
/** @typedef {number[]} Cell the position of every slider */
/** @typedef {(value: number) => number} Scale */
/** @typedef {{get(name: string): any}} Model */
/** @typedef {{move(cell: Cell): void, pick(x: number, y: number, cell: Cell): Cell | null}} Drawing */
/** @typedef {{head: string[], rows: {cells: string[], current: number | boolean}[]}} Table */
/** @typedef {Record<string, string | number | boolean | null | undefined>} Attributes */
/** @typedef {{id: string, numbers: Numbers, figure: HTMLElement, width: number, size: Width,
 *   measure: (text: string) => number}} Stage */
/** @typedef {{left: number, top: number, right: number, bottom: number}} Box */
/** @typedef {{part: Quantity, ticks: number[], texts: string[], log: boolean, at: Scale, names?: Names}} Axis */
/** @typedef {{rows: string[][], slanted: boolean, depth: number}} Names how the options of a choice fit under an axis */
/** @typedef {{panel: number, lane: number, start: number, end: number, kind: number, text: string}} Bar */

export {};
