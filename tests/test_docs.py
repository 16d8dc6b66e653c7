"""The documentation is true: its programs run, its commands parse, its lines wrap."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

import tutelage
from tutelage.cli import app

ROOT = Path(__file__).parents[1]
FOLDERS = ("docs", "experiments", "benchmarks")
PAGES = sorted(
    [*ROOT.glob("*.md"), *(page for name in FOLDERS for page in (ROOT / name).rglob("*.md"))]
)
NOTEBOOKS = sorted((ROOT / "docs").rglob("*.ipynb"))
BLOCK = re.compile(r"(<!-- not run: .+ -->\n+)?^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OFFLINE = {"HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": "", "IPYTHONDIR": "ipython"}


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def programs(page: Path) -> str:
    """The blocks of a page as one program; those marked ``<!-- not run: reason -->`` are left out."""
    return "\n".join(code for skip, code in BLOCK.findall(page.read_text()) if not skip)


def commands(text: str) -> list[str]:
    """Lines that start ``tutelage``, indented or in backticks, continued lines joined."""
    joined = re.sub(r"\\\n\s*", " ", text)
    lines = re.findall(r"^ +(tutelage .+)$", joined, re.MULTILINE)
    return lines + re.findall(r"`(tutelage [^`]+)`", joined)


@pytest.mark.parametrize("page", [page for page in PAGES if programs(page)], ids=name_of)
def test_programs_run(page, tmp_path):
    ended = subprocess.run(
        [sys.executable, "-c", programs(page)],
        cwd=tmp_path,
        env=os.environ | OFFLINE,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize(
    "page", [page for page in PAGES if commands(page.read_text())], ids=name_of
)
def test_commands_parse(page):
    root = typer.main.get_command(app)
    for line in commands(page.read_text()):
        words = [word for word in shlex.split(line, comments=True)[1:] if word != "..."]
        if not words or words[0].startswith("-"):
            assert not set(words) - {"--help", "--version", "--install-completion"}, line
            continue
        command, verb, *words = root, *words
        while hasattr(command, "commands"):
            assert verb in command.commands, line
            command = command.commands[verb]
            if hasattr(command, "commands"):
                if not words:
                    break
                verb, *words = words
        else:
            options = {option for param in command.params for option in param.opts}
            given = {word.partition("=")[0] for word in words if word.startswith("--")}
            assert given <= options, line


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=name_of)
def test_notebook_runs(notebook, tmp_path):
    program = (
        "import sys, nbformat, nbclient\n"
        "notebook = nbformat.read(sys.argv[1], as_version=4)\n"
        "nbclient.NotebookClient(notebook, timeout=120, kernel_name='python3').execute()\n"
        "print(''.join(o.get('text', '') for c in notebook.cells for o in c.get('outputs', ())))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, str(notebook)],
        cwd=tmp_path,
        env=os.environ | OFFLINE,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert ended.returncode == 0, ended.stderr
    alone, taught = re.search(r"alone: (.+)%, with the teacher: (.+)%", ended.stdout).groups()
    assert float(taught) > float(alone)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_prose_wraps_at_100(page):
    prose = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    long = [line for line in prose.splitlines() if len(line) > 100 and not line.startswith("|")]
    assert not long


def test_the_references_hold_every_setting_and_verb(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    from generate import command_reference, settings_reference

    settings = settings_reference()
    assert "| `log_every`<br>integer<br>default `10` |" in settings
    assert re.search(r"^\| `log_every`.* \| no \|$", settings, re.MULTILINE)
    assert re.search(r"^\| `optimizer`.* \| yes \|$", settings, re.MULTILINE)
    reference = command_reference()
    for verb in typer.main.get_command(app).commands:
        assert f"### `tutelage {verb}`" in reference


def test_every_public_name_is_in_the_reference():
    page = (ROOT / "docs/reference/api.md").read_text()
    for name in set(tutelage.__all__) - {"__version__"}:
        assert f"::: tutelage.{name}\n" in page
    assert "`tutelage.__version__`" in page


def test_one_version():
    version = tutelage.__version__
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"\n## [{version}]" in (ROOT / "CHANGELOG.md").read_text()
    project = (ROOT / "pyproject.toml").read_text()
    assert 'dynamic = ["version"]' in project
    assert not re.search(r"^version = ", project, re.MULTILINE)
