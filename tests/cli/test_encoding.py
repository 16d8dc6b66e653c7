"""Terminals that are not UTF-8, and paths that are no text."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tutelage.cli import main
from tutelage.cli.encoding import print_to_any_terminal, refuse_paths_that_are_no_text
from tutelage.errors import ConfigError


def terminal(encoding: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding=encoding, write_through=True)


def shown(stream: io.TextIOWrapper) -> str:
    return stream.buffer.getvalue().decode(stream.encoding)


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ("ascii", r"caf\xe9 \u65e5 91.2 +- 0.3 ... -> \u03b2"),
        ("cp1252", r"café \u65e5 91.2 ± 0.3 … -> \u03b2"),
        ("utf-8", "café 日 91.2 ± 0.3 … → β"),
    ],
)
def test_what_an_encoding_lacks_is_spelled(encoding, expected, monkeypatch):
    monkeypatch.setattr(sys, "stdout", terminal(encoding))
    print_to_any_terminal()
    print("café 日 91.2 ± 0.3 … → β", end="")
    assert shown(sys.stdout) == expected


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_commands_end_well_on_such_a_terminal(digits, tmp_path, encoding, monkeypatch):
    for split in ("train", "test"):
        for old, new in {"three": "café", "five": "日本→", "eight": "x|y"}.items():
            (tmp_path / split).mkdir(exist_ok=True)
            (tmp_path / split / new).symlink_to(digits / split / old)
    monkeypatch.setattr(sys, "stdout", terminal(encoding))
    monkeypatch.setattr(sys, "stderr", terminal(encoding))
    monkeypatch.setattr(sys, "argv", ["tutelage", "check", f"folder:{tmp_path}", "--workers", "0"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code in (0, None)
    assert r"\u65e5\u672c" in shown(sys.stdout)


@pytest.mark.parametrize("words", [["--out", "out\udce9"], ["--data", "folder:da\udce9/ok"]])
def test_an_argument_that_is_no_text_is_refused(words):
    with pytest.raises(ConfigError, match=r"the argument b'.*\\xe9.*' is not UTF-8.*; rename it"):
        refuse_paths_that_are_no_text(["train", *words])


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS allows no such folder")
def test_a_folder_that_is_no_text_is_refused(tmp_path, monkeypatch):
    folder = os.path.join(os.fsencode(tmp_path), b"da\xe9")
    os.mkdir(folder)
    monkeypatch.chdir(Path(os.fsdecode(folder)))
    with pytest.raises(ConfigError, match=r"the folder b'.*da\\xe9' is not UTF-8"):
        refuse_paths_that_are_no_text([])


def test_the_locale_is_named_where_it_is_the_reason(monkeypatch):
    monkeypatch.setattr(sys, "getfilesystemencoding", lambda: "ascii")
    with pytest.raises(ConfigError, match=r"names of files are ascii: set PYTHONUTF8=1"):
        refuse_paths_that_are_no_text(["train", "--out", "out\udce9"])


def test_a_folder_that_was_removed_is_one_message(tmp_path):
    (tmp_path / "gone").mkdir()
    ended = subprocess.run(
        ["sh", "-c", f"cd gone && rmdir ../gone && {sys.executable} -m tutelage list methods"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 2
    assert "the current folder was removed" in ended.stderr
