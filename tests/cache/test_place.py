"""The cache's default folder."""

from pathlib import Path

import pytest

from tutelage.cache.place import default_root


@pytest.mark.parametrize(
    ("variables", "folder"),
    [
        ({"TUTELAGE_CACHE": "/a", "XDG_CACHE_HOME": "/b"}, "/a"),
        ({"TUTELAGE_CACHE": "~/a"}, "/home/me/a"),
        ({"XDG_CACHE_HOME": "/b"}, "/b/tutelage"),
        ({"TUTELAGE_CACHE": "", "XDG_CACHE_HOME": ""}, "/home/me/.cache/tutelage"),
        ({}, "/home/me/.cache/tutelage"),
    ],
)
def test_the_environment_decides(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], folder: str
) -> None:
    for name in ("TUTELAGE_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/me")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert default_root() == Path(folder)
