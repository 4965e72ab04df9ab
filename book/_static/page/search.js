/**
 * What search shows of a page: its text alone, without the answers to predictions and questions.
 *
 * A classic script, after Sphinx's own, whose excerpts it makes from less of a page.
 */
/* global Search */
(() => {
  /** Sphinx's search, which is a name of the page and no property of its window. */
  const search = /** @type {{htmlToText: (html: string, anchor?: string) => string}} */ (
    // @ts-ignore: Sphinx declares it.
    Search
  );
  const whole = search.htmlToText;
  const LEFT_OUT =
    ".predict-truth, .predict-veil, .predict-rest, details, .skill-check, .toc-item, .bd-header-article, .page-notebook, .lesson-facts, .math, .cell_input";

  search.htmlToText = (html, anchor) => {
    const page = new DOMParser().parseFromString(html, "text/html");
    for (const part of page.querySelectorAll(LEFT_OUT)) part.remove();
    const article = page.querySelector("article.bd-article");
    article?.setAttribute("role", "main");
    if (article) page.body.replaceChildren(article);
    return whole(page.documentElement.outerHTML, anchor).replace(/\s+/g, " ");
  };
})();
