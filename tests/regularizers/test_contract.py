"""What holds of every method and variant: how it is built, called, trained and stored."""

import pytest
import torch
from on_metal import MPS, Metal
from torch import Tensor

from tutelage.registry import bind
from tutelage.regularizers import BTuning, FactorTransfer, NoTransfer, Regularizer, Standardized
from tutelage.regularizers.catalogue import METHOD_NAMES, PROBE, parse_method

CASES = [name for name in METHOD_NAMES if name != PROBE]
TRANSFERRING = [name for name in CASES if name != "stl"]
ONE, THREE = {"dino": 6}, {"dino": 6, "clip/large": 3, "sw.in": 1}
STUDENT, CLASSES = 5, 3
CPU = torch.device("cpu")


@pytest.fixture
def build(draw, evidence):
    """Build a method as the program does; prepare it; let no parameter stay where it began."""

    def built(
        name: str,
        widths: dict[str, int],
        *,
        prepare: bool = True,
        began: bool = True,
        device: torch.device = CPU,
    ) -> Regularizer:
        torch.manual_seed(0)
        method = parse_method(name)
        given = {"student_width": STUDENT, "teacher_widths": widths, "classes": CLASSES}
        settings = {**method.params, "epochs": 3} if name == "ft" else method.params
        term = bind(method.regularizer_class(), given, settings, where="transfer.params")
        if prepare:
            own = torch.Generator().manual_seed(8)
            rows = {n: torch.randn(40, w, generator=own).half() for n, w in widths.items()}
            labels = torch.arange(40) % (CLASSES + 1)
            labels[labels == CLASSES] = -100
            student = torch.randn(40, STUDENT, generator=own)
            term.prepare(evidence(rows, labels, student=student, device=device))
        if not began:
            with torch.no_grad():
                for parameter in term.parameters():
                    parameter += 0.1 * draw(*parameter.shape).to(parameter)
        return term

    return built


@pytest.fixture
def features(draw):
    def drawn(widths: dict[str, int], dtype: torch.dtype = torch.float32):
        teacher = {n: draw(8, w, dtype=torch.float16).to(dtype) for n, w in widths.items()}
        return draw(8, STUDENT, dtype=dtype), teacher

    return drawn


@pytest.mark.parametrize("widths", [ONE, THREE], ids=["one", "three"])
@pytest.mark.parametrize("name", TRANSFERRING)
def test_a_scalar_whose_gradient_reaches_the_student_and_its_own_parameters(
    build, features, name, widths
):
    term = build(name, widths, began=False)
    student, teacher = features(widths)
    student.requires_grad_()
    value = term(student, teacher)
    assert value.shape == ()
    assert value.isfinite()
    assert value > 0
    value.backward()
    assert student.grad.isfinite().all()
    assert student.grad.abs().sum() > 0
    own = dict(term.named_parameters())
    assert all(p.requires_grad and p.grad.isfinite().all() for p in own.values())
    before = {n: p.detach().clone() for n, p in own.items()}
    if own:
        torch.optim.Adam(own.values(), lr=1e-2).step()
    if not name.startswith("ft"):  # whose ReLUs may be silent
        assert all(not torch.equal(p, before[n]) for n, p in own.items())
    assert all(t.grad is None for t in teacher.values())


@pytest.mark.parametrize("name", TRANSFERRING)
def test_gradients_are_finite_where_training_begins(build, features, name):
    term = build(name, THREE)
    student, teacher = features(THREE)
    student.requires_grad_()
    term(student, teacher).backward()
    for tensor in (student, *term.parameters()):
        assert tensor.grad.isfinite().all()
        assert tensor.grad.abs().max() < 1e3


@pytest.mark.parametrize("name", TRANSFERRING)
def test_gradients_are_exact(build, features, name):
    term = build(name, THREE, began=False).double()
    student, teacher = features(THREE, torch.float64)

    own = () if name == "cospress" else term.parameters()  # it holds its head for one of two terms

    def value(features: Tensor, *parameters: Tensor) -> Tensor:
        return term(features, teacher)

    assert torch.autograd.gradcheck(value, (student.requires_grad_(), *own))


@pytest.mark.parametrize("name", TRANSFERRING)
def test_a_state_restores_what_was_learned_and_prepared(build, features, name):
    student, teacher = features(THREE)
    kept = build(name, THREE, began=False)
    state = kept.state_dict()
    assert all(isinstance(value, Tensor) for value in state.values())
    fresh = build(name, THREE, prepare=False)
    if fresh.learns_from != "nothing":
        with pytest.raises(RuntimeError, match=r"call prepare\(evidence\) before training"):
            fresh(student, teacher)
    fresh.load_state_dict(state)
    assert torch.equal(fresh(student, teacher), kept(student, teacher))


@pytest.mark.parametrize("name", TRANSFERRING)
def test_autocast_changes_nothing(build, features, name):
    term = build(name, THREE, began=False)
    student, teacher = features(THREE)
    for dtype in (torch.float32, torch.bfloat16):
        given = student.to(dtype)
        plain = term(given.float(), teacher)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            inside = term(given, {n: t.half() for n, t in teacher.items()})
        assert inside.dtype == torch.float32
        assert torch.equal(inside, plain)


@pytest.mark.parametrize("name", TRANSFERRING)
def test_features_in_float64(build, features, name):
    """Of either side, or of both, for a method in float32; and for one in float64."""
    term = build(name, THREE, began=False)
    student, teacher = features(THREE)
    wide = {n: t.double() for n, t in teacher.items()}
    plain = term(student.requires_grad_(), teacher)
    (expected,) = torch.autograd.grad(plain, student)
    for own, others in ((student, wide), (student.double(), teacher), (student.double(), wide)):
        value = term(own, others)
        torch.testing.assert_close(value.float(), plain)
        (gradient,) = torch.autograd.grad(value, student)
        torch.testing.assert_close(gradient, expected, rtol=1e-3, atol=1e-5)
    assert term.double()(student.double(), wide).dtype == torch.float64
    if any(True for _ in term.parameters()):
        assert term(student, wide).dtype == torch.float64


@pytest.mark.parametrize("name", TRANSFERRING)
def test_teachers_come_by_name_in_order_or_side_by_side(build, features, name):
    term = build(name, THREE, began=False)
    student, teacher = features(THREE)
    by_name = term(student, dict(reversed(teacher.items())))
    assert torch.equal(term(student, list(teacher.values())), by_name)
    assert torch.equal(term(student, torch.cat(list(teacher.values()), dim=1)), by_name)


@pytest.mark.parametrize("name", TRANSFERRING)
def test_wrong_widths_and_rows_are_named(build, features, name):
    term = build(name, THREE)
    student, teacher = features(THREE)
    with pytest.raises(ValueError, match=r"\[batch, 5\], got \(8, 4\)"):
        term(student[:, :4], teacher)
    with pytest.raises(ValueError, match="expected teachers"):
        term(student, {"dino": teacher["dino"]})
    with pytest.raises(ValueError, match="7 rows but teacher has 8"):
        term(student[:7], teacher)


@pytest.mark.parametrize("name", ["aft", "aft-rbf", "cka", "rkd"])
def test_batches_without_a_pair_or_with_a_single_one_are_told(build, features, name):
    term = build(name, THREE)
    student, teacher = features(THREE)
    with pytest.raises(ValueError, match="at least two examples in a batch, got 1"):
        term(student[:1], {n: rows[:1] for n, rows in teacher.items()})
    pair = student[:2].requires_grad_()
    with pytest.warns(UserWarning, match="a batch of two transfers nothing"):
        value = term(pair, {n: rows[:2] for n, rows in teacher.items()})
    (gradient,) = torch.autograd.grad(value, pair)
    assert gradient.abs().max() < 1e-8  # as the warning says


@pytest.mark.parametrize("name", TRANSFERRING)
def test_works_on_standardized_features(build, features, name):
    term = build(name, THREE, prepare=False)
    mean = {n: torch.full((w,), 2.0) for n, w in THREE.items()}
    std = {n: torch.full((w,), 4.0) for n, w in THREE.items()}
    wrapped = Standardized(build(name, THREE), mean, std=std)
    student, teacher = features(THREE)
    scaled = {n: (t - 2) / 4 for n, t in teacher.items()}
    assert torch.equal(wrapped(student, teacher), wrapped.regularizer(student, scaled))
    assert wrapped.regularizer.student_width == term.student_width


def test_constant_columns_are_zero_whatever_their_computed_deviation(features):
    rounding = {"dino": torch.tensor([1.0, 1e-18, 0.0, 1e-47, 1.0, 1.0]).double()}
    mean = {"dino": torch.tensor([0.0, 0.1, 0.2, 1e-30, 0.0, 0.0]).double()}
    wrapped = Standardized(NoTransfer(STUDENT, ONE), mean, std=rounding)
    assert wrapped.scale.tolist() == [1.0, 0.0, 0.0, 0.0, 1.0, 1.0]
    _, teacher = features(ONE)
    assert wrapped.standardized(teacher)["dino"].isfinite().all()


def test_preparation_gets_standardized_rows(draw, evidence):
    rows = {"dino": draw(30, 6, dtype=torch.float32)}
    labels = torch.arange(30) % CLASSES
    student = draw(30, STUDENT, dtype=torch.float32)
    plain = BTuning(STUDENT, {"dino": 6}, classes=CLASSES)
    plain.prepare(evidence({"dino": (rows["dino"] - 2) / 4}, labels, student=student))
    wrapped = Standardized(
        BTuning(STUDENT, {"dino": 6}, classes=CLASSES),
        {"dino": torch.full((6,), 2.0)},
        std={"dino": torch.full((6,), 4.0)},
    )
    wrapped.prepare(evidence(rows, labels, student=student))
    torch.testing.assert_close(wrapped.regularizer.teacher_means, plain.teacher_means)


def test_no_transfer_is_zero(features):
    student, teacher = features(THREE)
    value = NoTransfer(STUDENT, THREE)(student, teacher)
    assert value.item() == 0


def test_other_teachers_cannot_prepare(evidence):
    with pytest.raises(ValueError, match="expected teachers"):
        FactorTransfer(STUDENT, ONE).prepare(
            evidence({"clip": torch.ones(4, 6)}, torch.zeros(4, dtype=torch.int64))
        )


def test_labels_and_rows_must_agree(evidence):
    with pytest.raises(ValueError, match="3 labels for 4 rows"):
        evidence({"dino": torch.ones(4, 6)}, torch.zeros(3, dtype=torch.int64))


def test_blocks_are_all_rows_in_order(evidence):
    features = torch.arange(10.0).reshape(5, 2)
    seen = list(evidence({"a": features.half()}, torch.zeros(5).long()).blocks(2))
    assert [len(block["a"]) for block in seen] == [2, 2, 1]
    assert torch.equal(torch.cat([block["a"] for block in seen]), features)


@pytest.mark.parametrize("name", TRANSFERRING)
def test_a_device_without_float64_suffices(build, features, name):
    student, teacher = features(THREE)
    with Metal():
        term = build(name, THREE, device=MPS)
        given = student.to(MPS).requires_grad_()
        value = term(given, {n: t.half().to(MPS) for n, t in teacher.items()})
        value.backward()
        assert value.device == MPS
    term = build(name, THREE)
    on_cpu = student.detach().requires_grad_()
    expected = term(on_cpu, {n: t.half() for n, t in teacher.items()})
    expected.backward()
    torch.testing.assert_close(value.cpu(), expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(given.grad.cpu(), on_cpu.grad, rtol=1e-4, atol=1e-5)


@pytest.mark.gpu
@pytest.mark.parametrize("name", TRANSFERRING)
def test_values_and_gradients_on_a_gpu_are_those_of_the_cpu(build, features, name):
    term = build(name, THREE, began=False)
    found = {}
    student, teacher = features(THREE)
    for device in ("cpu", "cuda"):
        term.to(device).zero_grad()
        given = student.detach().to(device).requires_grad_()
        value = term(given, {n: t.half().to(device) for n, t in teacher.items()})
        value.backward()
        gradients = [p.grad.cpu().clone() for p in (given, *term.parameters())]
        found[device] = [value.detach().cpu(), *gradients]
    for on_cpu, on_gpu in zip(found["cpu"], found["cuda"], strict=True):
        torch.testing.assert_close(on_gpu, on_cpu, rtol=1e-4, atol=1e-5)
