/** HTML and SVG elements in one call, as the explorers make them. */
export { html as make, px, svg, write } from "../../../labs/explorer/elements.js";
