/** What every page of the book runs, as one classic script, which pages opened from disk run too. */
import { revive } from "../explorers.js";
import { reachWide } from "./wide.js";
import { printLight } from "./print.js";
import { openAccount, whisper } from "../record/account.js";
import { openKeeping } from "../record/keeping.js";
import { openNotes } from "../record/notes.js";
import { openPractice } from "../record/practice.js";
import { openAnswers, openPrediction } from "../record/predict.js";
import { openProgress } from "../record/progress.js";
import { openSkillCheck } from "../record/skillcheck.js";
import { openStore } from "../record/store.js";
import { openSync } from "../record/sync.js";
import { showTrouble } from "../record/trouble.js";

const STATIC = /** @type {HTMLScriptElement} */ (document.currentScript).src;
const KEY = `serving-by-the-numbers:${new URL("../", STATIC).pathname}`;
const PLACES =
  ".predict[data-prediction], .skill-check, .lesson-notes, .record-progress, .record-practice, .record-keeping";

/** What scripts of a page hand one another, and the record for whoever looks at it from a console. */
const shared =
  /** @type {Window & {bookQuestions?: {[lesson: string]: {[name: string]: string}}, bookRecord?: import("../record/store.js").Store}} */ (
    window
  );

/** @param {string} selector */
const all = (selector) => /** @type {HTMLElement[]} */ ([...document.querySelectorAll(selector)]);

/** The questions of a lesson, which the build has written into a script. @type {import("../record/practice.js").Fetch} */
function questions(lesson) {
  return new Promise((resolve, reject) => {
    const known = () => shared.bookQuestions?.[lesson];
    const done = () => {
      const found = known();
      if (found) resolve(found);
      else reject(new Error(`there are none of ${lesson}`));
    };
    if (known()) {
      done();
      return;
    }
    const script = document.createElement("script");
    script.src = new URL(`questions/${encodeURIComponent(lesson)}.js`, STATIC).href;
    script.addEventListener("load", done);
    script.addEventListener("error", () => {
      script.remove();
      reject(new Error(`${script.src} does not load`));
    });
    document.head.append(script);
  });
}

/** The parts of a page that keep a record, or show one. */
function openRecord() {
  const store = openStore(KEY, window);
  shared.bookRecord = store;
  const meta = /** @type {HTMLMetaElement | null} */ (document.querySelector('meta[name="account-server"]'));
  const server = meta?.content ?? "";
  const sync = openSync(server, `${KEY}:account`, store, window);
  for (const box of all(".predict[data-prediction]")) openPrediction(box, store);
  openAnswers(store);
  for (const box of all(".skill-check")) openSkillCheck(box, store);
  for (const box of all(".lesson-notes")) openNotes(box, store, Boolean(server));
  for (const box of all(".record-progress")) openProgress(box, store);
  for (const box of all(".record-practice")) openPractice(box, store, questions);
  for (const box of all(".record-keeping")) openKeeping(box, store, sync);
  showTrouble(store);
  if (!server) return;
  const keeping = all(".record-keeping");
  if (!keeping.length) whisper(sync);
  for (const box of keeping) openAccount(box, sync);
}

printLight();
reachWide();
for (const place of all(".xp-place")) revive(place);
if (document.querySelector(PLACES)) openRecord();
