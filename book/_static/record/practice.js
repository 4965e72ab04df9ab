// @ts-check
/** The practice page: what is due across lessons, a lesson at will, and progress over time. */
import { cards, due } from "./cards.js";
import { lessonsOf, stillAsked } from "./progress.js";
import { make, present as ask, short } from "./questions.js";
import { addAnswer, answers, follows, isAhead, latest, present } from "./store.js";
import "./trouble.js";

/** @typedef {import("./progress.js").Lesson} Lesson */
/** @typedef {import("./cards.js").Card} Card */

const NAMESPACE = "http://www.w3.org/2000/svg";

for (const box of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(".record-practice"))) open(box);

/** @param {HTMLElement} box */
function open(box) {
  const lessons = lessonsOf(box);
  const queue = make("div", { class: "practice-queue" });
  const stage = make("div", { class: "practice-stage" });
  const past = make("div", { class: "practice-past" });
  const clock = make("p", { class: "practice-clock", role: "status", hidden: "" });
  box.append(clock, queue, stage, past);

  let runs = 0;
  /** @param {{lesson: string, name: string}[]} asked */
  const practise = async (asked) => {
    const mine = (runs += 1);
    stage.replaceChildren(make("p", { role: "status" }, "Fetching the questions…"));
    try {
      const found = await fetched(lessons, asked);
      if (mine === runs) run(stage, found);
    } catch (error) {
      if (mine !== runs) return;
      stage.replaceChildren(make("p", { role: "alert" }, `The questions could not be fetched (${/** @type {Error} */ (error).message}). They are at the end of each lesson.`));
    }
  };

  const showQueue = makeQueue(queue, lessons, practise);
  follows(() => {
    const now = present();
    const all = cards(stillAsked(answers(), lessons), now);
    clock.hidden = !isAhead();
    if (isAhead()) clock.textContent = `This device's clock is behind your last answer, of ${day(latest())}. Either it is behind now or one was ahead then; what is due is counted from what it says now.`;
    showQueue(all, now);
    showPast(past);
  });
}

/** @param {HTMLElement} queue @param {Lesson[]} lessons @param {(asked: {lesson: string, name: string}[]) => void} practise */
function makeQueue(queue, lessons, practise) {
  /** @type {{lesson: string, name: string}[]} */
  let waiting = [];
  const sentence = make("p", { role: "status" });
  const start = make("button", { type: "button", class: "record-button" }, "Practise what is due");
  start.addEventListener("click", () => practise(waiting));
  const rows = lessons.map(({ lesson, title, href }) => {
    const button = make("button", { type: "button", class: "record-button", "aria-label": `Practise ${title}` }, "Practise");
    button.addEventListener("click", () => practise([{ lesson, name: "" }]));
    return make("tr", {}, ...[make("a", { href }, title), button, "", "", ""].map((cell) => make("td", {}, cell)));
  });
  const heads = ["Lesson", "At will", "Due", "Answered", "Weakest: chance to recall"];
  const table = make(
    "table",
    { class: "table" },
    make("thead", {}, make("tr", {}, ...heads.map((head) => make("th", { scope: "col" }, head)))),
    make("tbody", {}, ...rows),
  );
  const frame = { class: "table-wrapper pst-scrollable-table-container", tabindex: "0", role: "region", "aria-label": "Practice by lesson" };
  queue.replaceChildren(sentence, start, make("div", frame, table));

  /** @param {Card[]} all @param {number} now */
  return (all, now) => {
    const ready = due(all, now);
    waiting = ready.map((card) => ({ lesson: card.lesson, name: card.question.split("/")[1] }));
    const next = all.filter((card) => card.due > now).sort((a, b) => a.due - b.due)[0];
    tell(
      sentence,
      ready.length
        ? `${ready.length} question${ready.length > 1 ? "s are" : " is"} due, weakest first.`
        : `Nothing is due.${next ? ` The next question is, on ${day(next.due)}.` : " Questions you answer at the end of a lesson come here."}`,
    );
    if (!ready.length && document.activeElement === start) rows[0]?.querySelector("button")?.focus();
    start.hidden = !ready.length;
    lessons.forEach(({ lesson, total }, i) => {
      const mine = all.filter((card) => card.lesson === lesson);
      const weakest = mine[0] ? `${Math.round(100 * mine[0].recall)}%` : "";
      [String(due(mine, now).length), `${mine.length} of ${total}`, weakest].forEach((text, column) => tell(rows[i].children[column + 2], text));
    });
  };
}

/** Change a text only where it differs, so that it is not read out again. @param {Element} place @param {string} text */
function tell(place, text) {
  if (place.textContent !== text) place.textContent = text;
}

/** @type {Map<string, Promise<Document>>} */
const pages = new Map();

/** @param {Lesson} lesson */
function page({ lesson, href }) {
  if (!pages.has(lesson)) {
    const fetched = fetch(href).then(async (reply) => {
      if (!reply.ok) throw new Error(`${href}: ${reply.status}`);
      return new DOMParser().parseFromString(await reply.text(), "text/html");
    });
    fetched.catch(() => pages.delete(lesson));
    pages.set(lesson, fetched);
  }
  return /** @type {Promise<Document>} */ (pages.get(lesson));
}

/** @typedef {{lesson: Lesson, name: string, question: Element, answer: Element}} Asked */

/**
 * The questions to ask. No name stands for all of a lesson, weakest first, those never answered last.
 *
 * @param {Lesson[]} lessons
 * @param {{lesson: string, name: string}[]} wanted
 */
async function fetched(lessons, wanted) {
  /** @type {Asked[]} */
  const asked = [];
  for (const { lesson, name } of wanted) {
    const known = /** @type {Lesson} */ (lessons.find((one) => one.lesson === lesson));
    const source = await page(known);
    const names = name ? [name] : weakestFirst(lesson, source);
    for (const one of names) {
      const question = source.querySelector(`.question[data-question="${CSS.escape(one)}"]`);
      const answer = question?.nextElementSibling;
      if (question && answer) asked.push({ lesson: known, name: one, question, answer });
    }
  }
  return asked;
}

/** Ask one question after another. @param {HTMLElement} stage @param {Asked[]} asked */
function run(stage, asked) {
  let at = 0;
  let right = 0;
  const finish = () => {
    stage.replaceChildren(make("p", { role: "status", tabindex: "-1" }, `Done: ${right} of ${asked.length} right.`));
    /** @type {HTMLElement} */ (stage.firstElementChild).focus();
  };
  const step = () => {
    if (at >= asked.length) return finish();
    const { lesson, name, question: found, answer: folded } = asked[at];
    const question = /** @type {HTMLElement} */ (document.importNode(found, true));
    const answer = /** @type {HTMLDetailsElement} */ (document.importNode(folded, true));
    const key = `${lesson.lesson}/${name}`;
    const next = make("button", { type: "button", class: "record-button", hidden: "" }, at + 1 < asked.length ? "Next question" : "Finish");
    const heading = make("h3", { tabindex: "-1" }, `${lesson.title}, ${at + 1} of ${asked.length}`);
    next.addEventListener("click", () => {
      at += 1;
      step();
    });
    stage.replaceChildren(heading, question, answer, next);
    ask(question, answer, {
      last: answers().findLast((one) => one.question === key) ?? null,
      again: false,
      onAnswer: (attempt) => {
        right += Number(attempt.right);
        addAnswer(key, attempt.given, attempt.right, attempt.variant);
        next.hidden = false;
        next.focus();
      },
    });
    stage.dispatchEvent(new Event("formulas", { bubbles: true }));
    heading.focus();
    return undefined;
  };
  step();
}

/** @param {string} lesson @param {Document} source */
function weakestFirst(lesson, source) {
  const there = [...source.querySelectorAll(".question")].map((one) => /** @type {HTMLElement} */ (one).dataset.question ?? "");
  const known = cards(answers(), present()).filter((card) => card.lesson === lesson).map((card) => card.question.split("/")[1]);
  return [...known.filter((name) => there.includes(name)), ...there.filter((name) => !known.includes(name))];
}

/** @param {number} time */
function day(time) {
  return new Date(time).toLocaleDateString("en", { day: "numeric", month: "long", year: "numeric" });
}

/** What was answered on each day. */
function history() {
  /** @type {Map<string, {day: string, right: number, wrong: number, known: number}>} */
  const days = new Map();
  /** @type {Set<string>} */
  const known = new Set();
  for (const answer of answers()) {
    const name = day(answer.at);
    const row = days.get(name) ?? { day: name, right: 0, wrong: 0, known: 0 };
    row[answer.right ? "right" : "wrong"] += 1;
    if (answer.right) known.add(answer.question);
    else known.delete(answer.question);
    row.known = known.size;
    days.set(name, row);
  }
  return [...days.values()];
}

/** @param {HTMLElement} past */
function showPast(past) {
  const days = history();
  if (!days.length) {
    past.replaceChildren(make("p", {}, "Nothing answered yet."));
    return;
  }
  const shown = days.slice(-30);
  const rows = days.map((row) =>
    make("tr", {}, ...[row.day, row.right + row.wrong, row.right, row.known].map((cell) => make("td", {}, String(cell)))),
  );
  const heads = ["Day", "Answered", "Right", "Questions known by then"];
  past.replaceChildren(
    picture(shown, Math.min(640, past.clientWidth || 640)),
    make(
      "table",
      { class: "table" },
      make("caption", {}, "Answers by day"),
      make("thead", {}, make("tr", {}, ...heads.map((head) => make("th", { scope: "col" }, head)))),
      make("tbody", {}, ...rows),
    ),
  );
}

/** Columns of right and wrong answers, a day each. @param {ReturnType<typeof history>} days @param {number} width */
function picture(days, width) {
  const [height, foot] = [160, 22];
  const most = Math.max(...days.map((row) => row.right + row.wrong), 4);
  const scale = (height - foot - 14) / most;
  const pitch = (width - 40) / Math.max(days.length, 10);
  const figure = document.createElementNS(NAMESPACE, "svg");
  figure.setAttribute("viewBox", `0 0 ${width} ${height}`);
  figure.setAttribute("role", "img");
  const last = days[days.length - 1];
  const first = days[0].day === last.day ? "" : `From ${days[0].day} to `;
  figure.setAttribute("aria-label", `Answers by day. ${first}${last.day}. Questions known then: ${short(last.known)}. The table below has each day.`);
  figure.classList.add("practice-picture");
  /** @param {string} name @param {Record<string, string | number>} attributes @param {string} [text] */
  const draw = (name, attributes, text = "") => {
    const part = document.createElementNS(NAMESPACE, name);
    for (const [key, value] of Object.entries(attributes)) part.setAttribute(key, String(value));
    part.textContent = text;
    figure.append(part);
  };
  const floor = height - foot;
  draw("line", { x1: 34, x2: width, y1: floor, y2: floor, class: "axis" });
  for (const value of [most, Math.round(most / 2)]) {
    draw("line", { x1: 34, x2: width, y1: floor - value * scale, y2: floor - value * scale, class: "grid" });
    draw("text", { x: 28, y: floor - value * scale + 4, "text-anchor": "end" }, String(value));
  }
  draw("text", { x: 34, y: 10 }, "answers");
  days.forEach((row, i) => {
    const x = 40 + i * pitch;
    const tall = row.right * scale;
    draw("rect", { x, y: floor - tall, width: pitch * 0.7, height: tall, class: "right" });
    draw("rect", { x, y: floor - tall - row.wrong * scale, width: pitch * 0.7, height: row.wrong * scale, class: "wrong" });
  });
  draw("text", { x: 40, y: height - 6 }, days[0].day);
  if (days.length > 5) draw("text", { x: 40 + days.length * pitch, y: height - 6, "text-anchor": "end" }, last.day);
  const legend = make("p", { class: "practice-legend" }, make("span", { class: "key right" }), " right ", make("span", { class: "key wrong" }), " wrong");
  return make("figure", {}, figure, legend);
}
