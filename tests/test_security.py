"""What SECURITY.md promises: files of others run no code and reach no other file."""

import json
import os
import pickle
from pathlib import Path

import numpy as np
import onnx
import pytest
import timm
import torch
from onnx import TensorProto, helper
from transformers import ViTConfig, ViTForImageClassification

from tutelage.backbones.model_config import load_model_config
from tutelage.backbones.transformers import Loading, image_input, load_classifier
from tutelage.config import DataConfig
from tutelage.data import read_data
from tutelage.errors import ConfigError, DataError, SourceError, TutelageError
from tutelage.inputs import load_tokenizer
from tutelage.teachers import open_teacher


class Runs:
    """An object whose unpickling makes a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


@pytest.fixture
def ran(tmp_path: Path) -> Path:
    return tmp_path / "ran"


def test_the_trap_works(ran):
    pickle.loads(pickle.dumps(Runs(ran)))
    assert ran.is_dir()


def test_weights_of_timm_with_code_are_refused(ran, tmp_path):
    state = timm.create_model("test_resnet").state_dict() | {"more": Runs(ran)}
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(SourceError, match="files that hold code are refused"):
        open_teacher(
            "timm:test_resnet", modality="image", params={"weights": str(tmp_path / "w.pth")}
        )
    model = tmp_path / "model"
    model.mkdir()
    torch.save(state, model / "pytorch_model.bin")
    config = {"architecture": "test_resnet", "num_classes": 1000}
    (model / "config.json").write_text(json.dumps(config))
    with pytest.raises(TutelageError):
        open_teacher(f"timm:local-dir:{model}", modality="image")
    assert not ran.exists()


def test_weights_of_openclip_with_code_are_refused(ran, tmp_path):
    pytest.importorskip("open_clip")
    torch.save({"visual.proj": Runs(ran)}, tmp_path / "w.pt")
    with pytest.raises(SourceError, match="cannot load openclip:"):
        open_teacher(f"openclip:RN50/{tmp_path / 'w.pt'}", modality="image")
    assert not ran.exists()


def test_features_and_tables_with_code_are_refused(ran, tmp_path):
    np.save(tmp_path / "x.npy", np.array([[Runs(ran)]]), allow_pickle=True)
    with pytest.raises(TutelageError):
        open_teacher(f"features:{tmp_path / 'x.npy'}", modality="image")
    (tmp_path / "t.pkl").write_bytes(pickle.dumps(Runs(ran)))
    with pytest.raises(DataError):
        read_data(DataConfig(source=f"table:{tmp_path / 't.pkl'}"))
    assert not ran.exists()


@pytest.fixture
def model_with_code(ran, tmp_path) -> Path:
    """A model whose folder has code for each of its parts."""
    folder = tmp_path / "model"
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "intermediate_size": 8}
    config = ViTConfig(num_attention_heads=1, image_size=16, patch_size=8, **sizes)
    ViTForImageClassification(config).save_pretrained(folder)
    (folder / "own.py").write_text(f"import os\nos.mkdir({str(ran)!r})\nclass Own: pass\n")
    for name, kind in (
        ("preprocessor_config.json", "AutoImageProcessor"),
        ("tokenizer_config.json", "AutoTokenizer"),
    ):
        own = ["own.Own", None] if kind == "AutoTokenizer" else "own.Own"
        entry = {"auto_map": {kind: own}, "image_processor_type": "Own", "tokenizer_class": "Own"}
        (folder / name).write_text(json.dumps(entry))
    return folder


def test_code_of_a_model_runs_only_when_asked(model_with_code, ran, monkeypatch):
    monkeypatch.setattr("builtins.input", lambda *_: "y")  # nobody is asked, so this says nothing
    name = str(model_with_code)
    asked = "brings code of its own, which is not run unless asked.*params.trust_remote_code"
    with pytest.raises(SourceError, match=asked):
        image_input(name)
    with pytest.raises(ConfigError, match=asked):
        load_tokenizer(name)
    config = load_model_config(name)
    config.auto_map = {"AutoModelForImageClassification": "own.Own"}
    load_classifier(name, config, kind="image", loading=Loading("pretrained"))  # transformers' own
    (model_with_code / "config.json").write_text(
        json.dumps({"model_type": "own", "auto_map": {"AutoConfig": "own.Own"}})
    )
    with pytest.raises(SourceError, match=asked):
        load_model_config(name)
    assert not ran.exists()


@pytest.mark.parametrize("location", ["../secret.bin", "/etc/hostname", "a/../../secret.bin"])
def test_weights_of_onnx_stay_in_the_folder(location, tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret.bin").write_bytes(bytes(12))
    weights = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[3, 1])
    weights.data_location = TensorProto.EXTERNAL
    weights.external_data.add(key="location", value=location)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "leak",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 1])],
        [weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    (folder / "m.onnx").write_bytes(model.SerializeToString())
    assert onnx.load(str(folder / "m.onnx"), load_external_data=False).graph.initializer
    with pytest.raises(SourceError, match="a file outside of its own folder, which is not read"):
        open_teacher(
            f"onnx:{folder / 'm.onnx'}",
            modality="image",
            model_input={"image_size": 4, "mean": (0, 0, 0), "std": (1, 1, 1)},
        )
