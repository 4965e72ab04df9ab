/** Columns of right and wrong answers, a day each, on the explorers' axes. */
import { frame, linearTicks, scale, thin } from "../../../labs/explorer/axes.js";
import { make, px, svg } from "./elements.js";
import { short } from "./numbers.js";

const HEIGHT = 190;
/** Fewer days leave room beside them. */
const LEAST = 10;

/** @param {import("./history.js").Day[]} days one or more @param {number} width */
export function picture(days, width) {
  const box = { left: 40, top: 24, right: width - 36, bottom: HEIGHT - 44 };
  const most = Math.max(...days.map((row) => row.right + row.wrong), 4);
  const across = scale([-0.5, Math.max(days.length, LEAST) - 0.5], [box.left, box.right], false);
  const up = scale([0, most], [box.bottom, box.top], false);
  const named = thin([...days.keys()], (box.right - box.left) / 96);
  const levels = linearTicks([0, most], 3).filter(Number.isInteger);
  const part = (/** @type {string} */ label) => ({ name: label, label, unit: "", format: "d" });
  const texts = named.map((i) => days[i].day.replace(/, \d+$/, ""));
  const axes = frame(
    box,
    { part: part("day"), ticks: named, texts, log: false, at: across },
    { part: part("answers"), ticks: levels, texts: levels.map(String), log: false, at: up },
    "answers",
  );
  const wide = 0.7 * (across(1) - across(0));
  const column = (
    /** @type {number} */ i,
    /** @type {number} */ from,
    /** @type {number} */ count,
    /** @type {string} */ kind,
  ) =>
    svg("rect", {
      x: px(across(i) - wide / 2),
      y: px(up(from + count)),
      width: px(wide),
      height: px(up(0) - up(count)),
      class: kind,
    });
  const columns = days.flatMap((row, i) => [
    column(i, 0, row.right, "right"),
    column(i, row.right, row.wrong, "wrong"),
  ]);
  const last = days[days.length - 1];
  const first = days[0].day === last.day ? "" : `From ${days[0].day} to `;
  const name = `Answers by day. ${first}${last.day}. Questions known then: ${short(last.known)}. The table below has each day.`;
  const figure = svg(
    "svg",
    { viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": name, class: "practice-picture" },
    axes,
    ...columns,
  );
  const key = (/** @type {string} */ kind) => make("span", { class: `key ${kind}` });
  return make(
    "figure",
    {},
    figure,
    make("p", { class: "practice-legend" }, key("right"), " right ", key("wrong"), " wrong"),
  );
}
