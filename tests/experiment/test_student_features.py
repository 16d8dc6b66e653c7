"""A student's own features: those of its layers before any training, in the order of the rows."""

import torch
from torchvision.transforms.functional import pil_to_tensor

from tutelage.experiment.plan import Plan
from tutelage.experiment.runtime import Runtime
from tutelage.experiment.student_features import new_student, student_features


def test_features_are_those_of_the_layers_and_repeat(small):
    plan = Plan.of(small)
    student, again = new_student(plan), new_student(plan)
    training, evaluated = student_features(
        plan, student, [plan.training, plan.evaluated], Runtime.of(small)
    )
    (repeated,) = student_features(plan, again, [plan.training], Runtime.of(small))
    assert bool((training == repeated).all())

    images = [plan.evaluated.rows[number] for number in range(len(plan.evaluated))]
    pixels = torch.stack([pil_to_tensor(image) for image in images]).float() / 255
    with torch.no_grad():
        expected = student.model[:3](pixels)
    assert training.shape == (len(plan.training), 8)
    assert torch.allclose(evaluated, expected, atol=1e-5)
