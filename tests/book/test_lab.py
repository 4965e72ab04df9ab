"""`make lab`: the lessons in a real JupyterLab, their explorers live there too."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import explorer_page as seen
import nbformat
import pytest
import record_page

from bookkit.commands import lab

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "_build" / "html"
SOURCE = Path(__file__).parent / "fixtures" / "explorers"
CODE = """
from figures import latency

figure = latency()
figure
"""
RUN = """async () => {
  const panel = jupyterapp.shell.currentWidget;
  await panel.sessionContext.ready;
  await panel.sessionContext.session.kernel.info;
  await jupyterapp.commands.execute('notebook:run-all-cells');
}"""


@pytest.fixture(scope="module")
def opened(tmp_path_factory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("lab")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CODE.strip())])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(notebook, folder / "figure.ipynb")
    port = record_page.free_port()
    options = [
        f"--folder={folder}",
        "--no-browser",
        "--allow-root",
        "--ip=127.0.0.1",
        f"--port={port}",
        "--IdentityProvider.token=",
        "--LabApp.expose_app_in_browser=True",
    ]
    home = {name: str(folder / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR")}
    environment = {**os.environ, **home, "PYTHONPATH": str(SOURCE)}
    with (folder / "server.log").open("w") as log:
        command = [sys.executable, "-m", "bookkit.commands.lab", *options]
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(port, server)
        yield address
    finally:
        server.terminate()
        server.wait(20)


def wait_for(port: int, server: subprocess.Popen) -> None:
    """Return once the server answers; fail if it never does."""
    for _ in range(240):
        assert server.poll() is None, "JupyterLab stopped"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError:
            time.sleep(0.25)
        else:
            return
    pytest.fail("JupyterLab did not answer within a minute")


def test_a_slider_moves_by_keyboard_in_jupyterlab(visit, opened):
    page = visit(f"{opened}/lab/tree/figure.ipynb?reset")
    page.locator(".jp-Notebook .jp-CodeCell .cm-content").first.wait_for(timeout=60_000)
    page.evaluate(RUN)
    found = page.locator('.xp[data-name="wait-and-rate"]')
    found.locator("svg").first.wait_for(timeout=60_000)
    figure = seen.load(SOURCE / "figures.py").latency()
    assert seen.summary(found) == figure.summary()
    seen.press(found, "load", "ArrowRight", "ArrowRight")
    seen.press(found, "servers", "End")
    assert seen.sliders(found) == {"load": 0.7, "servers": 32, "service": 10}
    assert seen.summary(found) == figure.summary(load=0.7, servers=32)
    drawn = {(mark.panel, mark.quantity): mark for mark in seen.marks(found)}
    truth = figure.read(load=0.7, servers=32)
    assert drawn[0, "tail"].y == pytest.approx(truth["tail"], abs=0.4)
    _, rows, current = seen.table(found)
    assert rows[current[0]][0] == "70%"
    assert "#" not in page.url


SHOW = """name => {
  const {content, widgets} = jupyterapp.shell.currentWidget;
  const at = content.widgets.findIndex(cell =>
    cell.model.type === 'code' && cell.model.sharedModel.getSource().includes(`"${name}"`));
  content.activeCellIndex = at;
  return content.scrollToItem(at, 'center').catch(() => null);
}"""
LESSONS = sorted(path.stem for path in (ROOT / "lessons").glob("*.md"))


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_lesson_runs_and_its_explorers_answer_as_on_the_page(visit, opened, serve, lesson):
    site = visit(f"{serve(SITE)}/lessons/{lesson}.html", reduced_motion="reduce")
    page = visit(f"{opened}/lab/tree/lessons/{lesson}.ipynb?reset", reduced_motion="reduce")
    page.locator(".jp-Notebook .jp-CodeCell").first.wait_for(timeout=60_000)
    page.evaluate(RUN)
    names = seen.names(site)
    assert names
    for name in names:
        page.evaluate(SHOW, name)
        there = page.locator(f'.xp[data-name="{name}"]')
        there.locator(".xp-figure svg").first.wait_for(timeout=60_000)
        here = seen.explorer(site, name)
        assert seen.summary(there) == seen.summary(here)
        slider = next(iter(seen.sliders(here)))
        for found in (here, there):
            seen.press(found, slider, "Home", "ArrowRight")
        assert seen.sliders(there) == seen.sliders(here)
        assert seen.summary(there) == seen.summary(here)
    states = page.evaluate(
        "() => jupyterapp.shell.currentWidget.content.widgets.flatMap(cell =>"
        " cell.model.outputs ? cell.model.outputs.toJSON() : [])"
    )
    assert [state for state in states if state["output_type"] == "error"] == []


class TestHandingOut:
    """What is in the folder is the reader's: an edition never overwrites what was edited."""

    @pytest.fixture
    def folders(self, tmp_path):
        (tmp_path / "editions" / "lessons").mkdir(parents=True)
        return tmp_path / "editions", tmp_path / "mine"

    def edition(self, folder: Path, *sources: str, name: str = "lessons/a.ipynb") -> None:
        cells = [nbformat.v4.new_code_cell(source) for source in sources]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / name)

    def text(self, folder: Path, name: str = "lessons/a.ipynb") -> list[str]:
        return [cell.source for cell in nbformat.read(folder / name, 4).cells]

    def test_a_notebook_that_was_only_run_follows_the_book(self, folders):
        editions, mine = folders
        self.edition(editions, "1 + 1")
        assert lab.hand_out(editions, mine) == []
        notebook = nbformat.read(mine / "lessons/a.ipynb", 4)
        notebook.cells[0].outputs = [nbformat.v4.new_output("stream", text="2")]
        notebook.cells.append(nbformat.v4.new_code_cell(""))
        nbformat.write(notebook, mine / "lessons/a.ipynb")
        before = (mine / "lessons/a.ipynb").read_bytes()
        assert lab.hand_out(editions, mine) == []
        assert (mine / "lessons/a.ipynb").read_bytes() == before
        self.edition(editions, "1 + 2")
        assert lab.hand_out(editions, mine) == []
        assert self.text(mine) == ["1 + 2"]

    def test_an_edited_notebook_is_kept_and_the_newer_one_lies_beside_it(self, folders):
        editions, mine = folders
        self.edition(editions, "answer = ...")
        lab.hand_out(editions, mine)
        self.edition(mine, "answer = 42")
        assert lab.hand_out(editions, mine) == []
        assert not (mine / "lessons/a.new.ipynb").exists()
        self.edition(editions, "answer = ...", "check(answer)")
        for _ in range(2):
            (said,) = lab.hand_out(editions, mine)
            assert said.startswith("lessons/a.ipynb is as you edited it")
            assert self.text(mine) == ["answer = 42"]
            assert self.text(mine, "lessons/a.new.ipynb") == ["answer = ...", "check(answer)"]
        self.edition(mine, "answer = 43", name="lessons/a.new.ipynb")
        self.edition(editions, "answer = ...", "check(answer, 2)")
        assert len(lab.hand_out(editions, mine)) == 1
        assert self.text(mine) == ["answer = 42"]
        assert self.text(mine, "lessons/a.new.ipynb") == ["answer = 43"]

    def test_without_its_record_nothing_is_overwritten(self, folders):
        editions, mine = folders
        self.edition(editions, "1")
        lab.hand_out(editions, mine)
        self.edition(mine, "2")
        (mine / lab.GIVEN).write_text("{")
        lab.hand_out(editions, mine)
        assert self.text(mine) == ["2"]
        (mine / "lessons/a.ipynb").write_text("no notebook")
        lab.hand_out(editions, mine)
        assert (mine / "lessons/a.ipynb").read_text() == "no notebook"
