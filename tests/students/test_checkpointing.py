"""Gradient checkpointing: the same gradients and statistics with fewer activations, or a refusal."""

import copy

import pytest
import timm
import torch
from torch.profiler import ProfilerActivity, profile

from tutelage.config import load_config
from tutelage.errors import ConfigError, StudentError
from tutelage.experiment.plan import Plan
from tutelage.students import checkpoint_activations
from tutelage.students.huggingface import HuggingFaceStudent
from tutelage.students.timm import TimmStudent

NAMES = ("cat", "dog")


def image_student(name: str) -> TimmStudent:
    options = {"weights": "random", "image_size": 64, "drop_path_rate": 0.2}
    return TimmStudent(name, output_names=NAMES, modality="image", **options)


def images() -> dict[str, torch.Tensor]:
    return {"image": torch.randint(256, (8, 3, 64, 64), dtype=torch.uint8)}


def texts() -> dict[str, torch.Tensor]:
    ids = torch.randint(5, 50, (8, 40))
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


def trained_once(student, batch) -> tuple[int, list[torch.Tensor]]:
    """Bytes that a forward leaves allocated; outputs, gradients and buffers after the backward."""
    torch.manual_seed(3)
    student.model.train().zero_grad()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as measured:
        outputs = student.outputs(batch)
    held = sum(event.self_cpu_memory_usage for event in measured.key_averages())
    student.tap.take()
    outputs.square().sum().backward()
    gradients = [p.grad.clone() for p in student.model.parameters() if p.grad is not None]
    return held, [outputs.detach(), *gradients, *(b.clone() for b in student.model.buffers())]


@pytest.mark.parametrize(
    ("name", "most"), [("test_vit", 0.3), ("test_efficientnet", 0.6), ("bert", 0.3)]
)
def test_gradients_and_statistics_are_those_of_the_plain_model(name, most, small_bert, tmp_path):
    torch.manual_seed(0)
    source, batch = f"timm:{name}", images()
    if name == "bert":
        source, batch = f"hf:{small_bert}", texts()
        student = HuggingFaceStudent(str(small_bert), output_names=NAMES, modality="text")
    else:
        student = image_student(name)
    start = copy.deepcopy(student.model.state_dict())
    plain, expected = trained_once(student, batch)
    student.save(tmp_path / "plain")
    student.model.load_state_dict(start)
    checkpoint_activations(student.model, source=source)
    held, computed = trained_once(student, batch)
    assert held < most * plain
    assert len(computed) == len(expected)
    for one, other in zip(computed, expected, strict=True):
        assert torch.equal(one, other)
    student.save(tmp_path / "checkpointed")
    for file in (tmp_path / "plain").iterdir():
        assert (tmp_path / "checkpointed" / file.name).read_bytes() == file.read_bytes()
    student.model.eval()
    with torch.inference_mode():
        assert student.outputs(batch).isfinite().all()


def test_a_model_without_it_is_refused():
    with torch.device("meta"):
        model = timm.create_model("vgg11")
    for one in (model, torch.nn.Linear(2, 2)):
        with pytest.raises(StudentError, match="timm:vgg11 has none"):
            checkpoint_activations(one, source="timm:vgg11")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"student.source": "python:a:b"}, r"not for python:a:b; leave it out"),
        ({"train.compile": "aot_eager"}, r"leave one of them out"),
    ],
)
def test_what_it_is_not_for_is_refused_before_anything_is_loaded(digits, changes, message):
    config = load_config(
        [
            {
                "data": {"source": f"folder:{digits}"},
                "student": {"source": "timm:test_vit"},
                "transfer": {"method": "stl"},
                "train": {"gradient_checkpointing": True, "device": "cpu"},
            }
        ]
    )
    with pytest.raises(ConfigError, match=message):
        Plan.of(config.replace(changes))
