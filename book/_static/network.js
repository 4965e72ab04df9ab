// @ts-check
/** JupyterLite takes its Python from a host elsewhere: says so where that does not answer. */

const KERNEL = "@jupyterlite/pyodide-kernel-extension:kernel";
const NAMED = new URL(import.meta.url).searchParams.get("python") ?? "";

/** Where this JupyterLite has its Python from: its settings, or else what the kernel names. */
async function source() {
  const settings = await (await fetch("../jupyter-lite.json")).json();
  const own = settings["jupyter-config-data"].litePluginSettings?.[KERNEL]?.pyodideUrl;
  return own ? new URL(own, new URL("..", location.href)) : new URL(NAMED);
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

/** @param {URL} address */
function say(address) {
  const bar = document.createElement("div");
  bar.setAttribute("role", "alert");
  bar.style.cssText =
    "position:fixed;inset:auto 0 0;z-index:10000;display:flex;gap:1em;align-items:center;justify-content:center;" +
    "padding:.6em 1em;background:#fff4ce;color:#1a1a1a;border-top:2px solid #8a6d00;font:16px/1.4 system-ui,sans-serif";
  const text = document.createElement("span");
  text.textContent =
    `No cell will run: Python for these notebooks comes from ${address.host}, which does not answer. ` +
    "JupyterLite needs a network; the pages of the book and their explorers need none.";
  const close = document.createElement("button");
  close.textContent = "Close";
  close.addEventListener("click", () => bar.remove());
  bar.append(text, close);
  document.body.append(bar);
  addEventListener("online", () => bar.remove(), { once: true });
}

const address = await source();
if (!(await answers(address))) say(address);
