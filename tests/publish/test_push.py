"""Publishing on a hub of this machine, and what a stranger gets from there."""

import json
import re

import pytest
import timm
from fake_hub import Repository
from huggingface_hub import constants

import tutelage
from tutelage.errors import ConfigError, DataError, OutputError
from tutelage.results.exports import read_export, write_export
from tutelage.results.result import read_result

pytestmark = pytest.mark.filterwarnings(  # of huggingface_hub's own upload
    "ignore:Use 'content=<...>':DeprecationWarning"
)


@pytest.fixture
def pictures(digits) -> list[str]:
    return [str(path) for path in sorted(digits.rglob("*.jpg"))[:5]]


def test_a_stranger_predicts_the_same(hub, own_run, pictures, command, monkeypatch):
    done = tutelage.push(own_run, "ada/digits")
    assert (done.url, done.private) == (f"{hub.url}/ada/digits", False)
    assert set(done.files) == {"README.md", "config.json", "model.safetensors", "tutelage.json"}
    assert hub.models["ada/digits"].commits == ["digits, by tutelage"]
    expected = tutelage.load(own_run).predict(pictures)
    monkeypatch.delenv("HF_TOKEN")
    assert tutelage.load("hf:ada/digits").predict(pictures) == expected
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert tutelage.load(f"hf:ada/digits@{done.commit}").predict(pictures) == expected
    code, out, _ = command("predict", "hf:ada/digits", pictures[0])
    assert code == 0
    assert str(expected[0].answer) in out


def test_its_own_library_loads_it(hub, own_run):
    tutelage.push(own_run, "ada/digits")
    model = timm.create_model("hf_hub:ada/digits", pretrained=True)
    expected = tutelage.load(own_run).model.state_dict()
    assert all(value.equal(expected[name]) for name, value in model.state_dict().items())


def test_nothing_private_is_uploaded(hub, own_run):
    tutelage.push(own_run, "ada/digits")
    files = hub.models["ada/digits"].files
    result = json.loads(files["tutelage.json"])
    assert result["config"]["output"] == {"dir": "runs/run"}
    assert result["metrics"] == read_result(own_run).metrics
    for name, content in files.items():
        if name != "model.safetensors":
            assert b"secret-project" not in content, name
            assert str(own_run.parent).encode() not in content, name


def test_an_earlier_upload_is_replaced(hub, own_run):
    tutelage.push(own_run, "ada/digits", private=True)
    assert hub.models["ada/digits"].private
    hub.models["ada/digits"].files |= {"pytorch_model.bin": b"old", ".gitattributes": b"kept"}
    done = tutelage.push(own_run, "ada/digits")
    assert done.removed == ("pytorch_model.bin",)
    assert done.private is None
    assert hub.models["ada/digits"].private
    assert ".gitattributes" in hub.models["ada/digits"].files


def test_other_models_are_not_replaced_unasked(hub, own_run):
    hub.models["ada/other"] = Repository(False, {"README.md": b"x", "weights.bin": b"y"})
    with pytest.raises(OutputError, match=r"holds other files .* weights.bin"):
        tutelage.push(own_run, "ada/other")
    assert set(hub.models["ada/other"].files) == {"README.md", "weights.bin"}
    tutelage.push(own_run, "ada/other", overwrite=True)
    assert "weights.bin" not in hub.models["ada/other"].files


def test_exports_go_with_it(hub, own_run):
    with pytest.raises(ConfigError, match="there are no exports"):
        tutelage.push(own_run, "ada/digits", exports=True)
    tutelage.export(own_run, to="torch-export", rows=4)
    done = tutelage.push(own_run, "ada/digits", exports=True)
    assert "exported/torch-export/model.pt2" in done.files
    assert "exported/torch-export/preprocess.json" in hub.models["ada/digits"].files
    folder = own_run / "exported/torch-export"
    record = read_export(folder)
    assert record.is_of(read_result(own_run))
    write_export(folder, record.model_copy(update={"student": "0" * 32}))
    with pytest.raises(DataError, match="exported from an earlier training, not from this student"):
        tutelage.push(own_run, "ada/digits", exports=True)


def test_a_card_written_by_hand_is_published_if_it_is_of_this_run(hub, own_run):
    path = tutelage.card(own_run, license="mit")
    path.write_text(path.read_text().replace("# digits", "# My digits"))
    tutelage.push(own_run, "ada/digits")
    assert b"# My digits" in hub.models["ada/digits"].files["README.md"]
    with pytest.raises(ConfigError, match="write the licence there"):
        tutelage.push(own_run, "ada/digits", license="mit")
    path.write_text(re.sub("(by tutelage: run ).{32}", r"\g<1>" + 32 * "0", path.read_text()))
    with pytest.raises(DataError, match="tells of another training"):
        tutelage.push(own_run, "ada/digits")


def test_a_dry_run_asks_nobody(hub, own_run, command):
    code, out, _ = command("push", own_run, "ada/digits", "--dry-run")
    assert code == 0
    assert "model.safetensors" in out
    assert "nothing was uploaded" in out
    assert hub.requests == []


@pytest.mark.parametrize("name", ["digits", "hf:ada/digits", "ada/di gits", "a/b/c", "ada/"])
def test_names_that_cannot_be(hub, own_run, name):
    with pytest.raises(ConfigError, match="USER/NAME"):
        tutelage.push(own_run, name)
    assert hub.requests == []


def test_what_the_hub_refuses_is_one_message(hub, own_run, command, monkeypatch):
    def said(*words) -> str:
        code, _, err = command("push", own_run, *words)
        assert code == 2
        return " ".join(err.split())

    assert "your token may not write there" in said("somebody/digits")
    for trouble in ("GET api/models", "POST api/repos", "PUT", "POST api/models/ada/digits/commit"):
        hub.trouble = trouble
        assert "or has trouble; try again" in said("ada/digits"), trouble
        assert all(not model.files for model in hub.models.values())
    hub.trouble = ""
    hub.models.clear()
    monkeypatch.delenv("HF_TOKEN")
    assert "'hf auth login', or set HF_TOKEN" in said("ada/digits")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "unset HF_HUB_OFFLINE" in said("ada/digits")
    assert hub.models == {}


def test_students_that_cannot_be_had(hub, monkeypatch, command):
    with pytest.raises(DataError, match=r"no hf:ada/none on the hub, or it is private"):
        tutelage.load("hf:ada/none")
    hub.models["ada/bare"] = Repository(False, {"config.json": b"{}"})
    with pytest.raises(DataError, match="no result in"):
        tutelage.load("hf:ada/bare")
    with pytest.raises(DataError, match="no such revision"):
        tutelage.load("hf:ada/bare@v9")
    with pytest.raises(ConfigError, match="USER/NAME"):
        tutelage.load("hf:a b")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(DataError, match="not in the local cache"):
        tutelage.load("hf:ada/none")
