"""Memory of a training: counted by hand for a student of two layers, and what optimizers hold."""

import pytest
import torch

from tutelage import Objective
from tutelage.data import Split
from tutelage.data.base import Columns
from tutelage.data.given import GivenRows
from tutelage.experiment.training_memory import memory_of
from tutelage.regularizers.none import NoTransfer
from tutelage.students.python import PythonStudent
from tutelage.training.accelerator import accelerator_for
from tutelage.training.batches import BatchSource
from tutelage.training.optimizers import Optimizers
from tutelage.training.prepared import PreparedRows

BATCH, PIXELS, HIDDEN, CLASSES = 12, 3 * 32 * 32, 8, 3


@pytest.fixture
def parts(small):
    accelerator = accelerator_for(small)
    student = PythonStudent(
        "small_parts:student",
        output_names=("a", "b", "c"),
        modality="image",
        model_input={"image_size": 32},
    )
    objective = Objective(torch.nn.CrossEntropyLoss(), NoTransfer(student.width, [4]), beta=0.0)
    labels = torch.arange(20) % CLASSES
    rows = torch.randint(256, (20, 3, 32, 32), dtype=torch.uint8)
    split = Split(
        "train", GivenRows(list(rows), "image", Columns()), [str(n) for n in range(20)], labels
    )
    batches = BatchSource(split, PreparedRows(student.input, rows, decode="stored"))
    return student, objective, batches, accelerator


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_the_memory_is_what_the_parts_hold(small, parts, optimizer):
    student, objective, batches, accelerator = parts
    settings = small.replace({"train.optimizer": optimizer}).train
    found = memory_of(student, objective, batches, settings=settings, accelerator=accelerator)
    numbers = (PIXELS + 1) * HIDDEN + (HIDDEN + 1) * CLASSES
    assert found.weights == found.gradients == 4 * numbers
    # Kept for the gradient: the pixels, the hidden layer once (in and out of relu share nothing but
    # what relu gives), log-softmax, the labels, and the divisor of the mean.
    least = 4 * BATCH * (PIXELS + HIDDEN + CLASSES)
    assert least <= found.activations <= least + 8 * BATCH * (CLASSES + HIDDEN + 2)
    made = Optimizers.of(
        student.model, objective.regularizer, settings=settings, transfer_lr=None
    ).main
    for weight in student.model.parameters():
        weight.grad = torch.ones_like(weight)
    made.step()
    held = sum(
        value.nbytes
        for state in made.state.values()
        for value in state.values()
        if isinstance(value, torch.Tensor) and value.ndim
    )
    assert found.optimizer == held
    assert found.total == 4 * numbers * 2 + held + found.activations


def test_a_frozen_layer_has_neither_gradient_nor_state(small, parts):
    student, objective, batches, accelerator = parts
    student.model[1].requires_grad_(False)
    found = memory_of(student, objective, batches, settings=small.train, accelerator=accelerator)
    assert found.gradients == 4 * (HIDDEN + 1) * CLASSES
    assert found.optimizer == 2 * found.gradients
