/** A formula or a drawing wider than the page scrolls in its own box, which the keyboard must reach. */
export function reachWide() {
  const watch = new ResizeObserver((changes) => {
    for (const { target } of changes) {
      if (target.scrollWidth > target.clientWidth) target.setAttribute("tabindex", "0");
      else target.removeAttribute("tabindex");
    }
  });
  for (const box of document.querySelectorAll(".katex-display, .schematic > div")) watch.observe(box);
}
