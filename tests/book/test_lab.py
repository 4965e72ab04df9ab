"""Explorers in a real JupyterLab: the cell that the page shows is live there too."""

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

ROOT = Path(__file__).resolve().parents[2]
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
def lab(tmp_path_factory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("lab")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CODE.strip())])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(notebook, folder / "figure.ipynb")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = [
        "--no-browser",
        "--allow-root",
        "--ip=127.0.0.1",
        f"--port={port}",
        "--IdentityProvider.token=",
        "--LabApp.expose_app_in_browser=True",
        f"--ServerApp.root_dir={folder}",
    ]
    home = {name: str(folder / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR")}
    environment = {**os.environ, **home, "PYTHONPATH": f"{ROOT}{os.pathsep}{SOURCE}"}
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options], env=environment, stdout=log, stderr=log
        )
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


def test_a_slider_moves_by_keyboard_in_jupyterlab(visit, lab):
    page = visit(f"{lab}/lab/tree/figure.ipynb")
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
