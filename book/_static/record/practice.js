/** The practice page: what is due across lessons, a lesson at will, and progress over time. */
import { cards, due } from "./cards.js";
import { make, write } from "./elements.js";
import { day, history } from "./history.js";
import { lessonsOf, stillAsked } from "./lessons.js";
import { picture } from "./picture.js";
import { present as ask } from "./questions.js";

/** @typedef {import("./lessons.js").Lesson} Lesson */
/** @typedef {import("./cards.js").Card} Card */
/** @typedef {import("./store.js").Answer} Answer */
/** @typedef {import("./store.js").Store} Store */
/** @typedef {{lesson: string, name: string}} Wanted no name stands for all of a lesson */
/** @typedef {{lesson: Lesson, name: string, html: string}} Asked */
/** @typedef {(lesson: string) => Promise<{[name: string]: string}>} Fetch the questions of a lesson as the page shows them */

/** @param {HTMLElement} box @param {Store} store @param {Fetch} fetch */
export function openPractice(box, store, fetch) {
  const lessons = lessonsOf(box);
  const queue = make("div", { class: "practice-queue" });
  const stage = make("div", { class: "practice-stage" });
  const past = make("div", { class: "practice-past" });
  const clock = make("p", { class: "practice-clock", role: "status", hidden: true });
  box.append(clock, queue, stage, past);

  let runs = 0;
  /** @param {Wanted[]} wanted */
  const practise = async (wanted) => {
    const mine = (runs += 1);
    stage.replaceChildren(make("p", { role: "status" }, "Fetching the questions…"));
    try {
      const found = await asked(wanted, lessons, fetch, store);
      if (mine === runs) run(stage, found, store);
    } catch (error) {
      if (mine !== runs) return;
      stage.replaceChildren(
        make(
          "p",
          { role: "alert" },
          `The questions could not be fetched (${/** @type {Error} */ (error).message}). They are at the end of each lesson.`,
        ),
      );
    }
  };

  const showQueue = makeQueue(queue, lessons, practise);
  store.follows(() => {
    const now = store.present();
    const all = cards(stillAsked(store.answers(), lessons), now);
    clock.hidden = !store.isAhead();
    if (store.isAhead())
      clock.textContent = `This device's clock is behind your last answer, of ${day(store.latest())}. Either it is behind now or one was ahead then; what is due is counted from what it says now.`;
    showQueue(all, now);
    showPast(past, store.answers());
  });
}

/** @param {HTMLElement} queue @param {Lesson[]} lessons @param {(wanted: Wanted[]) => void} practise */
function makeQueue(queue, lessons, practise) {
  /** @type {Wanted[]} */
  let waiting = [];
  const sentence = make("p", { role: "status" });
  const start = make("button", { type: "button", class: "record-button" }, "Practise what is due");
  start.addEventListener("click", () => practise(waiting));
  const rows = lessons.map(({ lesson, title, href }) => {
    const button = make(
      "button",
      { type: "button", class: "record-button", "aria-label": `Practise ${title}` },
      "Practise",
    );
    button.addEventListener("click", () => practise([{ lesson, name: "" }]));
    return make("tr", {}, ...[make("a", { href }, title), button, "", "", ""].map((cell) => make("td", {}, cell)));
  });
  const frame = {
    class: "table-wrapper pst-scrollable-table-container",
    tabindex: 0,
    role: "region",
    "aria-label": "Practice by lesson",
  };
  const heads = ["Lesson", "At will", "Due", "Answered", "Weakest: chance to recall"];
  queue.replaceChildren(sentence, start, make("div", frame, table(heads, rows)));

  /** @param {Card[]} all @param {number} now */
  return (all, now) => {
    const ready = due(all, now);
    waiting = ready.map((card) => ({ lesson: card.lesson, name: card.question.split("/")[1] }));
    const next = all.filter((card) => card.due > now).sort((a, b) => a.due - b.due)[0];
    // What is the same is left alone, so that it is not read out again.
    write(
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
      [String(due(mine, now).length), `${mine.length} of ${total}`, weakest].forEach((text, column) =>
        write(rows[i].children[column + 2], text),
      );
    });
  };
}

/** @param {string[]} heads @param {HTMLElement[]} rows @param {...HTMLElement} before the head */
function table(heads, rows, ...before) {
  const head = make("tr", {}, ...heads.map((text) => make("th", { scope: "col" }, text)));
  return make("table", { class: "table" }, ...before, make("thead", {}, head), make("tbody", {}, ...rows));
}

/**
 * The questions to ask; all of a lesson come weakest first, those never answered last.
 *
 * @param {Wanted[]} wanted
 * @param {Lesson[]} lessons
 * @param {Fetch} fetch
 * @param {Store} store
 * @returns {Promise<Asked[]>}
 */
async function asked(wanted, lessons, fetch, store) {
  const found = await Promise.all(
    wanted.map(async ({ lesson, name }) => {
      const known = /** @type {Lesson} */ (lessons.find((one) => one.lesson === lesson));
      const there = await fetch(lesson);
      const names = name ? [name] : weakestFirst(lesson, Object.keys(there), store.answers(), store.present());
      return names.filter((one) => there[one]).map((one) => ({ lesson: known, name: one, html: there[one] }));
    }),
  );
  return found.flat();
}

/** @param {string} lesson @param {string[]} there @param {Answer[]} answers @param {number} now */
export function weakestFirst(lesson, there, answers, now) {
  const known = cards(answers, now)
    .filter((card) => card.lesson === lesson)
    .map((card) => card.question.split("/")[1]);
  return [...known.filter((name) => there.includes(name)), ...there.filter((name) => !known.includes(name))];
}

/** A question and its answer, with links as from this page. @param {Asked} asked */
function drawn({ lesson, html }) {
  const template = make("template");
  template.innerHTML = html;
  const { content } = template;
  const base = new URL(lesson.href, location.href);
  for (const name of ["href", "src"]) {
    for (const link of content.querySelectorAll(`[${name}]`)) {
      link.setAttribute(name, new URL(link.getAttribute(name) ?? "", base).href);
    }
  }
  const question = /** @type {HTMLElement} */ (content.querySelector(".question"));
  return { question, answer: /** @type {HTMLDetailsElement} */ (content.querySelector("details.answer")) };
}

/** Ask one question after another. @param {HTMLElement} stage @param {Asked[]} all @param {Store} store */
function run(stage, all, store) {
  let at = 0;
  let right = 0;
  const finish = () => {
    stage.replaceChildren(make("p", { role: "status", tabindex: -1 }, `Done: ${right} of ${all.length} right.`));
    /** @type {HTMLElement} */ (stage.firstElementChild).focus();
  };
  const step = () => {
    if (at >= all.length) return finish();
    const { lesson, name } = all[at];
    const { question, answer } = drawn(all[at]);
    const key = `${lesson.lesson}/${name}`;
    const next = make(
      "button",
      { type: "button", class: "record-button", hidden: true },
      at + 1 < all.length ? "Next question" : "Finish",
    );
    const heading = make("h3", { tabindex: -1 }, `${lesson.title}, ${at + 1} of ${all.length}`);
    next.addEventListener("click", () => {
      at += 1;
      step();
    });
    stage.replaceChildren(heading, question, answer, next);
    ask(question, answer, {
      last: store.answers().findLast((one) => one.question === key) ?? null,
      again: false,
      onAnswer: (attempt) => {
        right += Number(attempt.right);
        store.addAnswer(key, attempt.given, attempt.right, attempt.variant);
        next.hidden = false;
        next.focus();
      },
    });
    heading.focus();
    return undefined;
  };
  step();
}

/** @param {HTMLElement} past @param {Answer[]} answers */
function showPast(past, answers) {
  const days = history(answers);
  if (!days.length) {
    past.replaceChildren(make("p", {}, "Nothing answered yet."));
    return;
  }
  const rows = days.map((row) =>
    make(
      "tr",
      {},
      ...[row.day, row.right + row.wrong, row.right, row.known].map((cell) => make("td", {}, String(cell))),
    ),
  );
  past.replaceChildren(
    picture(days.slice(-30), Math.min(640, past.clientWidth || 640)),
    table(["Day", "Answered", "Right", "Questions known by then"], rows, make("caption", {}, "Answers by day")),
  );
}
