"""JupyterLite inside the site: it boots, opens notebooks, runs Python; widgets answer both ways.

Its Python comes from a public host when a reader opens it. Here that Python is served beside the
site, from npm's copy of the very version, with the pure wheels that its start needs.
"""

import ast
import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

from bookkit.editions import installation, wheels

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "_build" / "html"
LITE = SITE / "lite"
PYODIDE = ROOT / "node_modules" / "pyodide"
LOCK = json.loads((PYODIDE / "pyodide-lock.json").read_text("utf-8"))
RUNTIME = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip")
NAMES = sorted(
    f"{folder}/{path.stem}"
    for folder in ("lessons", "exercises")
    for path in (ROOT / folder).glob("*.md")
)
WHOLE = {"windowingMode": "none"}
# A kernel starts in a quarter of a minute on a quiet machine.
PATIENCE = 180_000
# A lesson that takes 15 s with compiled Python takes minutes in a browser, downloads included.
LONG = 1_200_000


def copy(site: Path) -> Path:
    """Copy JupyterLite into a folder, to keep every cell in the page, not only those in sight."""
    shutil.copytree(LITE, site / "lite")
    (site / "_static" / "page").mkdir(parents=True)
    shutil.copy(SITE / "_static" / "page" / "network.js", site / "_static" / "page")
    shutil.copy(SITE / "_headers", site)
    configure(site, "settingsOverrides", "@jupyterlab/notebook-extension:tracker", WHOLE)
    return site


def configure(site: Path, group: str, plugin: str, values: dict[str, str]) -> None:
    """Add to the settings of a plugin of JupyterLite."""
    settings = site / "lite" / "jupyter-lite.json"
    config = json.loads(settings.read_text("utf-8"))
    plugins = config["jupyter-config-data"].setdefault(group, {})
    plugins.setdefault(plugin, {}).update(values)
    settings.write_text(json.dumps(config), "utf-8")


@pytest.fixture(scope="module")
def hosted(tmp_path_factory: pytest.TempPathFactory, serve: Callable[[Path], str]) -> str:
    """JupyterLite with its own copy of the kernel's Python."""
    site = copy(tmp_path_factory.mktemp("hosted"))
    python = site / "lite" / "static" / "pyodide"
    python.mkdir(parents=True)
    for name in RUNTIME:
        shutil.copy(PYODIDE / name, python)
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    pure = ["--platform", "any", "--implementation", "py", "--abi", "none"]
    options = ["--no-deps", "--only-binary", ":all:", "--python-version", "3.14", *pure]
    wanted = ["--require-hashes", "-r", str(ROOT / "tests" / "pyodide.txt"), "-d", str(python)]
    subprocess.run([*pip, *options, *wanted], check=True, capture_output=True)
    lock = json.loads(json.dumps(LOCK))
    files = {package["file_name"]: package for package in lock["packages"].values()}
    for wheel in python.glob("*.whl"):
        files[wheel.name]["sha256"] = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (python / "pyodide-lock.json").write_text(json.dumps(lock), "utf-8")
    own = {"pyodideUrl": "./static/pyodide/pyodide.mjs"}
    configure(site, "litePluginSettings", "@jupyterlite/pyodide-kernel-extension:kernel", own)
    return serve(site)


def repl(hosted: str, visit: Callable[..., Page], code: str) -> Page:
    """Run code in JupyterLite's REPL."""
    return visit(f"{hosted}/lite/repl/index.html?kernel=python&toolbar=1&code={quote(code)}")


@pytest.mark.parametrize("name", NAMES)
def test_every_page_leads_to_its_notebook(name: str) -> None:
    page = (SITE / f"{name}.html").read_text("utf-8")
    (link,) = re.findall(r'href="\.\./lite/lab/index\.html\?path=([^"]+)">JupyterLite<', page)
    assert link == f"{name}.ipynb"
    there, here = (
        json.loads((folder / link).read_text("utf-8"))
        for folder in (LITE / "files", SITE / "notebooks")
    )
    assert there["cells"][1:] == here["cells"][1:]
    assert there["cells"][0]["source"] == installation.lite()
    assert there["metadata"]["kernelspec"]["name"] == "python"


@pytest.mark.parametrize("name", NAMES)
def test_no_cell_needs_what_a_browser_has_not(name: str) -> None:
    """A browser's Python starts no process or thread and opens no socket."""
    notebook = json.loads((LITE / "files" / f"{name}.ipynb").read_text("utf-8"))
    lacking = {"asyncio", "concurrent", "dask", "joblib", "multiprocessing", "socket"}
    lacking |= {"requests", "subprocess", "threading", "urllib"}
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code" and "%pip" not in source:
            for node in ast.walk(ast.parse(source)):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                assert not {imported.partition(".")[0] for imported in names} & lacking


def test_it_has_these_apps_and_extensions_and_no_others() -> None:
    config = json.loads((LITE / "jupyter-lite.json").read_text("utf-8"))["jupyter-config-data"]
    assert {found["name"] for found in config["federated_extensions"]} == {
        "@jupyter-widgets/jupyterlab-manager",
        "@jupyterlite/pyodide-kernel-extension",
        "anywidget",
    }
    assert not list(LITE.rglob("*.map"))
    assert (LITE / "lab" / "index.html").is_file()
    assert (LITE / "repl" / "index.html").is_file()


class TestVersions:
    """What comes from the site and from the kernel's host fits together."""

    def test_the_python_under_test_is_the_one_the_kernel_loads(self) -> None:
        package = json.loads((PYODIDE / "package.json").read_text("utf-8"))
        scripts = (LITE / "extensions" / "@jupyterlite").rglob("*.js")
        hosts = {
            found
            for script in scripts
            for found in re.findall(
                r"https://cdn\.jsdelivr\.net/pyodide/v([\d.]+)/full", script.read_text("utf-8")
            )
        }
        assert hosts == {package["version"]}

    def test_labs_and_widgets_are_shipped_as_pure_wheels(self) -> None:
        index = json.loads((LITE / "pypi" / "all.json").read_text("utf-8"))
        assert {"serving-labs", "anywidget", "psygnal", "ipywidgets", "comm", "seaborn"} <= set(
            index
        )
        for name in ("serving-labs", "anywidget", "psygnal", "ipywidgets"):
            for releases in index[name]["releases"].values():
                assert all(file["filename"].endswith("-none-any.whl") for file in releases)

    def test_shipped_versions_are_those_of_the_lock(self) -> None:
        lock = (ROOT / "requirements.lock").read_text("utf-8")
        for wheel in (LITE / "pypi").glob("*.whl"):
            name, version = wheel.name.split("-")[:2]
            if name != "serving_labs":
                assert f"\n{name.replace('_', '-')}=={version} " in lock, wheel.name

    def test_what_labs_asks_for_is_with_the_kernel_or_with_the_site(self) -> None:
        text = (ROOT / "pyproject.toml").read_text("utf-8")
        shipped = json.loads((LITE / "pypi" / "all.json").read_text("utf-8"))
        for extra in ("dependencies", "widgets", "plots", "learn"):
            (line,) = re.findall(rf"^{extra} = \[(.*)\]$", text, re.MULTILINE)
            for name, least in re.findall(r'"([\w-]+)(?:\[[^\]]*\])?>=([\d.]+)"', line):
                kernel = LOCK["packages"].get(name)
                releases = list(shipped.get(name, {}).get("releases", ()))
                versions = [kernel["version"]] if kernel else releases
                assert versions, f"{name} is neither with the kernel nor with the site"
                numbers = [tuple(map(int, re.findall(r"\d+", found))) for found in versions]
                assert max(numbers) >= tuple(map(int, least.split("."))), (name, versions)

    def test_the_kernels_python_is_one_that_labs_supports(self) -> None:
        version = tuple(map(int, LOCK["info"]["python"].split(".")[:2]))
        assert version >= (3, 11)


def test_a_lesson_opens_in_the_browser_and_asks_nobody_else(
    hosted: str, visit: Callable[..., Page]
) -> None:
    page = visit(f"{hosted}/lite/lab/index.html?path=lessons/batching.ipynb")
    page.locator(".jp-NotebookPanel .jp-RenderedMarkdown h1").wait_for(timeout=PATIENCE)
    notebook = page.locator(".jp-NotebookPanel")
    assert notebook.locator("h1").first.inner_text().startswith("Batching")
    assert page.visit.elsewhere == []


def test_without_a_network_it_says_that_it_needs_one(
    serve: Callable[[Path], str], visit: Callable[..., Page]
) -> None:
    for address in ("lab/index.html?path=lessons/batching.ipynb", "repl/index.html"):
        page = visit(f"{serve(SITE)}/lite/{address}")
        said = page.get_by_role("alert").filter(has_text="JupyterLite needs a network")
        expect(said).to_contain_text("Python for these notebooks comes from cdn.jsdelivr.net")
        said.get_by_role("button", name="Close").press("Enter")
        expect(said).to_have_count(0)


@pytest.mark.parametrize("app", ["lab", "repl"])
def test_from_disk_it_says_that_it_needs_a_server(app: str, visit: Callable[..., Page]) -> None:
    page = visit(f"{LITE.as_uri()}/{app}/index.html")
    said = page.get_by_role("alert").filter(has_text="JupyterLite does not run from disk")
    expect(said).to_contain_text("it needs a server, such as make serve starts")


def test_python_starts_and_finds_labs_on_the_site(hosted: str, visit: Callable[..., Page]) -> None:
    code = (
        "import piplite, sys\n"
        "await piplite.install('serving-labs', deps=False)\n"
        "import labs\n"
        "print('python', *sys.version_info[:2], 'labs', labs.__version__)"
    )
    page = repl(hosted, visit, code)
    python = LOCK["info"]["python"].split(".")[:2]
    said = f"python {' '.join(python)} labs {wheels.version()}"
    expect(page.get_by_text(said, exact=True)).to_be_visible(timeout=PATIENCE)
    assert not page.get_by_text("needs a network").count()
    assert page.visit.elsewhere == []


WIDGET = """
import piplite
names = ['anywidget', 'ipywidgets', 'psygnal', 'comm', 'typing-extensions', 'jupyterlab-widgets']
await piplite.install([*names, 'widgetsnbextension'], deps=False)
import anywidget, traitlets

class Counter(anywidget.AnyWidget):
    _esm = '''
    export default { render({ model, el }) {
      const button = document.createElement("button");
      const show = () => { button.textContent = `count ${model.get("n")}`; };
      button.onclick = () => { model.set("n", model.get("n") + 1); model.save_changes(); };
      model.on("change:n", show);
      show();
      el.append(button);
    } }
    '''
    n = traitlets.Int(4).tag(sync=True)

counter = Counter()
counter.observe(lambda change: setattr(counter, 'n', 70) if change.new == 5 else None, 'n')
counter
"""


def test_a_widget_synchronises_both_ways(hosted: str, visit: Callable[..., Page]) -> None:
    page = repl(hosted, visit, WIDGET)
    button = page.get_by_role("button", name="count")
    expect(button).to_have_text("count 4", timeout=PATIENCE)
    button.click()  # 5 goes to Python, which answers with 70
    expect(button).to_have_text("count 70", timeout=30_000)
    assert page.visit.elsewhere == []


def run_whole(page: Page) -> list[str]:
    """Run every cell of the open notebook; what those said that failed."""
    page.locator(".jp-NotebookPanel .jp-RenderedMarkdown h1").wait_for(timeout=PATIENCE)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    waiting = page.locator(".jp-InputPrompt", has_text="[*]")
    expect(waiting).not_to_have_count(0)
    expect(waiting).to_have_count(0, timeout=LONG)
    expect(page.get_by_text("Python (Pyodide) | Idle")).to_be_visible(timeout=LONG)
    said = page.locator('.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.stderr"]')
    return said.filter(has_text=re.compile("Traceback|SystemExit")).all_inner_texts()


def test_a_notebook_runs_as_far_as_it_does_without_a_network(
    hosted: str, visit: Callable[..., Page]
) -> None:
    """It installs ``labs`` from the site, and stops where numpy would come from elsewhere."""
    (said,) = run_whole(visit(f"{hosted}/lite/lab/index.html?path=lessons/batching.ipynb"))
    assert "No module named 'numpy'" in said


@pytest.mark.network
@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_runs_whole_with_what_the_public_host_has(
    name: str, browser: Browser, tmp_path: Path, serve: Callable[[Path], str]
) -> None:
    """For someone with a network: ``make lite``. A sheet waits for its first answer."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{serve(copy(tmp_path))}/lite/lab/index.html?path={name}.ipynb")
    errors = run_whole(page)
    if name.startswith("exercises/"):
        errors = [error for error in errors if "no answer yet" not in error]
    assert errors == []
    context.close()


def test_the_book_says_what_the_first_visit_downloads() -> None:
    text = (ROOT / "book" / "how-to.md").read_text("utf-8")
    assert "JupyterLite" in text
    assert re.search(r"first (?:visit|time)[^.]*\d+ MB", text)
    assert find_spec("jupyterlite_core")
