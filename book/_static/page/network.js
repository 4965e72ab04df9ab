/**
 * JupyterLite needs a server, and takes its Python from a host elsewhere: says so where there is none, or where that
 * does not answer. A classic script, which pages opened from disk run too.
 */
(() => {
  const KERNEL = "@jupyterlite/pyodide-kernel-extension:kernel";
  const own = new URL(/** @type {HTMLScriptElement} */ (document.currentScript).src);

  /** Where this JupyterLite has its Python from: its settings, or else what the kernel names. */
  async function source() {
    const settings = await (await fetch("../jupyter-lite.json")).json();
    const named = settings["jupyter-config-data"].litePluginSettings?.[KERNEL]?.pyodideUrl;
    return named ? new URL(named, new URL("..", location.href)) : new URL(own.searchParams.get("python") ?? "");
  }

  /** @param {URL} address */
  async function answers(address) {
    try {
      await fetch(address, { method: "HEAD", mode: "no-cors" });
      return true;
    } catch {
      return false;
    }
  }

  /** @param {string} words */
  function say(words) {
    const bar = document.createElement("div");
    bar.setAttribute("role", "alert");
    bar.style.cssText =
      "position:fixed;inset:auto 0 0;z-index:10000;display:flex;gap:1em;align-items:center;justify-content:center;" +
      "padding:.6em 1em;background:#fff4ce;color:#1a1a1a;border-top:2px solid #8a6d00;font:16px/1.4 system-ui,sans-serif";
    const text = document.createElement("span");
    text.textContent = words;
    const close = document.createElement("button");
    close.textContent = "Close";
    close.addEventListener("click", () => bar.remove());
    bar.append(text, close);
    document.body.append(bar);
    return bar;
  }

  async function look() {
    const address = await source();
    if (await answers(address)) return;
    const bar = say(
      `No cell will run: Python for these notebooks comes from ${address.host}, which does not answer. ` +
        "JupyterLite needs a network; the pages of the book and their explorers need none.",
    );
    addEventListener("online", () => bar.remove(), { once: true });
  }

  if (location.protocol === "file:") {
    say(
      "JupyterLite does not run from disk: it needs a server, such as make serve starts. " +
        "The pages of the book and their explorers need none.",
    );
  } else {
    look();
  }
})();
