"""Notebooks of every page, the branch they open from, and what a release holds."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, unquote

import nbformat
import pytest
import record_page
import yaml
from repo2docker.buildpacks import PythonBuildPack
from sphinx.errors import ConfigError

from bookkit.commands import branch, differences, links, release
from bookkit.editions import installation, launch, wheels
from bookkit.pages import SECOND, goes_on
from labs._version import content

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
    assert all(re.fullmatch(r"[a-z]+(?:-production)?-(\d+|install|labs)", cell) for cell in names)
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
def test_the_first_cell_sees_to_labs(name: str) -> None:
    first = read(name).cells[0]
    assert first.cell_type == "code"
    assert first.source == installation.cell("")
    page = (SITE / f"{name}.html").read_text("utf-8")
    (link,) = re.findall(r'href="\.\./(wheels/[^"]+)">labs to put beside it</a>', page)
    assert (SITE / unquote(link)).is_file()


@every_lesson
def test_a_lesson_keeps_its_questions_numbers_and_sources(name: str) -> None:
    text = prose(read(name))
    page = (SITE / f"{name}.html").read_text("utf-8")
    asked = page.count('class="question"')
    first = not goes_on(name) and f"{name}{SECOND}" in NAMES
    assert asked == 0 if first else asked >= 16
    assert text.count("<summary>Answer to question ") == asked == text.count("**Question ")
    predicted = page.count('class="predict"')
    assert text.count("**Predict first.**") == predicted
    assert text.count("<details>") == text.count("</details>") >= asked + predicted
    equations = re.findall(r'class="eqno">\((\d+)\)', page)
    assert re.findall(r"\\tag\{(\d+)\}", text) == equations
    figures = re.findall(r'caption-number">Fig\. (\d+)', page)
    assert re.findall(r"\*\*Fig\. (\d+)\*\*", text) == figures
    sources = re.findall(r"^- .*(?:https?://|doi)", text.split("## References")[1], re.M)
    assert len(sources) >= (1 if goes_on(name) or first else 4)


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


FIRST = """
import importlib.metadata, sys
given = {version!r}
def version(name):
    assert name == "serving-labs"
    if not given:
        raise importlib.metadata.PackageNotFoundError(name)
    return given
importlib.metadata.version = version
class Shell:
    def run_line_magic(self, name, line):
        print(name, line)
get_ipython = Shell
"""


def first_cell(source: str, folder: Path, version: str) -> subprocess.CompletedProcess[str]:
    """Run a first cell as a kernel would that has this version of labs, and installs nothing."""
    plain = re.sub(
        r"%pip (.*)",
        lambda found: (
            f"get_ipython().run_line_magic('pip', f{found[1]!r})"
            if "{install}" in found[1]
            else f"get_ipython().run_line_magic('pip', {found[1]!r})"
        ),
        source,
    )
    (folder / "cell.py").write_text(FIRST.format(version=version) + plain)
    return subprocess.run(
        [sys.executable, "-I", "cell.py"], cwd=folder, capture_output=True, text=True, check=False
    )


class TestFirstCell:
    """It compares the labs that is there with the one the notebook was made with."""

    ADDRESS = f"https://a.github.io/b/wheels/{quote(wheels.name())}"

    @pytest.mark.parametrize("site", ["https://a.github.io/b/", ""])
    @pytest.mark.parametrize("version", [wheels.version(), wheels.base()])
    def test_it_does_nothing_where_that_or_a_checkout_is_there(
        self, site: str, version: str, tmp_path: Path
    ) -> None:
        done = first_cell(installation.cell(site), tmp_path, version)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    @pytest.mark.parametrize("version", ["", f"{wheels.base()}+0123456789ab", "0.0.4"])
    def test_it_installs_what_is_missing_or_another(self, version: str, tmp_path: Path) -> None:
        done = first_cell(installation.cell("https://a.github.io/b/"), tmp_path, version)
        wanted = f'"serving-labs[learn,plots,widgets] @ {self.ADDRESS}"'
        assert done.stdout == f"pip install --quiet {wanted}\n"

    @pytest.mark.parametrize("place", ["", "../../wheels"])
    def test_without_a_site_it_takes_the_wheel_that_lies_beside_it(
        self, place: str, tmp_path: Path
    ) -> None:
        here = tmp_path / "notebooks" / "lessons"
        here.mkdir(parents=True)
        wheel = (here / place / wheels.name()).resolve()
        wheel.parent.mkdir(exist_ok=True)
        wheel.touch()
        done = first_cell(installation.cell(""), here, "")
        assert done.stdout == f'pip install --quiet "{wheel}[learn,plots,widgets]"\n'

    def test_else_it_says_what_to_do(self, tmp_path: Path) -> None:
        done = first_cell(installation.cell(""), tmp_path, "")
        said = done.stderr.splitlines()[-1]
        assert said.startswith(f"ModuleNotFoundError: put {wheels.name()}, which the page")
        assert said.endswith(
            "run this cell again: it installs labs with all that the notebook needs"
        )

    def test_pip_installs_that_command(self, tmp_path: Path) -> None:
        """A wheel with a local version and extras, by path: what the cell says works."""
        wheel = SITE / wheels.FOLDER / wheels.name()
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--no-deps"]
        done = subprocess.run([*pip, f"{wheel}[learn,plots,widgets]"], capture_output=True)
        assert done.returncode == 0, done.stderr
        with zipfile.ZipFile(wheel) as archive:
            (record,) = [name for name in archive.namelist() if name.endswith("/METADATA")]
            assert (
                f"\nName: serving-labs\nVersion: {wheels.version()}\n"
                in archive.read(record).decode()
            )
            stated = archive.read("labs/__init__.py").decode()
        assert f'__version__ = "{wheels.version()}"' in stated

    def test_an_installed_wheel_tells_of_itself_what_the_sources_do(self, tmp_path: Path) -> None:
        """Else a sheet made from the sources would refuse the very wheel it came with."""
        with zipfile.ZipFile(SITE / wheels.FOLDER / wheels.name()) as archive:
            archive.extractall(tmp_path)
        code = "import sys; sys.path.insert(0, sys.argv[1]); from labs.checks import versions as v"
        command = [sys.executable, "-c", f"{code}; print(v.version())", str(tmp_path)]
        said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        assert said.stdout.strip() == wheels.made_with()

    def test_two_contents_never_share_a_version(self, tmp_path: Path, monkeypatch) -> None:
        found = {wheels.version()}
        copy = tmp_path / "repository"
        for part in wheels.PARTS:
            source = ROOT / part
            if source.is_dir():
                shutil.copytree(source, copy / part)
            else:
                copy.mkdir(exist_ok=True)
                shutil.copy(source, copy / part)
        monkeypatch.setattr(wheels, "ROOT", copy)
        for name in ("labs/engine.py", "labs/checks/batching.py", "pyproject.toml"):
            with (copy / name).open("a") as file:
                file.write("\n# another word\n")
            content.cache_clear()
            found.add(wheels.version())
        content.cache_clear()
        assert len(found) == 4
        pattern = r"\d+\.\d+\.\d+\+c[0-9a-f]{11}\.m[0-9a-f]{4}"
        assert all(re.fullmatch(pattern, one) for one in found)


@pytest.fixture(scope="module")
def fork(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small book built in a workflow of a fork."""
    folder = tmp_path_factory.mktemp("fork")
    os.environ["BOOK_REPOSITORY"] = "Some-Body/a.fork"
    try:
        return record_page.build(folder, finishing=("wheel",))
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
        assert f"@ https://some-body.github.io/a.fork/wheels/{quote(wheels.name())}" in first
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
        assert re.findall(r">([^<]+)</a>", offer) == [
            "JupyterLite",
            "Download",
            "labs to put beside it",
        ]

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
        assert own == {name for name in names if name.startswith("labs/")}
        assert not any(name.endswith((".so", ".pyd")) for name in names)

    def test_the_sources_build_the_same_wheel(self, tmp_path: Path) -> None:
        archive = wheels.make(tmp_path, "sdist")
        # A tarfile's filters came with Python 3.11.4 only.
        shutil.unpack_archive(archive, tmp_path / "unpacked")
        (folder,) = (tmp_path / "unpacked").iterdir()
        build = ["pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", tmp_path]
        subprocess.run([sys.executable, "-m", *build, folder], check=True, capture_output=True)
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
            packed.extractall(tmp_path / "site")
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
                        page.goto(f"http://127.0.0.1:{port}/lessons/batching-production.html")
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
        assert release.notes(changelog, wheels.base()).startswith("- ")
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

    def test_broken_links_are_told_from_sound_and_from_guarded_ones(
        self, host: str, tmp_path: Path
    ) -> None:
        nowhere = f"http://127.0.0.1:{record_page.free_port()}/"
        paths = [f"{host}/{status}" for status in (200, 404, 403, 500)]
        (tmp_path / "conf.py").write_text('extensions = ["myst_parser"]\nroot_doc = "page"\n')
        text = "".join(f"[x]({address})\n\n" for address in (*paths, nowhere, f"{host}/200#part"))
        (tmp_path / "page.md").write_text(f"# Links\n\n{text}")
        links.check(tmp_path, tmp_path, tmp_path / "out", "-D", "linkcheck_anchors=0")
        told = list(links.judged(tmp_path / "out"))
        assert sorted((broken, said.split(": ")[2]) for broken, said in told) == sorted(
            [(True, paths[1]), (True, paths[3]), (True, nowhere), (False, paths[2])]
        )
        assert all(": page.md:" in said for _, said in told)


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
