"""A hub on this machine, and finished runs to publish there."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

sys.path.insert(0, str(Path(__file__).parent))

from fake_hub import TOKEN, Hub, running_hub

from tutelage import run
from tutelage.config import load_config


@pytest.fixture(autouse=True)
def few_draws(monkeypatch) -> None:
    """Intervals of a card from few draws, which take less time."""
    monkeypatch.setattr("tutelage.publish.measured.draws_for", lambda rows: 20)


@pytest.fixture(scope="session")
def _hub() -> Iterator[Hub]:
    with running_hub() as hub:
        yield hub


@pytest.fixture
def hub(_hub: Hub, tmp_path, monkeypatch) -> Hub:
    """An empty hub that this process takes for the real one, logged in as ada."""
    for kept in (_hub.models, _hub.large, _hub.requests):
        kept.clear()
    _hub.trouble = ""
    url = _hub.url
    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(
        constants,
        "HUGGINGFACE_CO_URL_TEMPLATE",
        url + "/{repo_id}/resolve/{revision}/{filename}",
    )
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub-cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    return _hub


@pytest.fixture(scope="session")
def taught_run(digits, tmp_path_factory) -> Path:
    """A student of pictures and standard fine-tuning next to it, in a folder whose name is private."""
    folder = tmp_path_factory.mktemp("secret-project")
    small = {"params": {"weights": "random", "image_size": 32}}
    for method in ("stl", "aft"):
        settings = {
            "name": "digits",
            "data": {"source": f"folder:{digits}"},
            "teachers": [{"source": "timm:test_vit", "name": "guide", **small}],
            "student": {"source": "timm:test_resnet", **small},
            "transfer": {"method": method, "beta": 3},
            "train": {"steps": 12, "batch_size": 20, "lr": 3e-3, "workers": 0, "device": "cpu"},
            "cache": {"dir": str(folder / "cache"), "workers": 0},
            "output": {"dir": str(folder / method)},
        }
        run(load_config([settings]))
    return folder / "aft"


@pytest.fixture
def own_run(taught_run, tmp_path) -> Path:
    """A copy of that run, to change."""
    for name in ("stl", "aft"):
        shutil.copytree(taught_run.parent / name, tmp_path / "runs" / name)
    return tmp_path / "runs" / "aft"
