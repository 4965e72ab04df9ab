/** The numbers that Python computed, looked up by the positions of the sliders. */

import { written } from "./text.js";
/** @import { Cell, Common, Quantity, Slider } from "./types.js" */

export class Numbers {
  /** @param {Common} spec @param {DataView} data */
  constructor(spec, data) {
    /** @type {Slider[]} */
    this.sliders = spec.sliders;
    /** @type {Quantity[]} */
    this.quantities = spec.quantities;
    this.floats = Float32Array.from({ length: data.byteLength / 4 }, (_, i) => data.getFloat32(4 * i, true));
    this.size = this.sliders.reduce((size, slider) => size * slider.values.length, 1);
  }

  /** @param {string} name */
  axis(name) {
    return this.sliders.findIndex((slider) => slider.name === name);
  }

  /** @param {string} name @returns {Quantity} */
  part(name) {
    return /** @type {Quantity} */ ([...this.sliders, ...this.quantities].find((part) => part.name === name));
  }

  /** @param {Cell} cell */
  flat(cell) {
    return cell.reduce((flat, index, axis) => flat * this.sliders[axis].values.length + index, 0);
  }

  /** The value of a slider or quantity at a cell. @param {string} name @param {Cell} cell */
  at(name, cell) {
    const axis = this.axis(name);
    if (axis >= 0) return this.sliders[axis].values[cell[axis]];
    return this.floats[this.quantities.findIndex((q) => q.name === name) * this.size + this.flat(cell)];
  }

  /** Every value of a quantity. @param {string} name */
  all(name) {
    const start = this.quantities.findIndex((q) => q.name === name) * this.size;
    return this.floats.subarray(start, start + this.size);
  }

  /** @param {string} name @param {number} value */
  text(name, value) {
    return written(this.part(name), value, true);
  }

  /** The cells along one slider. @param {string} name @param {Cell} cell */
  along(name, cell) {
    const axis = this.axis(name);
    return this.sliders[axis].values.map((_, index) => put(cell, axis, index));
  }
}

/** A copy of `cell` with one slider elsewhere. @param {Cell} cell @param {number} axis @param {number} index */
export const put = (cell, axis, index) => cell.map((old, i) => (i === axis ? index : old));

/** @param {string} template @param {(name: string) => string | Node} write @returns {(string | Node)[]} */
export function fill(template, write) {
  return template.split(/\{(\w+)\}/).map((piece, i) => (i % 2 ? write(piece) : piece));
}
