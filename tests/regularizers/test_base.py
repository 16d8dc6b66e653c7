"""The contract of a regularizer: defaults, checks, preparation, and wrappers that forward it."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tutelage import AFTLoss, FeatureTap, Regularizer, Standardized, kernel_distance
from tutelage.regularizers import (
    KD,
    BTuning,
    EachModality,
    FactorTransfer,
    PreparedRegularizer,
    RegularizerWrapper,
)

WIDTHS = {"dino": 3, "clip": 2}


class Means(Regularizer):
    """The smallest method: one formula."""

    def compare(self, student: Tensor, teacher: Tensor) -> Tensor:
        return (student.mean() - teacher.mean()).square()


class Learned(PreparedRegularizer):
    """A method with everything that the contract has."""

    inner_steps = 2

    def __init__(self, student_width: int, teacher_widths: dict[str, int]) -> None:
        super().__init__(student_width, teacher_widths)
        self.scale = nn.Parameter(torch.ones(self.teachers.total))
        self.register_buffer("rows", torch.zeros(()))

    def learn(self, evidence) -> None:
        self.rows.fill_(len(evidence.labels))

    def compare(self, student: Tensor, teacher: Tensor) -> Tensor:
        return self.rows * student.mean() - (teacher * self.scale).mean()

    def column_weights(self) -> dict[str, Tensor]:
        return self.teachers.split(self.scale.detach())


def test_a_method_of_one_formula_has_all_that_is_read_of_it(evidence):
    method = Means(4, WIDTHS)
    method.prepare(evidence({"dino": torch.ones(5, 3)}, torch.zeros(5).long()))
    assert method.column_weights() == {}
    assert method.learned_state() == {}
    assert (method.inner_steps, method.learns_from) == (0, "nothing")
    assert list(method.state_dict()) == []
    value = method(torch.ones(2, 4), {"dino": torch.zeros(2, 3), "clip": torch.zeros(2, 2)})
    assert value.item() == 1


def test_what_a_method_must_define_is_named(evidence):
    with pytest.raises(NotImplementedError, match=r"Regularizer must define compare\(student"):
        Regularizer(4, [3])(torch.ones(2, 4), torch.ones(2, 3))
    with pytest.raises(NotImplementedError, match=r"PreparedRegularizer must define learn\(evid"):
        PreparedRegularizer(4, {"dino": 3}).prepare(
            evidence({"dino": torch.ones(5, 3)}, torch.zeros(5).long())
        )


def test_compare_gets_wide_columns_side_by_side_without_gradients_of_the_teachers():
    seen = []

    class Seen(Regularizer):
        def compare(self, student: Tensor, teacher: Tensor) -> Tensor:
            seen.append((student.dtype, teacher, torch.is_autocast_enabled("cpu")))
            return student.sum()

    teacher = {"clip": torch.ones(2, 2).half(), "dino": torch.zeros(2, 3, requires_grad=True)}
    with torch.autocast("cpu", dtype=torch.bfloat16):
        Seen(4, WIDTHS)(torch.ones(2, 4).bfloat16(), teacher)
    dtype, columns, autocast = seen[0]
    assert (dtype, columns.dtype, autocast) == (torch.float32, torch.float32, False)
    assert torch.equal(columns, torch.tensor([[0.0, 0, 0, 1, 1]] * 2))
    assert not columns.requires_grad


@pytest.mark.parametrize("wrap", [RegularizerWrapper, lambda inner: standardized(inner)])
def test_wrappers_forward_the_whole_contract(wrap, evidence):
    inner = Learned(4, WIDTHS)
    wrapped = wrap(inner)
    student, teacher = torch.ones(2, 4), {"dino": torch.ones(2, 3), "clip": torch.ones(2, 2)}
    with pytest.raises(RuntimeError, match=r"call prepare\(evidence\) before training"):
        wrapped(student, teacher)
    rows = {"dino": torch.ones(5, 3), "clip": torch.ones(5, 2)}
    wrapped.prepare(evidence(rows, torch.zeros(5).long()))
    assert inner.rows == 5
    assert (wrapped.inner_steps, wrapped.learns_from) == (2, "training rows")
    assert torch.equal(wrapped.column_weights()["clip"], torch.ones(2))
    assert list(wrapped.parameters()) == list(inner.parameters())
    assert torch.equal(wrapped(student, teacher), inner(student, teacher))
    again = wrap(Learned(4, WIDTHS))
    again.load_learned_state(wrapped.learned_state())
    assert torch.equal(again(student, teacher), wrapped(student, teacher))
    restored = wrap(Learned(4, WIDTHS))
    restored.load_state_dict(wrapped.state_dict())
    assert torch.equal(restored(student, teacher), wrapped(student, teacher))


def standardized(inner: Regularizer) -> Standardized:
    zeros = {name: torch.zeros(width) for name, width in WIDTHS.items()}
    return Standardized(inner, zeros, std={name: zero + 1 for name, zero in zeros.items()})


def test_each_modality_forwards_weights_and_inner_steps():
    method = EachModality(
        lambda width, widths: AFTLoss(width, widths, inner_steps=3),
        {"image": 4, "text": 2},
        WIDTHS,
        modalities={"dino": "image", "clip": "text"},
    )
    assert method.inner_steps == 3
    weights = method.column_weights()
    assert {name: weight.tolist() for name, weight in weights.items()} == {
        "dino": [0.5] * 3,
        "clip": [0.5] * 2,
    }


@pytest.mark.parametrize(
    ("method", "learns_from"),
    [(AFTLoss, "nothing"), (KD, "nothing"), (FactorTransfer, "teachers")],
)
def test_what_a_method_learns_from_is_known_before_it_is_built(method, learns_from):
    assert method.learns_from == learns_from
    assert BTuning(4, [3], classes=2).learns_from == "training rows"


@pytest.mark.usefixtures("unchecked")
def test_a_tap_in_place_of_features_is_named():
    tap = FeatureTap(nn.Sequential(nn.Linear(4, 2)))
    with pytest.raises(TypeError, match=r"got a FeatureTap; .* are tap\.take\(\)"):
        Means(4, [3])(tap, torch.ones(2, 3))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    "teacher",
    [np.ones((2, 3)), {"teacher0": np.ones((2, 3))}, [np.ones((2, 3))], torch.ones(2, 3).long()],
    ids=["array", "array by name", "arrays", "whole numbers"],
)
def test_teacher_features_that_are_no_floating_tensors_are_refused(teacher):
    with pytest.raises(TypeError, match=r"floating-point tensors.* got "):
        Means(4, [3])(torch.ones(2, 4), teacher)


@pytest.mark.usefixtures("unchecked")
def test_a_width_in_place_of_widths_is_named():
    with pytest.raises(TypeError, match=r"such as \{'dino': 768\} or \[768\], got 20"):
        AFTLoss(16, 20)
    with pytest.raises(TypeError, match=r"such as .* got \{'teacher0': 20.0\}"):
        AFTLoss(16, [20.0])
    with pytest.raises(TypeError, match=r"such as .* got a tensor \(5, 20\)"):
        AFTLoss(16, torch.ones(5, 20))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("width", [[20], None, 16.0, "16"])
def test_what_is_no_width_of_a_student_is_named(width):
    with pytest.raises(TypeError, match=r"student_width, the first .* such as tap\.width, got "):
        AFTLoss(width, [20])
    assert AFTLoss(np.int64(16), [np.int32(20)]).student_width == 16


def test_teachers_that_are_not_finite_are_named_with_their_row():
    teacher = {"dino": torch.ones(4, 3), "clip": torch.ones(4, 2).half()}
    teacher["clip"][2, 1] = float("nan")
    student = torch.randn(4, 4, requires_grad=True)
    with pytest.raises(ValueError, match=r"teacher 'clip' hold NaN .* row 2 of the batch \(1 of 4"):
        AFTLoss(4, WIDTHS)(student, teacher)
    with pytest.raises(ValueError, match=r"teacher 'dino' hold NaN .* row 0 of the batch \(4 of 4"):
        AFTLoss(4, WIDTHS)(student, teacher | {"dino": torch.full((4, 3), float("inf"))})
    lost = AFTLoss(4, WIDTHS)(
        student * float("nan"), {n: torch.ones(4, w) for n, w in WIDTHS.items()}
    )
    assert lost.isnan()  # the student diverged, which is no fault of a teacher


@pytest.mark.usefixtures("unchecked")
def test_arrays_and_other_devices_are_told_what_to_call():
    with pytest.raises(TypeError, match=r"got ndarray; torch\.from_numpy"):
        Means(4, [3])(torch.ones(2, 4), np.ones((2, 3)))
    with pytest.raises(TypeError, match=r"torch\.int64; features\.float"):
        Means(4, [3])(torch.ones(2, 4), torch.ones(2, 3).long())
    with pytest.raises(TypeError, match=r"got ndarray; use torch\.from_numpy"):
        kernel_distance(torch.ones(2, 4), np.ones((2, 3)))


def test_repr_tells_what_is_expected():
    assert (
        repr(Means(4, WIDTHS))
        == "Means(student: [batch, 4], teacher: {'dino': [batch, 3], 'clip': [batch, 2]})"
    )


@pytest.mark.usefixtures("unchecked")
def test_statistics_of_other_teachers_are_refused():
    ones = {"dino": torch.ones(3)}
    with pytest.raises(ValueError, match=r"a std of teachers \['dino'\], got \['clip'\]"):
        Standardized(Means(4, {"dino": 3}), ones, std={"clip": torch.ones(3)})
    with pytest.raises(ValueError, match=r"a mean of teachers .*, got Tensor, not by name"):
        Standardized(Means(4, {"dino": 3}), torch.ones(3), std=ones)
    with pytest.raises(ValueError, match="features by name"):
        Standardized(Means(4, {"dino": 3}), ones, std=ones)(torch.ones(2, 4), torch.ones(2, 3))
