"""A memory of recent rows: the loss of each method by loops, what is remembered, and what is learned."""

import math
from itertools import product

import pytest
import torch
from torch import Tensor

from tutelage.errors import ConfigError
from tutelage.regularizers import CKA, RKD, AFTLoss, EachModality, ProductAFT
from tutelage.regularizers.catalogue import METHOD_NAMES, parse_method

STUDENT, TEACHER = {"image": 3, "text": 2}, {"dino": 4, "bert": 2}
SIDES = {"dino": "image", "bert": "text"}
ROWS = 6

Rows = list[list[float]]


def dot(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


def centered(rows: Rows) -> Rows:
    means = [sum(column) / len(rows) for column in zip(*rows, strict=True)]
    return [[x - m for x, m in zip(row, means, strict=True)] for row in rows]


def smooth_l1(a: list[float], b: list[float]) -> float:
    errors = [abs(x - y) for x, y in zip(a, b, strict=True)]
    return sum(e * e / 2 if e < 1 else e - 0.5 for e in errors) / len(errors)


def aft(student: Rows, teacher: Rows, batch: int, *, rbf: bool = False) -> float:
    def kernel(rows: Rows) -> list[float]:
        units = [[x / (math.hypot(*row) + 1e-8) for x in row] for row in centered(rows)]
        pairs = [(a, b) for a in units[:batch] for b in units]
        return [math.exp(-(math.dist(a, b) ** 2)) if rbf else dot(a, b) for a, b in pairs]

    pairs = zip(kernel(student), kernel(teacher), strict=True)
    squares = [(k - m) ** 2 for k, m in pairs]
    return math.sqrt(sum(squares) / len(squares) + 1e-8)


def cka(student: Rows, teacher: Rows, batch: int) -> float:
    left, right = (
        [dot(a, b) for a in rows[:batch] for b in rows]
        for rows in (centered(student), centered(teacher))
    )
    return 1 - dot(left, right) / math.sqrt(dot(left, left) * dot(right, right))


def rkd(student: Rows, teacher: Rows, batch: int) -> float:
    def distances(rows: Rows) -> list[float]:
        found = [math.dist(a, b) for a in rows[:batch] for b in rows]
        positive = [d for d in found if d > 0]
        return [d * len(positive) / sum(positive) for d in found]

    def angles(rows: Rows) -> list[float]:
        found = []
        for at in rows[:batch]:
            units = []
            for other in rows:
                length = math.dist(other, at)
                units.append(
                    [(x - y) / length if length else 0.0 for x, y in zip(other, at, strict=True)]
                )
            found += [dot(a, b) for a in units for b in units]
        return found

    distance = smooth_l1(distances(student), distances(teacher))
    return (distance + 2 * smooth_l1(angles(student), angles(teacher))) / 2


def of_products(student: Rows, teacher: Rows, batch: int) -> float:
    def outer(rows: Rows, first: int) -> Rows:
        return [[x * y for x, y in product(row[:first], row[first:])] for row in rows]

    return aft(outer(student, STUDENT["image"]), outer(teacher, TEACHER["dino"]), batch)


def of_each(student: Rows, teacher: Rows, batch: int) -> float:
    sides = ((slice(0, 3), slice(0, 4)), (slice(3, 5), slice(4, 6)))
    losses = [rkd([r[a] for r in student], [r[b] for r in teacher], batch) for a, b in sides]
    return sum(losses) / 2


METHODS = {
    "aft": (lambda: AFTLoss(5, TEACHER, weights="identity", memory=ROWS), aft),
    "aft-rbf": (
        lambda: AFTLoss(5, TEACHER, weights="identity", kernel="rbf", memory=ROWS),
        lambda *given: aft(*given, rbf=True),
    ),
    "cka": (lambda: CKA(5, TEACHER, memory=ROWS), cka),
    "rkd": (lambda: RKD(5, TEACHER, memory=ROWS), rkd),
    "product": (
        lambda: ProductAFT(STUDENT, TEACHER, modalities=SIDES, weights="identity", memory=ROWS),
        of_products,
    ),
    "each modality": (
        lambda: EachModality(
            lambda width, some: RKD(width, some, memory=ROWS), STUDENT, TEACHER, modalities=SIDES
        ),
        of_each,
    ),
}


@pytest.mark.parametrize("name", METHODS)
def test_losses_are_those_of_loops_over_the_batch_and_all_rows(draw, name):
    build, reference = METHODS[name]
    term = build().double()
    held: tuple[Rows, Rows] = [], []
    for batch in (4, 4, 3, 8):
        student = (draw(batch, 5) + 1).requires_grad_()
        teacher = {n: 3 * draw(batch, width) - 1 for n, width in TEACHER.items()}
        value = term(student, teacher)
        rows = student.tolist(), torch.cat(list(teacher.values()), dim=1).tolist()
        expected = reference(*(one + old for one, old in zip(rows, held, strict=True)), batch)
        assert value.item() == pytest.approx(expected, rel=1e-9)
        value.backward()
        assert student.grad.abs().sum() > 0
        held = tuple((one[-ROWS:] + old)[:ROWS] for one, old in zip(rows, held, strict=True))


@pytest.mark.parametrize("name", METHODS)
def test_gradients_are_exact_and_those_of_learned_weights_come_from_remembered_rows_too(draw, name):
    term = METHODS[name][0]().double()
    if name in ("aft", "product"):  # with learned weights
        learned = AFTLoss(5, TEACHER, memory=ROWS)
        term = (
            learned
            if name == "aft"
            else ProductAFT(STUDENT, TEACHER, modalities=SIDES, memory=ROWS)
        ).double()
    teacher = {n: draw(4, width) for n, width in TEACHER.items()}
    term(draw(4, 5).requires_grad_(), {n: draw(4, width) for n, width in TEACHER.items()})
    term.eval()  # so that nothing more is remembered

    def value(student: Tensor, *parameters: Tensor) -> Tensor:
        return term(student, teacher)

    assert torch.autograd.gradcheck(value, (draw(4, 5).requires_grad_(), *term.parameters()))


def test_a_batch_is_remembered_in_training_alone(draw):
    term = AFTLoss(3, [2], memory=5)
    student, teacher = draw(3, 3, dtype=torch.float32), draw(3, 2, dtype=torch.float32)
    term(student, teacher)
    with torch.no_grad():
        term(student.clone().requires_grad_(), teacher)
    term.eval()(student.clone().requires_grad_(), teacher)
    assert term.memory.filled == 0
    term.train()(student.clone().requires_grad_(), teacher.half())
    assert term.memory.filled == 3
    assert not term.memory.student.requires_grad
    assert torch.equal(term.memory.student[:3], student)
    term(student.clone().requires_grad_().bfloat16(), teacher)
    assert term.memory.filled == 5


@pytest.mark.parametrize("name", METHODS)
def test_a_refused_batch_is_not_remembered(draw, name):
    term, plain = METHODS[name][0]().double(), METHODS[name][0]().double()
    student = draw(4, 5).requires_grad_()
    teacher = {n: draw(4, width) for n, width in TEACHER.items()}
    damaged = {n: one.clone() for n, one in teacher.items()}
    damaged["dino"][1, 0] = torch.nan
    with pytest.raises(ValueError, match="'dino' hold NaN or infinity"):
        term(student, damaged)
    assert term(student, teacher).item() == pytest.approx(plain(student, teacher).item())


def test_a_state_restores_the_memory(draw):
    kept, fresh = AFTLoss(3, [2], memory=8), AFTLoss(3, [2], memory=8)
    student, teacher = draw(4, 3, dtype=torch.float32), draw(4, 2, dtype=torch.float32)
    kept(student.clone().requires_grad_(), teacher)
    state = kept.state_dict()
    assert all(isinstance(value, Tensor) for value in state.values())
    fresh.load_state_dict(state)
    assert torch.equal(fresh(student + 1, teacher), kept(student + 1, teacher))
    assert fresh.memory.filled == 4
    assert list(AFTLoss(3, [2]).state_dict()) == ["weights.scores"], "older checkpoints are read"


def test_methods_that_look_at_rows_one_by_one_are_refused_by_name():
    remembering = [name for name in METHOD_NAMES if parse_method(name).remembers]
    assert remembering == [
        "aft", "rkd", "cka", "aft-identity", "aft-dense", "aft-rbf", "aft-turned",
    ]  # fmt: skip
    for name in METHOD_NAMES:
        method = parse_method(name)
        method.refuse_memory(0)
        if method.remembers or not method.has_transfer_term:
            method.refuse_memory(64)
            continue
        reason = "updates weights several times" if name == "aft-bilevel" else "one by one"
        with pytest.raises(
            ConfigError, match=f"memory = 64 is for .*aft, rkd, cka.* {name} .*{reason}"
        ):
            method.refuse_memory(64)
    with pytest.raises(ConfigError, match="RelationalRegularizer"):
        parse_method("tutelage.regularizers.kd:KD").refuse_memory(64)


@pytest.mark.usefixtures("unchecked")
def test_memories_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="0 or more, got -1"):
        CKA(2, [2], memory=-1)
    with pytest.raises(ValueError, match="inner_steps = 2 and memory = 4"):
        AFTLoss(2, [2], memory=4, inner_steps=2)
