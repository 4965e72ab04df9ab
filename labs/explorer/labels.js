/** Where text goes so that it hides the least. */

import { label } from "./elements.js";
/** @import { Attributes, Box, Stage } from "./types.js" */

/** Points along a segment as far as the box shows it. @param {number[]} from @param {number[]} to @param {Box} box
 * @param {number} stride */
function stroll([x0, y0], [x1, y1], box, stride) {
  const [low, high] = [box.top - 20, box.bottom + 20];
  const [start, end] = [y0, y1].map((y) => Math.max(low, Math.min(high, y)));
  const steps = Math.ceil(Math.hypot(x1 - x0, end - start) / stride) || 1;
  return Array.from({ length: steps }, (_, i) => [x0 + (i / steps) * (x1 - x0), start + (i / steps) * (end - start)]);
}

/** Where text goes so that it hides the least of a plot's curves, dots and other text. */
export class Space {
  /** @param {Stage} stage @param {Box} box @param {number[][][]} tracks @param {number[][][]} rules
   * @param {number[][]} dots */
  constructor(stage, box, tracks, rules, dots) {
    this.stage = stage;
    this.box = box;
    this.points = tracks
      .flatMap((track) => track.slice(1).flatMap((to, i) => stroll(track[i], to, box, 4)))
      .concat(rules.flatMap(([from, to]) => stroll(from, to, box, 16)));
    this.dots = dots;
    this.last = { x: -Infinity, y: -Infinity };
    /** @type {Box[]} */
    this.taken = dots.map(([x, y]) => ({ left: x - 7, right: x + 7, top: y - 7, bottom: y + 7 }));
  }

  /** @param {Box} area */
  cost({ left, top, right, bottom }) {
    const { box } = this;
    const outside = left < box.left - 1 || right > box.right + 12 || top < box.top - 8 || bottom > box.bottom + 2;
    const over = this.taken.filter(
      (other) => left < other.right && right > other.left && top < other.bottom && bottom > other.top,
    );
    const hidden = this.points.filter(([x, y]) => x > left - 2 && x < right + 2 && y > top - 1 && y < bottom + 1);
    return (outside ? 200 : 0) + 120 * over.length + hidden.length;
  }

  /** Text at the best of several [x, y, text-anchor], within two heights if it can be helped. @param {string} text
   * @param {[number, number, string][]} options @param {Attributes} attributes @param {[number, number]} [within] */
  write(text, options, attributes, [highest, lowest] = [-Infinity, Infinity]) {
    const width = this.stage.measure(text) * 1.14;
    const areas = options.map(([x, y, anchor]) => {
      const left = x - (anchor === "end" ? width : anchor === "middle" ? width / 2 : 0);
      return { left, right: left + width, top: y - 11, bottom: y + 4 };
    });
    const costs = areas.map(
      (area, i) => this.cost(area) + 1.5 * i + (options[i][1] < highest || options[i][1] > lowest ? 60 : 0),
    );
    const best = costs.indexOf(Math.min(...costs));
    this.taken.push(areas[best]);
    const [x, y, anchor] = options[best];
    this.last.y = y;
    return label(x, y, text, { "text-anchor": anchor, ...attributes });
  }

  /** Text above a bar, or below one that hangs. @param {number} x @param {number} y @param {string} text @param {Attributes} attributes */
  above(x, y, text, attributes) {
    return this.write(
      text,
      [
        [x, y - 11, "middle"],
        [x, y - 25, "middle"],
        [x, y + 20, "middle"],
      ],
      attributes,
    );
  }

  /** Text beside a point; texts of points over one another, asked for from the top, keep their order. @param {number} x
   * @param {number} y @param {string} text @param {Attributes} attributes */
  beside(x, y, text, attributes) {
    const highest = Math.abs(x - this.last.x) < 1 ? this.last.y : -Infinity;
    const below = this.dots.filter(([dx, dy]) => Math.abs(dx - x) < 1 && dy > y + 1).map(([, dy]) => dy);
    this.last.x = x;
    return this.write(
      text,
      [
        [x - 9, y - 9, "end"],
        [x + 9, y - 9, "start"],
        [x + 9, y + 18, "start"],
        [x - 9, y + 18, "end"],
        [x + 11, y + 4, "start"],
        [x - 11, y + 4, "end"],
        [x, y - 14, "middle"],
        [x, y + 22, "middle"],
        [x + 9, y + 34, "start"],
        [x - 9, y + 34, "end"],
      ],
      attributes,
      [highest, Math.min(...below) + 8],
    );
  }
}
