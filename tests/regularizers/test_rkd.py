"""RKD against its definition in plain floats, triple by triple, and where Gram matrices fail easily."""

import math

import pytest
import torch
from torch import Tensor

from tutelage.regularizers import RKD, angle_loss, distance_loss
from tutelage.regularizers.rkd import BLOCK


def reference_distances(rows: list[list[float]]) -> list[float]:
    distances = [math.dist(a, b) for a in rows for b in rows]
    positive = [d for d in distances if d > 0]
    mean = sum(positive) / len(positive) if positive else 1.0
    return [d / mean for d in distances]


def reference_angles(rows: list[list[float]]) -> list[float]:
    angles = []
    for at in rows:
        units = []
        for other in rows:
            difference = [x - y for x, y in zip(other, at, strict=True)]
            length = math.hypot(*difference)
            units.append([x / length if length else 0.0 for x in difference])
        angles += [sum(x * y for x, y in zip(a, b, strict=True)) for a in units for b in units]
    return angles


def reference_smooth_l1(a: list[float], b: list[float]) -> float:
    errors = [abs(x - y) for x, y in zip(a, b, strict=True)]
    return sum(e * e / 2 if e < 1 else e - 0.5 for e in errors) / len(errors)


def reference_losses(student: Tensor, teacher: Tensor) -> tuple[float, float]:
    """Both terms; shares no code with the library."""
    a, b = student.double().tolist(), teacher.double().tolist()
    return (
        reference_smooth_l1(reference_distances(a), reference_distances(b)),
        reference_smooth_l1(reference_angles(a), reference_angles(b)),
    )


@pytest.mark.parametrize(
    ("batch", "student", "teacher"), [(3, 3, 2), (4, 3, 5), (9, 4, 2), (14, 2, 30)]
)
@pytest.mark.parametrize("block", [1, 500, 2**18])
def test_losses_are_their_definitions(draw, monkeypatch, batch, student, teacher, block):
    monkeypatch.setitem(BLOCK, "cpu", block)
    a, b = draw(batch, student) + 3, 5 * draw(batch, teacher) - 1
    distance, angle = reference_losses(a, b)
    assert distance_loss(a, b).item() == pytest.approx(distance, rel=1e-10, abs=1e-15)
    assert angle_loss(a, b).item() == pytest.approx(angle, rel=1e-10, abs=1e-15)
    together = RKD(student, [teacher])
    assert together(a, b).item() == pytest.approx((distance + 2 * angle) / 2, rel=1e-10, abs=1e-15)
    distance, angle = reference_losses(a.float(), b.float())
    single = together(a.float(), b.float())
    assert single.dtype == torch.float32
    assert single.item() == pytest.approx((distance + 2 * angle) / 2, rel=1e-6, abs=1e-12)


def test_losses_of_seeded_features_are_what_they_were():
    # Computed once by reference_losses, from features any version of PyTorch repeats.
    student = torch.arange(24, dtype=torch.float64).reshape(6, 4).sin()
    teacher = (2 * torch.arange(30, dtype=torch.float64)).reshape(6, 5).cos()
    assert distance_loss(student, teacher).item() == pytest.approx(0.04513196318503615, rel=1e-12)
    assert angle_loss(student, teacher).item() == pytest.approx(0.06449437341203419, rel=1e-12)
    assert RKD(4, [5])(student, teacher).item() == pytest.approx(0.08706035500455227, rel=1e-12)


@pytest.mark.parametrize("loss", [0, 1])
def test_gradients_are_those_of_the_loops(draw, monkeypatch, loss):
    monkeypatch.setitem(BLOCK, "cpu", 100)
    student, teacher = draw(7, 3).requires_grad_(), draw(7, 4)
    (distance_loss, angle_loss)[loss](student, teacher).backward()
    step = 1e-5
    for row in range(7):
        for column in range(3):
            ahead, behind = student.detach().clone(), student.detach().clone()
            ahead[row, column] += step
            behind[row, column] -= step
            slope = reference_losses(ahead, teacher)[loss] - reference_losses(behind, teacher)[loss]
            assert student.grad[row, column].item() == pytest.approx(slope / (2 * step), abs=1e-9)


def test_equal_rows_give_numbers_and_no_gradient_of_their_own(draw):
    student, teacher = draw(6, 40, dtype=torch.float32), draw(6, 5, dtype=torch.float32)
    student[3] = student[1]
    teacher[4] = teacher[2]
    teacher[5] = teacher[2]
    student.requires_grad_()
    value = RKD(40, [5])(student, teacher)
    distance, angle = reference_losses(student.detach(), teacher)
    assert value.item() == pytest.approx((distance + 2 * angle) / 2, rel=1e-6)
    value.backward()
    assert student.grad.isfinite().all()
    # Rows 1 and 3 moved together stay equal: there the loss is smooth, and this is its slope.
    exact, step = student.detach().double(), 1e-5
    slopes = []
    for sign in (1, -1):
        moved = exact.clone()
        moved[[1, 3], 0] += sign * step
        distance, angle = reference_losses(moved, teacher)
        slopes.append((distance + 2 * angle) / 2)
    joint = (student.grad[1, 0] + student.grad[3, 0]).item()
    assert joint == pytest.approx((slopes[0] - slopes[1]) / (2 * step), rel=1e-4)


def test_a_batch_of_one_point_gives_zero_gradient(draw):
    student = draw(1, 4, dtype=torch.float32).expand(5, 4).clone().requires_grad_()
    value = RKD(4, [3])(student, draw(5, 3, dtype=torch.float32))
    value.backward()
    assert value.isfinite()
    assert torch.equal(student.grad, torch.zeros(5, 4))
    still = RKD(4, [3])(draw(5, 4), torch.ones(5, 3).double())
    assert still.isfinite()


def test_close_rows_far_from_zero_keep_their_digits(draw):
    student = (1000 + draw(8, 16)).float()
    student[1] = student[0] + 1e-3 * draw(16).float()
    teacher = (draw(8, 12) - 300).float()
    distance, angle = reference_losses(student, teacher)
    value = RKD(16, [12])(student, teacher).item()
    assert value == pytest.approx((distance + 2 * angle) / 2, rel=1e-6)


def test_blind_to_rotation_shift_and_scale(draw):
    student, teacher = draw(9, 6), draw(9, 8)
    rotation = torch.linalg.qr(draw(6, 6))[0]
    term = RKD(6, [8])
    before = term(student, teacher)
    for changed in (student @ rotation, student + 4, 0.01 * student):
        torch.testing.assert_close(term(changed, teacher), before, rtol=1e-9, atol=0)
    turned = teacher @ torch.linalg.qr(draw(8, 8))[0]
    torch.testing.assert_close(term(student, 7 * turned - 2), before, rtol=1e-9, atol=0)
    assert term(student, torch.cat([student, torch.zeros(9, 2)], dim=1)).item() < 1e-20


def test_the_teacher_gets_no_gradient(draw):
    student, teacher = draw(5, 3).requires_grad_(), draw(5, 3).requires_grad_()
    RKD(3, [3])(student, teacher).backward()
    assert teacher.grad is None


@pytest.mark.parametrize("loss", [distance_loss, angle_loss])
@pytest.mark.usefixtures("unchecked")
def test_batches_of_different_length_are_named(draw, loss):
    with pytest.raises(ValueError, match="4 rows but teacher has 5"):
        loss(draw(4, 3), draw(5, 3))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_half_precision_comes_out_as_float32_also_under_autocast(draw, dtype):
    student, teacher = draw(6, 4, dtype=dtype), draw(6, 3, dtype=torch.float16)
    expected = reference_losses(student, teacher)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = distance_loss(student, teacher), angle_loss(student, teacher)
    for value, wanted in zip(found, expected, strict=True):
        assert value.dtype == torch.float32
        assert value.item() == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize("loss", [distance_loss, angle_loss])
@pytest.mark.parametrize("damaged", [0, 1])
def test_what_is_no_number_is_not_taken_for_equal_rows(draw, loss, damaged):
    features = [draw(6, 3), draw(6, 4)]
    features[damaged][2, 1] = torch.nan
    assert loss(*features).isnan()
