"""Notebooks of every page, the branch they open from, and what a release holds."""

import json
import os
import re
import subprocess
import sys
import tarfile
import threading
import venv
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import nbformat
import pytest
import record_page
import yaml
from repo2docker.buildpacks import PythonBuildPack
from sphinx.errors import ConfigError

from bookkit.commands import branch, differences, links, release
from bookkit.editions import launch, wheels

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "_build" / "html"
BOOKS = SITE / "notebooks"
NAMES = sorted(
    f"{folder}/{path.stem}"
    for folder in ("lessons", "exercises")
    for path in (ROOT / folder).glob("*.md")
)
LESSONS = [name for name in NAMES if name.startswith("lessons/")]
RAW = re.compile(
    r"^\s*(`{3,}|:{3,}|~{3,})\{|\{[a-z:]+\}`|^\(\w[\w-]*\)=$|<(?:script|style|div)", re.M
)

every_notebook = pytest.mark.parametrize("name", NAMES)
every_lesson = pytest.mark.parametrize("name", LESSONS)


def read(name: str) -> nbformat.NotebookNode:
    return nbformat.read(BOOKS / f"{name}.ipynb", 4)


def prose(notebook: nbformat.NotebookNode) -> str:
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


@every_notebook
def test_a_notebook_is_valid_has_no_outputs_and_names_its_cells(name: str) -> None:
    notebook = read(name)
    nbformat.validate(notebook)
    names = [cell.id for cell in notebook.cells]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z]+-(\d+|install)", cell) for cell in names)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


@every_notebook
def test_a_notebook_reads_well_anywhere(name: str) -> None:
    text = re.sub(r"^```.*?^```$", "", prose(read(name)), flags=re.M | re.S)
    assert [found[0] for found in RAW.finditer(text)] == []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        assert re.match(r"https?://|doi:", target), target
    page = (SITE / f"{name}.html").read_text("utf-8")
    title = re.search(r"<article[^>]*>.*?<h1>(.*?)<a", page, re.S)[1]
    assert f"# {title}\n" in text


@every_notebook
def test_the_first_cell_installs_labs_where_it_is_missing_alone(name: str) -> None:
    first = read(name).cells[0]
    assert first.cell_type == "code"
    assert "from labs import" in first.source
    assert wheels.name() in first.source


@every_lesson
def test_a_lesson_keeps_its_questions_numbers_and_sources(name: str) -> None:
    text = prose(read(name))
    page = (SITE / f"{name}.html").read_text("utf-8")
    asked = page.count('class="question"')
    assert asked >= 6
    assert text.count("<summary>Answer to question ") == asked == text.count("**Question ")
    predicted = page.count('class="predict"')
    assert text.count("**Predict first.**") == predicted >= 2
    assert text.count("<details>") == text.count("</details>") >= asked + predicted
    equations = re.findall(r'class="eqno">\((\d+)\)', page)
    assert re.findall(r"\\tag\{(\d+)\}", text) == equations
    figures = re.findall(r'caption-number">Fig\. (\d+)', page)
    assert re.findall(r"\*\*Fig\. (\d+)\*\*", text) == figures
    assert len(re.findall(r"^- .*(?:https?://|doi)", text.split("## References")[1], re.M)) >= 4


@every_lesson
def test_a_lesson_has_every_cell_of_its_source_in_order(name: str) -> None:
    source = (ROOT / f"{name}.md").read_text("utf-8")
    written = re.findall(
        r"^```\{code-cell\}[^\n]*\n(?::[^\n]*\n)*(?:---\n.*?\n---\n)?(.*?)^```$",
        source,
        re.M | re.S,
    )
    cells = [cell.source for cell in read(name).cells if cell.cell_type == "code"][1:]
    assert [code.strip() for code in written] == [code.strip() for code in cells]


RUN = """
import sys
import nbformat
from nbclient import NotebookClient

import labs

assert sys.prefix in labs.__file__, labs.__file__
for path in sys.argv[1:]:
    NotebookClient(nbformat.read(path, 4), timeout=240, kernel_name="python3").execute()
"""


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment that has the libraries of this one, and of the book the wheel alone."""
    folder = tmp_path_factory.mktemp("fresh")
    venv.create(folder / "venv", with_pip=False)
    python = folder / "venv" / "bin" / "python"
    library = next((folder / "venv" / "lib").glob("python*/site-packages"))
    others = [path for path in sys.path if path.endswith("site-packages")]
    (library / "others.pth").write_text("\n".join(others))
    with zipfile.ZipFile(SITE / wheels.FOLDER / wheels.name()) as archive:
        archive.extractall(library)  # noqa: S202
    return python


def run(python: Path, folder: Path, *notebooks: Path) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return subprocess.run(
        [str(python), "-c", RUN, *map(str, notebooks)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@every_lesson
def test_a_lesson_runs_with_nothing_of_the_book_but_the_wheel(
    name: str, fresh: Path, tmp_path: Path
) -> None:
    done = run(fresh, tmp_path, BOOKS / f"{name}.ipynb")
    assert done.returncode == 0, done.stderr[-3000:]


def test_the_sheets_run_with_nothing_of_the_book_but_the_wheel(fresh: Path, tmp_path: Path) -> None:
    sheets = sorted((ROOT / "_build" / "course" / "source").glob("*/*.ipynb"))
    assert len(sheets) == len(NAMES) - len(LESSONS)
    done = run(fresh, tmp_path, *sheets)
    assert done.returncode == 0, done.stderr[-3000:]


def test_where_labs_is_missing_the_first_cell_says_what_to_install(tmp_path: Path) -> None:
    import notebooks

    with_site = notebooks.installation("https://a.github.io/b/", "x").source
    assert (
        f'%pip install --quiet "labs[learn,plots,widgets] @ https://a.github.io/b/wheels/{wheels.name()}"'
        in with_site
    )
    program = tmp_path / "cell.py"
    program.write_text(notebooks.installation("", "x").source)
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(program)], capture_output=True, text=True, check=False
    )
    assert done.stderr == f"Install the wheel from the site: pip install wheels/{wheels.name()}\n"


@pytest.fixture(scope="module")
def fork(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small book built in a workflow of a fork."""
    folder = tmp_path_factory.mktemp("fork")
    os.environ["BOOK_REPOSITORY"] = "Some-Body/a.fork"
    try:
        return record_page.build(folder, extensions=("launch", "wheels", "notebooks"))
    finally:
        del os.environ["BOOK_REPOSITORY"]


class TestLaunch:
    """One setting leads every button to where its notebook is published."""

    @pytest.fixture
    def published(self, fork: Path, tmp_path: Path) -> Path:
        branch.make(fork, tmp_path / "branch")
        return tmp_path / "branch"

    def test_every_button_opens_a_file_that_is_published(self, fork: Path, published: Path) -> None:
        for name in ("first", "second"):
            page = (fork / "lessons" / f"{name}.html").read_text("utf-8")
            (offer,) = re.findall(r'<p class="page-notebook">(.*?)</p>', page)
            found = dict(re.findall(r'href="([^"]+)">(\w+)</a>', offer))
            opened = {place: address for address, place in found.items()}
            assert list(opened) == ["Colab", "Binder", "Download"]
            colab = "https://colab.research.google.com/github/Some-Body/a.fork/blob/notebooks/"
            assert opened["Colab"].startswith(colab)
            assert (published / opened["Colab"].removeprefix(colab)).is_file()
            binder = "https://mybinder.org/v2/gh/Some-Body/a.fork/notebooks?urlpath="
            path = unquote(opened["Binder"].removeprefix(binder))
            assert (published / path.removeprefix("lab/tree/")).is_file()
            assert (fork / "lessons" / opened["Download"]).resolve().is_file()
            assert f"Version {wheels.version()}" in offer

    def test_the_notebook_installs_from_the_forks_site(self, fork: Path) -> None:
        first = nbformat.read(fork / "notebooks" / "lessons" / "first.ipynb", 4).cells[0].source
        assert f"@ https://some-body.github.io/a.fork/wheels/{wheels.name()}" in first
        assert (fork / "wheels" / wheels.name()).is_file()

    def test_binder_finds_python_and_the_wheel(
        self, published: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(published)
        pack = PythonBuildPack("python:3.11")
        assert pack.detect()
        assert pack.binder_dir == "binder"
        assert pack.python_version == "3.11"
        scripts = " ".join(command for _, command in pack.get_assemble_scripts())
        assert "binder/requirements.txt" in scripts
        wanted = (published / "binder" / "requirements.txt").read_text().strip()
        path, _, extras = wanted.partition("[")
        assert (published / path).is_file()
        project = (ROOT / "pyproject.toml").read_text("utf-8")
        assert all(re.search(rf"^{extra} = ", project, re.M) for extra in extras[:-1].split(","))

    def test_without_a_repository_nothing_of_other_hosts_is_offered(self) -> None:
        page = (SITE / "lessons" / "batching.html").read_text("utf-8")
        (offer,) = re.findall(r'<p class="page-notebook">(.*?)</p>', page)
        assert re.findall(r">(\w+)</a>", offer) == ["JupyterLite", "Download"]

    @pytest.mark.parametrize("name", ["book", "a/b/c", "https://github.com/a/b", "a b/c", "/b"])
    def test_a_repository_that_is_not_one_is_refused(self, name: str) -> None:
        with pytest.raises(ConfigError, match="owner/name"):
            launch.site(name)

    def test_a_users_own_page_lies_at_the_root(self) -> None:
        assert launch.site("Ada/ada.github.io") == "https://ada.github.io/"

    def test_the_workflow_names_its_own_repository_and_publishes_the_branch(self) -> None:
        text = (ROOT / ".github" / "workflows" / "publish.yml").read_text("utf-8")
        jobs = yaml.safe_load(text)["jobs"]
        build = next(step for step in jobs["build"]["steps"] if step.get("run") == "make book")
        assert build["env"] == {"BOOK_REPOSITORY": "${{ github.repository }}"}
        assert f"--initial-branch {launch.BRANCH}" in text
        assert f'" {launch.BRANCH}\n' in text
        assert "make branch" in text


class TestRelease:
    """The wheel, the sources, the site, the notes."""

    def test_the_wheel_is_pure_and_holds_all_of_labs(self) -> None:
        with zipfile.ZipFile(SITE / wheels.FOLDER / wheels.name()) as archive:
            names = set(archive.namelist())
        own = {
            path.relative_to(ROOT).as_posix()
            for path in (ROOT / "labs").rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
        assert own <= names
        assert not any(name.endswith((".so", ".pyd")) for name in names)

    def test_the_sources_build_the_same_wheel(self, tmp_path: Path) -> None:
        archive = release.sources(tmp_path)
        with tarfile.open(archive) as sources:
            sources.extractall(tmp_path / "unpacked", filter="data")
        (folder,) = (tmp_path / "unpacked").iterdir()
        command = [sys.executable, "-W", "ignore", "-c", wheels.BUILD, str(tmp_path)]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        with (
            zipfile.ZipFile(tmp_path / wheels.name()) as one,
            zipfile.ZipFile(SITE / wheels.FOLDER / wheels.name()) as other,
        ):
            assert sorted(one.namelist()) == sorted(other.namelist())
            for name in one.namelist():
                if name.startswith("labs/"):
                    assert one.read(name) == other.read(name), name

    def test_the_zip_is_the_site_and_any_server_serves_it(
        self, tmp_path: Path, chromium: str | None, browser
    ) -> None:
        archive = release.offline(SITE, tmp_path)
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(tmp_path / "site")  # noqa: S202
        port = record_page.free_port()
        command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
        with subprocess.Popen(
            command, cwd=tmp_path / "site", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as server:
            try:
                page = browser.new_page()
                errors: list[str] = []
                page.on("pageerror", lambda error: errors.append(str(error)))
                for _ in range(50):
                    try:
                        page.goto(f"http://127.0.0.1:{port}/lessons/batching.html")
                        break
                    except Exception:  # it has not started yet
                        page.wait_for_timeout(100)
                assert page.locator(".check-standing").count() == 1
                assert page.locator(".xp input[type=range]").count() >= 3
                assert errors == []
                page.close()
            finally:
                server.terminate()

    def test_the_changelog_has_the_notes_of_this_version(self) -> None:
        changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
        assert release.notes(changelog, wheels.version()).startswith("- ")
        text = "# Changes\n\n## 2.0 (today)\n\n- new\n\n## 1.0\n\n- old\n"
        assert release.notes(text, "2.0") == "- new\n"
        assert release.notes(text, "1.0") == "- old\n"
        with pytest.raises(SystemExit, match="no section on 3"):
            release.notes(text, "3.0")


class TestLinks:
    """The link check, against a server of our own."""

    @pytest.fixture
    def host(self) -> Iterator[str]:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(int(self.path.strip("/")))
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()

    def test_broken_links_are_told_from_sound_and_from_guarded_ones(self, host: str) -> None:
        nowhere = f"http://127.0.0.1:{record_page.free_port()}/"
        addresses = [f"{host}/200", f"{host}/404", f"{host}/403", f"{host}/500", nowhere]
        wrong, refused = links.broken(addresses)
        assert set(wrong) == {f"{host}/404", f"{host}/500", nowhere}
        assert set(refused) == {f"{host}/403"}

    def test_links_are_collected_with_their_pages_and_without_anchors(self, tmp_path: Path) -> None:
        (tmp_path / "a.html").write_text('<a href="https://x.org/#p">x</a><a href="b.html">b</a>')
        (tmp_path / "b.html").write_text('<a href="https://x.org/">x</a>')
        assert links.linked(tmp_path) == {"https://x.org/": ["a.html", "b.html"]}
        assert len(links.linked(SITE)) > 50


class TestDifferences:
    """What a pull request changes for readers."""

    @pytest.fixture
    def sites(self, tmp_path: Path) -> tuple[Path, Path]:
        for site in ("before", "after"):
            (tmp_path / site).mkdir()
        return tmp_path / "before", tmp_path / "after"

    def test_words_count_and_markup_does_not(self, sites: tuple[Path, Path]) -> None:
        before, after = sites
        page = "<head><script>x</script></head><nav>n</nav><article><p>Old words.</p></article>"
        (before / "same.html").write_text(page)
        (after / "same.html").write_text(page.replace("x", "y").replace("<p>", '<p class="q">'))
        (before / "new.html").write_text(page)
        (after / "new.html").write_text(page.replace("Old", "New"))
        (after / "added.html").write_text(page)
        found = differences.changes(before, after)
        assert found == {
            "added.html": ["+Old words."],
            "new.html": ["-Old words.", "+New words."],
        }
        said = differences.summary(found)
        assert said.startswith("2 pages read differently.")
        assert "```diff\n-Old words.\n+New words.\n```" in said

    def test_what_a_machine_measures_is_no_change(self, sites: tuple[Path, Path]) -> None:
        cell = '<div class="cell {}"><div><pre>time()</pre></div><div class="{} o"><div><pre>{} s'
        end = "</pre></div></div></div><div><p>Then.</p></div></article>"
        for site, said in zip(sites, "45", strict=True):
            for name, tag in (("timed", "tag_nbval-ignore-output"), ("plain", "tag_other")):
                page = f"<article>{cell.format(tag, 'cell_output', said)}{end}"
                (site / f"{name}.html").write_text(page)
        silent = '<article><div class="cell tag_nbval-ignore-output"><div></div></div>'
        for site, said in zip(sites, "45", strict=True):
            page = f"{silent}{cell.format('plain', 'cell_output', said)}{end}"
            (site / "after.html").write_text(page)
        assert differences.words(sites[0] / "timed.html") == ["time()", "Then."]
        changed = ["-4 s", "+5 s"]
        assert differences.changes(*sites) == {"after.html": changed, "plain.html": changed}

    def test_the_site_does_not_differ_from_itself(self) -> None:
        assert differences.summary(differences.changes(SITE, SITE)) == "No page reads differently."


def test_zizmor_finds_nothing_in_the_workflows() -> None:
    command = [str(Path(sys.executable).with_name("zizmor")), "--offline", "--format", "json"]
    done = subprocess.run(
        [*command, str(ROOT / ".github" / "workflows")], capture_output=True, text=True, check=False
    )
    assert json.loads(done.stdout) == []
