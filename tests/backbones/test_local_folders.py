"""Model folders that a mistyped name may mean, told before the hub is asked."""

import pytest

from tutelage.backbones.local_folders import near_folder
from tutelage.backbones.model_config import cannot_load, folder_mistakes
from tutelage.students.build import student_problems
from tutelage.teachers.build import teacher_problems


@pytest.fixture
def models(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("models/distilbert", "models/bert-large", "google/flan-t5-small"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "config.json").write_text('{"model_type": "bert"}')
    (tmp_path / "models" / "distlberts").mkdir()  # no model
    return tmp_path


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("models/distlbert", "models/distilbert"),
        ("model/distilbert", "models/distilbert"),
        ("./models/distlbert", "./models/distilbert"),
        ("models/flan-t5-small", ""),
        ("google/flan-t5-large", ""),
        ("google-bert/bert-large", ""),
        ("distlbert", ""),
        ("nowhere/at/all", ""),
    ],
)
def test_the_nearest_folder_of_a_model(name, near, models):
    assert near_folder(name) == near
    absolute = f"{models}/{near.removeprefix('./')}" if near else ""
    assert near_folder(f"{models}/{name.removeprefix('./')}") == absolute


@pytest.mark.parametrize("problems", [student_problems, teacher_problems])
def test_a_mistyped_folder_is_not_asked_of_the_hub(problems, models, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    (said,) = problems("hf:models/distlbert", modality="text")
    assert said.startswith("there is no folder models/distlbert; did you mean 'models/distilbert'?")
    (said,) = problems("hf:./models/distlbert", modality="text")
    assert said == "there is no folder ./models/distlbert; did you mean './models/distilbert'?"
    assert problems("hf:google/flan-t5-large", modality="text") == []
    given = {"revision": "main"}  # as the message says
    assert problems("hf:models/distlbert", modality="text", params=given) == []
    (said,) = problems("timm:local-dir:models/distlbert", modality="image")
    assert said == "there is no folder models/distlbert; did you mean 'models/distilbert'?"


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("distlbert-base", "distilbert/distilbert-base"),
        ("distilbert/distilbert-bas", "distilbert/distilbert-base"),
        ("wholly-other", None),
    ],
)
def test_models_of_the_hub_that_are_in_its_cache_are_offered(name, near, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for cached in (
        "models--distilbert--distilbert-base",
        "datasets--a--distlbert-base",
        "version.txt",
    ):
        (tmp_path / cached).mkdir()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    (offline,) = folder_mistakes(name)
    online = cannot_load(name, OSError("there is no such repository"))
    for message in (offline, online):
        assert ("did you mean" in message) == (near is not None)
        assert near is None or f"did you mean {near!r}" in message
