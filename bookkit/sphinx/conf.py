"""The book for Sphinx alone: what Jupyter Book makes of ``_config.yml``, without Jupyter Book.

``make sphinx`` builds the same sources with current Sphinx and its book theme into
``_build/sphinx``; the pages say the same.
"""

import yaml

from bookkit import ROOT

BOOK = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
SETTINGS = BOOK["sphinx"]["config"]

globals().update(SETTINGS)

project = html_title = BOOK["title"]
author, copyright = BOOK["author"], BOOK["copyright"]
extensions = [name for name in SETTINGS["extensions"] if name != "jupyter_book"]
exclude_patterns = ["_build", *BOOK["exclude_patterns"]]
external_toc_exclude_missing = BOOK["only_build_toc_files"]
bibtex_bibfiles = [str(ROOT / name) for name in BOOK["bibtex_bibfiles"]]
myst_enable_extensions = BOOK["parse"]["myst_enable_extensions"]

execute = BOOK["execute"]
nb_execution_mode = execute["execute_notebooks"]
nb_execution_raise_on_error = execute["raise_on_error"]
nb_execution_show_tb = execute["show_tb"]
nb_execution_timeout = execute["timeout"]
nb_output_stderr = execute["stderr_output"]

numfig = True
html_theme = "sphinx_book_theme"
html_favicon = str(ROOT / BOOK["html"]["favicon"])
html_static_path = [str(ROOT / folder) for folder in SETTINGS["html_static_path"]]
html_theme_options = {
    **SETTINGS["html_theme_options"],
    "extra_footer": BOOK["html"]["extra_footer"],
    "home_page_in_toc": BOOK["html"]["home_page_in_navbar"],
}
# JupyterLite belongs to the published site.
jupyterlite = False
