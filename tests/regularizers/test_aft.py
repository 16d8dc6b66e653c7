"""AFT against its definition in plain float64 loops, and what follows from the definition."""

import math

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from tutelage import AFTLoss, kernel_distance
from tutelage.regularizers import AFTWithoutKernel


def reference_rows(features: Tensor) -> list[list[float]]:
    """Centered over the batch, then of unit length; plain floats."""
    rows = [[float(x) for x in row] for row in features.double().tolist()]
    means = [sum(column) / len(rows) for column in zip(*rows, strict=True)]
    centered = [[x - m for x, m in zip(row, means, strict=True)] for row in rows]
    lengths = [math.sqrt(sum(x * x for x in row)) for row in centered]
    return [[x / (n + 1e-8) for x in row] for row, n in zip(centered, lengths, strict=True)]


def reference_distance(student: Tensor, teacher: Tensor, *, rbf: bool = False) -> float:
    """The definition, pair by pair in plain floats; shares no code with the library."""
    left, right = reference_rows(student), reference_rows(teacher)

    def kernel(a: list[float], b: list[float]) -> float:
        if rbf:
            return math.exp(-sum((x - y) ** 2 for x, y in zip(a, b, strict=True)))
        return sum(x * y for x, y in zip(a, b, strict=True))

    size = len(left)
    total = sum(
        (kernel(left[i], left[j]) - kernel(right[i], right[j])) ** 2
        for i in range(size)
        for j in range(size)
    )
    return math.sqrt(total / size**2 + 1e-8)


@pytest.mark.parametrize(("batch", "student", "teacher"), [(3, 3, 5), (9, 4, 4), (17, 12, 30)])
@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_distance_is_its_definition(draw, batch, student, teacher, kernel):
    a, b = draw(batch, student) + 3, 5 * draw(batch, teacher) - 1
    expected = reference_distance(a, b, rbf=kernel == "rbf")
    assert kernel_distance(a, b, kernel=kernel).item() == pytest.approx(expected, rel=1e-10)
    single = kernel_distance(a.float(), b.float(), kernel=kernel)
    assert single.item() == pytest.approx(expected, rel=2e-5)


def test_distance_of_seeded_features_is_what_it_was():
    # Computed once by reference_distance, from generators any version of PyTorch repeats.
    grid = torch.arange(24, dtype=torch.float64).reshape(6, 4)
    assert kernel_distance(grid.sin(), (2 * grid).cos()).item() == pytest.approx(
        0.8038148468356694, rel=1e-12
    )


def test_gradient_is_that_of_the_loop(draw):
    student, teacher = draw(6, 3).requires_grad_(), draw(6, 4)
    kernel_distance(student, teacher).backward()
    step = 1e-6
    for row in range(6):
        for column in range(3):
            ahead, behind = student.detach().clone(), student.detach().clone()
            ahead[row, column] += step
            behind[row, column] -= step
            slope = reference_distance(ahead, teacher) - reference_distance(behind, teacher)
            assert student.grad[row, column].item() == pytest.approx(slope / (2 * step), abs=1e-7)


@pytest.mark.parametrize(
    "settings",
    [{}, {"weights": "identity"}, {"weights": "dense"}, {"kernel": "rbf"}, {"inner_steps": 5}],
    ids=str,
)
def test_gradients_of_every_setting_are_exact(draw, settings):
    term = AFTLoss(3, {"a": 4, "b": 2}, **settings).double()
    student, teacher = draw(5, 3).requires_grad_(), draw(5, 6)
    own = list(term.parameters())

    def value(features: Tensor, *parameters: Tensor) -> Tensor:
        return term(features, teacher)

    assert torch.autograd.gradcheck(value, (student, *own))


def test_weights_scale_the_teachers_columns(draw):
    term = AFTLoss(3, {"a": 4, "b": 2})
    with torch.no_grad():
        term.weights.scores.copy_(draw(6))
    a, b, student = draw(8, 4), draw(8, 2), draw(8, 3)
    rho = term.column_weights()
    weighted = torch.cat([a * rho["a"].double(), b * rho["b"].double()], dim=1)
    for given in ({"b": b, "a": a}, [a, b], torch.cat([a, b], dim=1)):
        assert term(student, given).item() == pytest.approx(
            reference_distance(student, weighted), rel=1e-6
        )


def test_weights_start_at_one_half():
    assert torch.equal(AFTLoss(3, [4]).column_weights()["teacher0"], torch.full((4,), 0.5))


def test_settings_against_plain_formulas(draw):
    student, teacher = draw(7, 3), draw(7, 5)
    dense = AFTLoss(3, [5], weights="dense").double()
    expected = reference_distance(student, teacher @ dense.weights.map.detach())
    assert dense(student, teacher).item() == pytest.approx(expected, rel=1e-9)

    free = AFTWithoutKernel(3, [5]).double()
    left = [
        [x - m for x, m in zip(r, student.mean(0).tolist(), strict=True)] for r in student.tolist()
    ]
    mapped = teacher @ free.map.detach()
    right = [
        [x - m for x, m in zip(r, mapped.mean(0).tolist(), strict=True)] for r in mapped.tolist()
    ]
    squares = [
        (x - y) ** 2 for a, b in zip(left, right, strict=True) for x, y in zip(a, b, strict=True)
    ]
    assert free(student, teacher).item() == pytest.approx(sum(squares) / len(squares), rel=1e-9)

    same = AFTLoss(3, [5], weights="identity")
    assert same(student, teacher).item() == pytest.approx(
        reference_distance(student, teacher), rel=1e-9
    )
    assert not list(same.parameters())


def test_blind_to_rotation_shift_and_scale(draw):
    student, teacher = draw(12, 6), draw(12, 9)
    rotation = torch.linalg.qr(draw(6, 6))[0]
    before = kernel_distance(student, teacher)
    for changed in (student @ rotation, student + 4, 0.01 * student):
        torch.testing.assert_close(kernel_distance(changed, teacher), before, rtol=1e-5, atol=0)
    turned = teacher @ torch.linalg.qr(draw(9, 9))[0]
    torch.testing.assert_close(kernel_distance(student, 7 * turned - 2), before, rtol=1e-7, atol=0)


def test_shrinking_all_weights_is_no_escape(draw):
    student, teacher = draw(12, 6), draw(12, 9)
    term = AFTLoss(6, [9]).double()
    values = []
    for score in (3.0, 0.0, -8.0):
        with torch.no_grad():
            term.weights.scores.fill_(score)
        values.append(term(student, teacher).item())
    assert values == pytest.approx([values[0]] * 3, rel=1e-4)


def test_two_equal_columns_act_as_one(draw):
    student, teacher = draw(10, 4), draw(10, 3)
    doubled = torch.cat([teacher, teacher[:, :1]], dim=1)
    a, b = 0.375, 0.5  # and their root sum of squares, 0.625, are exact in float32
    two = kernel_distance(student, doubled * torch.tensor([a, 0.5, 0.6, b]).double())
    one = kernel_distance(student, teacher * torch.tensor([math.hypot(a, b), 0.5, 0.6]).double())
    torch.testing.assert_close(two, one, rtol=1e-7, atol=0)


def test_equal_columns_of_two_teachers_act_as_one_under_learned_weights(draw):
    student, teacher = draw(10, 4), draw(10, 3)
    doubled, single = AFTLoss(4, {"a": 3, "b": 1}).double(), AFTLoss(4, {"a": 3}).double()
    with torch.no_grad():
        doubled.weights.scores.copy_(torch.tensor([0.375, 0.7, 0.6, 0.5]).double().logit())
        single.weights.scores.copy_(
            torch.tensor([math.hypot(0.375, 0.5), 0.7, 0.6]).double().logit()
        )
    both = doubled(student, {"a": teacher, "b": teacher[:, :1]})
    torch.testing.assert_close(both, single(student, teacher), rtol=1e-6, atol=0)


def test_no_gradient_pulls_all_weights_down_together(draw):
    student, teacher = draw(12, 6), draw(12, 9)
    term = AFTLoss(6, [9]).double()
    with torch.no_grad():
        term.weights.scores.copy_(draw(9))
    term(student, teacher).backward()
    along = term.weights.scores.grad / (
        1 - term.weights.scores.detach().sigmoid()
    )  # rho times the slope in rho
    assert along.abs().sum() > 1e-3
    assert abs(along.sum().item()) < 1e-7


def test_stays_in_its_range(draw):
    same = draw(6, 3)
    assert kernel_distance(same, same).item() == pytest.approx(1e-4, rel=1e-3)
    opposite = torch.tensor([[1.0], [-1.0], [1.0]]).double()
    apart = torch.tensor([[1.0, 0.0], [1.0, 1e-12], [1.0, 0.0]]).double()
    assert 1e-4 <= kernel_distance(opposite, apart).item() < 2


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_float32_inside_also_under_autocast(draw, dtype):
    student, teacher = draw(8, 5, dtype=dtype), draw(8, 7, dtype=torch.float16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = kernel_distance(student, teacher)
        term = AFTLoss(5, [7])(student, teacher)
    assert inside.dtype == term.dtype == torch.float32
    assert inside.item() == pytest.approx(reference_distance(student, teacher), rel=1e-5)


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
@pytest.mark.parametrize("single", [0, 1])
def test_single_beside_double_precision_is_computed_in_double(draw, kernel, single):
    sides = [draw(5, 3).double(), draw(5, 4).double()]
    sides[single] = sides[single].float()
    exact = kernel_distance(*(side.double() for side in sides), kernel=kernel)
    for side in sides:
        side.requires_grad_()
    distance = kernel_distance(*sides, kernel=kernel)
    distance.backward()
    assert distance.dtype == torch.float64
    assert torch.equal(distance, exact)
    assert [side.grad.dtype for side in sides] == [side.dtype for side in sides]


def test_rows_at_the_mean_give_numbers(draw):
    student = draw(6, 4, dtype=torch.float32)
    student[:] = student[0]
    student.requires_grad_()
    value = kernel_distance(student, draw(6, 3, dtype=torch.float32))
    value.backward()
    assert value.isfinite()
    assert student.grad.isfinite().all()


def test_noise_columns_lose_weight(draw):
    """A student that is learning real structure leaves noise columns behind."""
    hidden = draw(2000, 4, dtype=torch.float32)
    useful = hidden @ draw(4, 16, dtype=torch.float32)
    teacher = torch.cat([useful, draw(2000, 48, dtype=torch.float32)], dim=1)
    inputs = torch.cat([hidden, draw(2000, 4, dtype=torch.float32)], dim=1)
    torch.manual_seed(0)
    student = torch.nn.Sequential(torch.nn.Linear(8, 32), torch.nn.ReLU(), torch.nn.Linear(32, 8))
    term = AFTLoss(8, {"useful": 16, "noise": 48})
    optimizer = torch.optim.Adam(
        [{"params": student.parameters(), "lr": 1e-3}, {"params": term.parameters(), "lr": 1e-2}]
    )
    order = torch.Generator().manual_seed(0)
    for _ in range(300):
        rows = torch.randint(2000, (64,), generator=order)
        optimizer.zero_grad()
        term(student(inputs[rows]), teacher[rows]).backward()
        optimizer.step()
    rho = term.column_weights()
    assert rho["noise"].mean() < 0.5 * rho["useful"].mean()
    assert rho["noise"].max() < rho["useful"].mean()


def test_parameters_reach_optimizer_device_and_checkpoint():
    term = AFTLoss(3, {"dino.giant": 4, "clip/large": 2})
    assert [name for name, _ in term.named_parameters()] == ["weights.scores"]
    assert term.to("meta").weights.scores.device.type == "meta"
    kept = AFTLoss(3, {"dino.giant": 4, "clip/large": 2})
    with torch.no_grad():
        kept.weights.scores.normal_()
    fresh = AFTLoss(3, {"dino.giant": 4, "clip/large": 2})
    fresh.load_state_dict(kept.state_dict())
    assert torch.equal(fresh.column_weights()["clip/large"], kept.column_weights()["clip/large"])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: kernel_distance(torch.ones(3, 2), torch.ones(4, 2)), "3 rows but teacher has 4"),
        (lambda: kernel_distance(torch.ones(1, 2), torch.ones(1, 2)), "at least two examples"),
        (lambda: AFTLoss(3, []), "at least one column"),
        (lambda: AFTLoss(0, [4]), "must be positive"),
        (lambda: AFTLoss(3, [4], weights="sparse"), "weights must be one of"),
        (lambda: AFTLoss(3, [4], kernel="none"), "kernel must be one of linear, rbf, not 'none'"),
        (lambda: AFTLoss(3, [4], inner_steps=-1), "inner_steps must not be negative, got -1"),
        (
            lambda: AFTLoss(3, [4])(torch.ones(2, 5), torch.ones(2, 4)),
            r"\[batch, 3\], got \(2, 5\)",
        ),
        (
            lambda: AFTLoss(3, [4])(torch.ones(2, 3), torch.ones(2, 5)),
            r"teacher0: 4\), got \(2, 5\)",
        ),
        (
            lambda: AFTLoss(3, {"a": 4})(torch.ones(2, 3), {"b": torch.ones(2, 4)}),
            "expected teachers",
        ),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_wrong_use_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


class Computing(TorchDispatchMode):
    """Counts the operations that compute; views and detached tensors cost a GPU nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        aliases = any(returned.alias_info is not None for returned in function._schema.returns)
        in_place = function._schema.is_mutable
        self.count += in_place or not aliases
        return function(*args, **(kwargs or {}))


def test_a_step_issues_few_operations(draw):
    """On a small batch a GPU waits for their number; the first gradient, of ones, is one more."""
    term = AFTLoss(4, [6])
    student, teacher = draw(5, 4).bfloat16().requires_grad_(), draw(5, 6).half()
    with Computing() as computing:
        term(student, teacher).backward()
    assert computing.count <= 38 + 1
