"""Checkpoints whose config does not state their type, and weights in .bin files."""

import json
import os

import pytest
import torch
from small_models import FAMILIES, TEXTS
from transformers import AutoModelForSequenceClassification, BertModel

from tutelage.backbones.model_config import folder_mistakes, load_model_config
from tutelage.errors import ConfigError, SourceError
from tutelage.students import open_student
from tutelage.students.build import student_problems
from tutelage.teachers import open_teacher
from tutelage.teachers.build import teacher_problems

NAMES = ("bad", "good")


@pytest.fixture
def untyped(tmp_path):
    """A BERT as ``prajjwal1/bert-small`` is: a config without a type, weights by torch.save."""
    folder = tmp_path / "bert-tiny"
    model = FAMILIES["bert"].save(folder)
    config = json.loads((folder / "config.json").read_text())
    for name in ("model_type", "architectures"):
        config.pop(name, None)
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "model.safetensors").unlink()
    state = {f"bert.{name}": value for name, value in model.state_dict().items()}
    torch.save(state | {"cls.predictions.bias": torch.zeros(3)}, folder / "pytorch_model.bin")
    return folder


def features_by_hand(model, tokenizer, texts):
    with torch.no_grad():
        return torch.cat(
            [model(**tokenizer(text, return_tensors="pt")).pooler_output for (text,) in texts]
        )


def test_the_type_is_an_option_of_students_and_teachers(untyped, tmp_path):
    FAMILIES["bert"].save(tmp_path / "whole")
    whole = BertModel.from_pretrained(tmp_path / "whole").eval()
    expected = features_by_hand(whole, FAMILIES["bert"].tokenizer(), TEXTS)
    params = {"model_type": "bert"}

    student = open_student(f"hf:{untyped}", output_names=NAMES, modality="text", params=params)
    student.model.eval()
    with torch.no_grad():
        logits = student.outputs(student.input.collate([student.input.prepare(t) for t in TEXTS]))
    torch.testing.assert_close(student.tap.take(), expected, rtol=1e-4, atol=1e-5)
    student.save(tmp_path / "saved")
    saved = AutoModelForSequenceClassification.from_pretrained(tmp_path / "saved").eval()
    again = features_by_hand(saved.bert, student.input.tokenizer, TEXTS)
    with torch.no_grad():
        torch.testing.assert_close(saved.classifier(again), logits, rtol=1e-4, atol=1e-5)

    teacher = open_teacher(f"hf:{untyped}", modality="text", params=params)
    torch.testing.assert_close(
        torch.as_tensor(teacher.encode(teacher.input.collate([teacher.input.prepare(t) for t in TEXTS]))),
        expected,
        rtol=1e-4,
        atol=1e-5,
    )  # fmt: skip


def test_a_config_without_a_type_is_refused_before_loading(untyped):
    said = f"config.json of hf:{untyped} does not state its model_type; state it by the option, as params."
    problems = student_problems(f"hf:{untyped}", modality="text")
    problems += teacher_problems(f"hf:{untyped}", modality="text")
    assert len(problems) == 2
    for problem in problems:
        assert problem.startswith(said + "model_type = 'bert'")
    typed = {"model_type": "bert"}
    assert teacher_problems(f"hf:{untyped}", modality="text", params=typed) == []
    assert student_problems(f"hf:{untyped}", modality="text", params=typed) == []
    with pytest.raises(ConfigError, match="does not state its model_type"):
        load_model_config(str(untyped))
    with pytest.raises(ConfigError, match=r"unknown model_type 'brt'.*did you mean 'bert'"):
        load_model_config(str(untyped), model_type="brt")


def test_a_type_that_contradicts_the_config_is_refused(tmp_path):
    FAMILIES["roberta"].save(tmp_path)
    (said,) = folder_mistakes(str(tmp_path), model_type="bert")
    assert said.endswith("is of type 'roberta'; remove the option")
    with pytest.raises(ConfigError, match="is of type 'roberta'"):
        load_model_config(str(tmp_path), model_type="bert")
    assert load_model_config(str(tmp_path), model_type="roberta").model_type == "roberta"


class Code:
    """Runs a command when it is unpickled."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def test_a_bin_file_with_code_is_refused_and_not_run(untyped, tmp_path):
    mark = tmp_path / "ran"
    torch.save({"bert.x": Code(f"touch {mark}")}, untyped / "pytorch_model.bin")
    with pytest.raises(
        SourceError, match=r"\.bin file that holds more than tensors.*save_pretrained"
    ):
        open_teacher(f"hf:{untyped}", modality="text", params={"model_type": "bert"})
    assert not mark.exists()
