"""Licences as a library, a folder and the hub state them."""

import pytest

from tutelage.publish.licences import hub_name, licence_of

CARD = "---\nlicense: cc-by-4.0\n---\n# A model\n"


def test_a_folder_says_it(tmp_path):
    assert licence_of(f"hf:{tmp_path}") is None
    (tmp_path / "README.md").write_text(CARD)
    assert licence_of(f"hf:{tmp_path}") == "cc-by-4.0"
    (tmp_path / "README.md").write_text("---\nlicense: [\n---\n")
    assert licence_of(f"hf:{tmp_path}") is None


def test_the_hub_says_it(hub, monkeypatch):
    from fake_hub import Repository
    from huggingface_hub import constants

    hub.models["org/bert"] = Repository(False, card={"license": "mit"})
    assert licence_of("hf:org/bert") == "mit"
    assert licence_of("hf:org/other") is None
    hub.requests.clear()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert licence_of("hf:org/bert") is None
    assert hub.requests == []


@pytest.mark.parametrize("source", ["python:a:b", "timm:no_such_model", "openclip:a/b", "array:x"])
def test_others_say_nothing(source):
    assert licence_of(source) is None
    assert hub_name(source) is None


def test_a_folder_is_no_name_on_the_hub(tmp_path):
    assert hub_name(f"hf:{tmp_path}") is None
    assert hub_name("hf:./bert") is None
    assert hub_name("timm:hf_hub:org/net") == "org/net"
