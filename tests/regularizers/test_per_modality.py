"""A method applied to each modality: what it compares, and what it refuses."""

import pytest
import torch

from tutelage.regularizers import KD, AFTLoss, BTuning, EachModality

STUDENT = {"image": 4, "text": 2}
MODALITIES = {"bert": "text", "dino": "image", "clip": "image"}
WIDTHS = {"bert": 5, "dino": 3, "clip": 2}


def build(make, student=STUDENT, widths=WIDTHS, modalities=MODALITIES):
    return EachModality(make, student, widths, modalities=modalities)


@pytest.fixture
def features():
    generator = torch.Generator().manual_seed(0)
    teacher = {n: torch.randn(8, width, generator=generator) for n, width in WIDTHS.items()}
    return torch.randn(8, 6, generator=generator), teacher


def test_each_method_gets_its_modalitys_columns(features):
    student, teacher = features
    method = build(AFTLoss)
    image = method.terms["image"](student[:, :4], {n: teacher[n] for n in ("dino", "clip")})
    text = method.terms["text"](student[:, 4:], {"bert": teacher["bert"]})
    values = {"image": image, "text": text}
    assert all(value.item() > 0 for value in values.values())
    changed = {**teacher, "bert": teacher["bert"].flip(0)}
    assert method.terms["image"](student[:, :4], {n: changed[n] for n in ("dino", "clip")}) == image
    assert method(student, changed).item() != method(student, teacher).item()


def test_weights_of_both_modalities_go_by_teacher():
    weights = build(AFTLoss).column_weights()
    assert {name: len(weight) for name, weight in weights.items()} == WIDTHS


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"student": {"image": 4}}, "columns of two modalities"),
        ({"modalities": {"bert": "text"}}, "expected the modality of each of"),
        ({"modalities": {**MODALITIES, "clip": "imge"}}, "'imge'.*did you mean 'image'"),
    ],
)
def test_mistakes_are_named(given, says):
    with pytest.raises(ValueError, match=says):
        build(KD, **given)


def test_a_method_that_learns_first_is_refused():
    def make(width, teachers):
        return BTuning(width, teachers, classes=3)

    with pytest.raises(ValueError, match="BTuning learns from the training rows first"):
        build(make)


def test_features_come_by_name(features):
    student, teacher = features
    with pytest.raises(ValueError, match="by name, so that each has its modality"):
        build(KD)(student, list(teacher.values()))
