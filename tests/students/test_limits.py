"""Students of which less is trained: the head alone, or low-rank updates."""

import json
from functools import partial

import pytest
import timm
import torch
import transformers
from safetensors.torch import load_file
from small_models import FAMILIES, TEXTS
from torch import nn

from tutelage import run
from tutelage.config import load_config
from tutelage.errors import ConfigError
from tutelage.students import limit_training, open_student, trains_features
from tutelage.students.backbone import backbone_of
from tutelage.students.memory_format import in_memory_format

CLASSES = ("good", "bad", "neither")
LORA = {"rank": 2, "alpha": 4.0}


def seen(student):
    batch = student.input.collate([student.input.prepare(row) for row in TEXTS])
    student.model.eval()
    with torch.inference_mode():
        outputs = student.outputs(batch)
    return outputs, student.tap.take()


@pytest.fixture
def config(digits, tmp_path):
    return {
        "data": {"source": f"folder:{digits}"},
        "teachers": [
            {"source": "timm:test_vit", "params": {"weights": "random", "image_size": 32}}
        ],
        "student": {
            "source": "timm:test_resnet",
            "params": {"weights": "random", "image_size": 32},
        },
        "transfer": {"beta": 3.0},
        "train": {"steps": 6, "batch_size": 16, "lr": 1e-2, "workers": 0, "device": "cpu"},
        "cache": {"dir": str(tmp_path / "cache"), "workers": 0},
        "output": {"dir": str(tmp_path / "run")},
    }


def weights_after(config, *assignments):
    run(load_config([config], assignments=assignments))
    return load_file(f"{config['output']['dir']}/student/model.safetensors")


def beginning(config):
    torch.manual_seed(0)
    return open_student(
        config["student"]["source"],
        output_names=("five", "eight", "three"),
        modality="image",
        params=config["student"]["params"],
    )


@pytest.mark.parametrize("method", ["stl", "aft", "kd", "probe"])
def test_of_a_frozen_student_only_the_head_moves(config, method, tmp_path):
    first = weights_after(config, "student.frozen=true", f"transfer.method={method}")
    config["output"]["dir"] += "-longer"
    second = weights_after(
        config, "student.frozen=true", f"transfer.method={method}", "train.steps=12"
    )
    moved = {name for name in first if not torch.equal(first[name], second[name])}
    assert moved == {"fc.weight", "fc.bias"}  # no batch statistics either


def test_what_lies_in_front_of_the_head(config):
    student = beginning(config)
    assert set(backbone_of(student)) == {
        name for name, _ in student.model.named_parameters() if not name.startswith("fc")
    }


@pytest.mark.parametrize("kind", ["bert", "gpt2", "t5"])
def test_low_rank_updates_are_merged_into_what_is_saved(kind, tmp_path):
    FAMILIES[kind].save(tmp_path / "begin")
    plain = open_student(f"hf:{tmp_path / 'begin'}", output_names=CLASSES, modality="text")
    before = seen(plain)[1]
    every = sum(p.numel() for p in plain.model.parameters() if p.requires_grad)
    student = limit_training(plain, lora=LORA)
    assert torch.equal(seen(student)[1], before)  # B is zero at the start
    trained = {n: p for n, p in student.model.named_parameters() if p.requires_grad}
    assert sum(p.numel() for p in trained.values()) < every / 2
    assert any("lora_A" in name for name in trained)
    assert any("lora" not in name for name in trained)  # the head
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in trained.values():
            parameter.add_(0.2 * torch.randn_like(parameter))
    outputs, features = seen(student)
    assert not torch.allclose(features, before, atol=1e-3)
    student.save(tmp_path / "end")
    loaded = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path / "end")
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "end")
    for (text,), expected in zip(TEXTS, outputs, strict=True):
        tokens = tokenizer(text, return_tensors="pt", return_token_type_ids=False)
        with torch.inference_mode():
            torch.testing.assert_close(
                loaded.eval()(**tokens).logits[0], expected, rtol=1e-4, atol=1e-5
            )
    assert not [name for name in loaded.state_dict() if "lora" in name]


def test_a_run_with_low_rank_updates(config, tmp_path):
    config["student"] = {
        "source": "timm:test_vit",
        "params": {"weights": "random", "image_size": 32},
        "lora": LORA,
    }
    result = run(load_config([config]))
    plain = timm.create_model(f"local-dir:{tmp_path}/run/student", pretrained=True)
    assert sum(p.numel() for p in plain.parameters()) == result.student.parameters
    config["output"]["dir"] += "-again"
    again = weights_after(config, "train.checkpoint_every=2")
    first = load_file(tmp_path / "run/student/model.safetensors")
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_a_resumed_run_with_low_rank_updates_ends_the_same(config, tmp_path):
    config["student"] = {
        "source": "timm:test_vit",
        "params": {"weights": "random", "image_size": 32},
        "lora": {**LORA, "dropout": 0.1},
    }
    whole = weights_after(config, "train.checkpoint_every=2")
    config["output"]["dir"] += "-resumed"
    with pytest.raises(_StopError):
        run(
            load_config([config], assignments=["train.checkpoint_every=2"]),
            progress=_Stopping(4),
        )
    run(load_config([config], assignments=["train.checkpoint_every=2"]), resume=True)
    resumed = load_file(f"{config['output']['dir']}/student/model.safetensors")
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_convolutions_where_there_is_nothing_linear(config):
    student = limit_training(beginning(config), lora=LORA)
    adapted = {n.partition(".lora_")[0] for n, _ in student.model.named_parameters() if "lora" in n}
    assert adapted
    assert all(
        isinstance(student.model.get_submodule(name).base_layer, torch.nn.Conv2d)
        for name in adapted
    )


class Tied(nn.Module):
    """A student of which two layers have one weight, or are one layer of two names."""

    def __init__(self, num_classes: int, *, whole: bool) -> None:
        super().__init__()
        self.enter, self.first, self.second = nn.Linear(192, 8), nn.Linear(8, 8), nn.Linear(8, 8)
        self.head = nn.Linear(8, num_classes)
        if whole:
            self.second = self.first
        else:
            self.second.weight = self.first.weight

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        hidden = self.enter(pixels.flatten(1)).tanh()
        return self.head(self.second(self.first(hidden).tanh()).tanh())


@pytest.mark.parametrize("whole", [True, False])
def test_an_update_of_a_shared_weight_is_refused(opened, whole):
    make = partial(Tied, whole=whole)
    for targets in ([], ["second"]) if not whole else ([],):
        with pytest.raises(ConfigError, match=r"student\.lora: .* first and second share a weight"):
            limit_training(opened(make), lora={**LORA, "targets": targets})
    limit_training(opened(make), lora={**LORA, "targets": ["enter"]})


class Attentive(nn.Module):
    """A student whose attention uses the weight of its last layer without calling the layer."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.block = nn.TransformerEncoderLayer(24, 2, 8, batch_first=True)
        self.head = nn.Linear(24, num_classes)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.head(self.block(pixels.reshape(len(pixels), 8, 24)).mean(1))


def test_layers_that_a_model_does_not_call_get_no_update(opened):
    student = limit_training(opened(Attentive), lora=LORA)
    names = dict(student.model.named_parameters())
    assert student.left_out == ("block.self_attn.out_proj",)
    inputs = {"device": torch.device("cpu"), "precision": "no"}
    assert in_memory_format(student, "channels_last", **inputs).left_out == student.left_out
    named = limit_training(opened(Attentive), lora={**LORA, "targets": ["linear1"]})
    assert named.left_out == ()
    adapted = {name.partition(".lora_B")[0] for name in names if "lora_B" in name}
    assert adapted == {"block.linear1", "block.linear2"}
    with pytest.raises(ConfigError, match=r"uses the weight of block.self_attn.out_proj without"):
        limit_training(opened(Attentive), lora={**LORA, "targets": ["out_proj", "linear1"]})


class Unreached(nn.Module):
    """A student whose features no trained parameter reaches: its body is frozen, or is detached."""

    def __init__(self, num_classes: int, *, detaches: bool) -> None:
        super().__init__()
        self.body, self.head = nn.Linear(192, 8), nn.Linear(8, num_classes)
        self.detaches = detaches
        if not detaches:
            self.body.requires_grad_(False)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        features = self.body(pixels.flatten(1)).tanh()
        return self.head(features.detach() if self.detaches else features)


@pytest.mark.parametrize("detaches", [True, False])
def test_features_that_no_trained_parameter_reaches(opened, detaches):
    make = partial(Unreached, detaches=detaches)
    assert not trains_features(opened(make))
    assert trains_features(opened(partial(Tied, whole=False)))
    trained = [
        p.requires_grad for p in limit_training(opened(make), frozen=True).model.parameters()
    ]
    assert trained == [detaches, detaches, True, True]
    with pytest.raises(
        ConfigError, match=r"student\.lora: no trainable parameter of Unreached reaches"
    ):
        limit_training(opened(make), lora=LORA)


def test_settings_that_do_not_fit(config):
    with pytest.raises(ConfigError, match="leave one of them out"):
        load_config([config], assignments=["student.frozen=true", "student.lora.rank=2"])
    with pytest.raises(ConfigError, match=r"student.lora.*nonsense"):
        limit_training(beginning(config), lora={**LORA, "targets": ["nonsense"]})
    with pytest.raises(ConfigError, match=r"student\.lora\.rank"):
        load_config([config], assignments=["student.lora.rank=0"])
    with pytest.raises(ConfigError, match="did you mean 'rank'"):
        load_config([config], assignments=["student.lora.rnak=2"])
    json.dumps(load_config([config]).model_dump(mode="json"))


class _StopError(Exception):
    pass


class _Stopping:
    """Ends the process's run behind a step, as a kill would."""

    def __init__(self, step: int) -> None:
        self.step = step

    def note(self, text: str) -> None:
        pass

    def track(self, label, total, *, unit, done=0):
        from contextlib import contextmanager

        @contextmanager
        def tracked():
            def update(number):
                if label == "train" and number >= self.step:
                    raise _StopError

            yield update

        return tracked()
