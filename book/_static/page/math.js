/**
 * Typesets the page's formulas once it is drawn, one at a time, so that it scrolls and answers
 * keys meanwhile. `MathJax.startup.promise` is fulfilled when all are done.
 *
 * A classic script, which pages opened from disk run too.
 */
(() => {
  const own = /** @type {HTMLScriptElement} */ (document.currentScript).src;
  /** What the page's own script has set, and later the library. */
  const mathjax = () => /** @type {any} */ (window).MathJax;
  const settings = mathjax();
  /** @type {Promise<void>} */
  const all = new Promise((resolve) => {
    settings.done = resolve;
  });

  // What a script adds to the page later is typeset when it says so.
  document.addEventListener("formulas", async ({ target }) => {
    await all;
    await mathjax().typesetPromise([.../** @type {Element} */ (target).querySelectorAll(".math")]);
  });

  const pause = () => new Promise((resume) => setTimeout(resume));

  async function typesetAll() {
    for (const formula of document.querySelectorAll(".math")) {
      await mathjax().typesetPromise([formula]);
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
      const { startup } = mathjax();
      startup.defaultReady();
      startup.promise = startup.promise.then(typesetAll).then(markScrollable).then(tell);
      addEventListener("resize", markScrollable);
    },
  };

  function load() {
    const script = document.createElement("script");
    script.src = new URL("../vendor/mathjax/es5/startup.js", own).href;
    document.head.append(script);
  }

  if (document.readyState === "complete") load();
  else addEventListener("load", () => setTimeout(load));
})();
