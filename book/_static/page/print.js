/** On paper a page is dark on light, whatever its theme: code, plots and tables too. */

export function printLight() {
  const { dataset } = document.documentElement;
  /** The theme to come back to. @type {string | undefined} */
  let before;
  const printing = matchMedia("print");
  const turn = () => {
    if (printing.matches) {
      before = dataset.theme;
      dataset.theme = "light";
    } else if (before) {
      dataset.theme = before;
      before = undefined;
    }
  };
  printing.addEventListener("change", turn);
}
