/**
 * Typeset the page's formulas once it is drawn, one at a time, so that it scrolls and answers
 * keys meanwhile. `MathJax.startup.promise` is fulfilled when all are done.
 */

/** @type {any} */
const settings = /** @type {any} */ (window).MathJax;
const all = new Promise((resolve) => (settings.done = resolve));

// What a script adds to the page later is typeset when it says so.
document.addEventListener("formulas", async ({ target }) => {
  await all;
  const found = /** @type {Element} */ (target).querySelectorAll(".math");
  await /** @type {any} */ (window).MathJax.typesetPromise([...found]);
});

const pause = () => new Promise((resume) => setTimeout(resume));

async function typesetAll() {
  const { typesetPromise } = /** @type {any} */ (window).MathJax;
  for (const formula of document.querySelectorAll(".math")) {
    await typesetPromise([formula]);
    await pause();
  }
}

/** A formula wider than the page scrolls in its own box, which the keyboard must reach. */
function markScrollable() {
  for (const box of document.querySelectorAll("mjx-container[display]")) {
    const scrolls = box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight;
    if (scrolls) box.setAttribute("tabindex", "0");
    else box.removeAttribute("tabindex");
  }
}

/** All formulas are set: a page that was waiting for them may go on. */
function tell() {
  document.documentElement.dataset.formulas = "set";
  settings.done();
}

settings.startup = {
  typeset: false,
  ready() {
    const { startup } = /** @type {any} */ (window).MathJax;
    startup.defaultReady();
    startup.promise = startup.promise.then(typesetAll).then(markScrollable).then(tell);
    addEventListener("resize", markScrollable);
  },
};

function load() {
  const script = document.createElement("script");
  script.src = new URL("vendor/mathjax/es5/startup.js", import.meta.url).href;
  document.head.append(script);
}

if (document.readyState === "complete") load();
else addEventListener("load", () => setTimeout(load));
