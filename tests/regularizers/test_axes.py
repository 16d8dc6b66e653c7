"""AFT in the axes of a probe, against its definition in plain floats, and how it turns."""

import math

import pytest
import torch
from torch import Tensor

from tutelage import AFTLoss
from tutelage.regularizers import ProductAFT
from tutelage.regularizers.axes import probe_axes
from tutelage.tasks.labels import UNLABELLED

WIDTHS = {"dino": 7, "clip": 4}


def reference_map(term: AFTLoss, row: list[float]) -> list[float]:
    """``σψP + ρ(ψ - ψP)`` of one row, teacher by teacher and number by number."""
    mapped: list[float] = []
    first = 0
    for number, width in enumerate(WIDTHS.values()):
        part = row[first : first + width]
        axes = term.weights.axes[first : first + width].tolist()
        inside, rest = (1 / (1 + math.exp(-s)) for s in term.weights.scores[number].tolist())
        span = [sum(x * axis[j] for x, axis in zip(part, axes, strict=True)) for j in range(3)]
        for x, axis in zip(part, axes, strict=True):
            projected = sum(s * u for s, u in zip(span, axis, strict=True))
            mapped.append(inside * projected + rest * (x - projected))
        first += width
    return mapped


def reference_cosines(rows: list[list[float]]) -> list[list[float]]:
    means = [sum(column) / len(rows) for column in zip(*rows, strict=True)]
    rows = [[x - mean for x, mean in zip(row, means, strict=True)] for row in rows]
    lengths = [math.sqrt(sum(x * x for x in row)) + 1e-8 for row in rows]
    return [
        [sum(x * y for x, y in zip(a, b, strict=True)) / n / m for b, m in zip(rows, lengths, strict=True)]
        for a, n in zip(rows, lengths, strict=True)
    ]  # fmt: skip


@pytest.fixture
def classified(draw) -> tuple[dict[str, Tensor], Tensor]:
    """Teachers' features of rows of three classes, of which a few columns tell."""
    labels = torch.arange(60) % 3
    told = torch.eye(3).double()[labels]
    dino, clip = draw(60, 7) + 3, 2 * draw(60, 4)
    dino[:, :3] += 2 * told
    clip[:, :2] -= told[:, :2]
    return {"dino": dino, "clip": clip}, labels


@pytest.fixture
def turned(classified, evidence):
    """AFT in the axes of the probe of three classes, with weights that are not those of the start."""

    def built(features: dict[str, Tensor] = classified[0], labels: Tensor = classified[1]):
        term = AFTLoss(5, WIDTHS, axes="probe", classes=3).double()
        term.prepare(evidence(features, labels))
        generator = torch.Generator().manual_seed(3)
        with torch.no_grad():
            term.weights.scores.copy_(torch.randn(2, 2, generator=generator))
        return term

    return built


def side_by_side(features: dict[str, Tensor]) -> Tensor:
    return torch.cat(list(features.values()), dim=1)


def test_it_is_its_definition(turned, classified, draw):
    term, student = turned(), draw(9, 5)
    teacher = side_by_side(classified[0])[:9]
    own = reference_cosines(student.tolist())
    theirs = reference_cosines([reference_map(term, row) for row in teacher.tolist()])
    squares = [
        (a - b) ** 2
        for line, other in zip(own, theirs, strict=True)
        for a, b in zip(line, other, strict=True)
    ]
    expected = math.sqrt(sum(squares) / 81 + 1e-8)
    assert term(student, teacher).item() == pytest.approx(expected, rel=1e-10)
    student.requires_grad_()
    assert torch.autograd.gradcheck(lambda s, _: term(s, teacher), (student, term.weights.scores))


def test_axes_span_the_weights_of_the_bayesian_probe(classified, evidence, reference_evidences):
    features, labels = classified
    targets = torch.eye(3).double()[labels]
    for name, rows in features.items():
        axes = probe_axes(evidence(features, labels), teacher=name)
        _, means = reference_evidences(rows - rows.mean(0), targets - targets.mean(0))
        weights = torch.tensor(means).double()
        weights -= weights.mean(dim=0)
        assert torch.allclose(axes.T @ axes, torch.eye(axes.shape[1]).double(), atol=1e-12)
        # The evidence reads float32 rows.
        assert torch.allclose(weights @ axes @ axes.T, weights, atol=1e-5 * weights.norm())
        assert axes.shape[1] == torch.linalg.matrix_rank(weights, rtol=1e-6)


def test_weights_start_at_095_in_the_span_and_at_005_outside(classified, evidence):
    term = AFTLoss(5, WIDTHS, axes="probe", classes=3)
    assert torch.allclose(term.weights.scores.sigmoid(), torch.tensor([0.95, 0.05]).expand(2, 2))
    assert [name for name, _ in term.named_parameters()] == ["weights.scores"]


def test_turned_features_give_the_same_value_and_gradients_and_do_not_without_the_axes(
    turned, classified, draw
):
    features, labels = classified
    turns = {name: torch.linalg.qr(draw(w, w))[0] for name, w in WIDTHS.items()}
    rotated = {name: rows @ turns[name] for name, rows in features.items()}
    student = draw(20, 5)
    values, gradients, plain = [], [], []
    for rows in (features, rotated):
        term = turned(rows, labels)
        batch = {name: columns[:20] for name, columns in rows.items()}
        given = student.clone().requires_grad_()
        value = term(given, batch)
        values.append(value.item())
        gradients.append(torch.autograd.grad(value, (given, term.weights.scores)))
        usual = AFTLoss(5, WIDTHS).double()
        with torch.no_grad():
            usual.weights.scores.copy_(torch.linspace(-3, 3, 11))
        plain.append(usual(student, batch).item())
    assert values[0] == pytest.approx(values[1], rel=1e-5)
    for one, other in zip(*gradients, strict=True):
        assert torch.allclose(one, other, rtol=1e-3, atol=1e-6)
    assert plain[0] != pytest.approx(plain[1], rel=1e-3)


def test_column_weights_are_lengths_of_mapped_unit_vectors(turned):
    term = turned()
    lengths = [
        math.hypot(*reference_map(term, [float(i == j) for j in range(11)])) for i in range(11)
    ]
    weights = term.column_weights()
    assert {name: len(weight) for name, weight in weights.items()} == WIDTHS
    assert side_by_side({n: w[None] for n, w in weights.items()})[0].tolist() == pytest.approx(
        lengths, rel=1e-6
    )


def test_columns_that_the_task_does_not_need_start_low(draw, evidence):
    labels = torch.arange(300) % 3
    rows = 3 * draw(300, 40)
    rows[:, :3] = torch.eye(3)[labels] + 0.3 * draw(300, 3)
    term = AFTLoss(5, {"dino": 40}, axes="probe", classes=3)
    term.prepare(evidence({"dino": rows}, labels))
    rho = term.column_weights()["dino"]
    assert rho[:3].min() > 0.7
    assert rho[3:].max() < 0.5 * rho[:3].min()


@pytest.mark.parametrize(
    ("labels", "axes"),
    [
        (torch.arange(60) % 2, 1),
        (torch.arange(60) % 3, 2),
        (torch.arange(60).double()[:, None], 1),
        (torch.stack([torch.arange(60) % 2, torch.arange(60) % 3 == 0], dim=1).float(), 2),
        (torch.arange(60) % 9, 7),
    ],
    ids=["two classes", "three classes", "target", "two labels", "more classes than columns"],
)
def test_every_task_has_axes(classified, evidence, draw, labels, axes):
    features, _ = classified
    classes = labels.shape[1] if labels.ndim > 1 else int(labels.max()) + 1
    term = AFTLoss(5, WIDTHS, axes="probe", classes=classes)
    term.prepare(evidence(features, labels, classes=classes))
    used = (term.weights.axes[:7].norm(dim=0) > 0).sum().item()
    assert used == axes
    assert term(draw(60, 5).float(), features).isfinite()


def test_rows_without_a_label_do_not_count_and_a_missing_one_is_its_mean(evidence, draw):
    rows = draw(40, 6)
    labels = (rows[:, :2] > 0).float()
    more = torch.cat([rows, 9 + draw(20, 6)])
    none = torch.cat([labels, torch.full((20, 2), math.nan)])
    axes = probe_axes(evidence({"dino": rows}, labels, classes=2), teacher="dino")
    same = probe_axes(evidence({"dino": more}, none, classes=2), teacher="dino")
    assert torch.equal(axes, same)
    numbers = torch.cat([labels[:, 0].long(), torch.full((20,), UNLABELLED)])
    alone = probe_axes(evidence({"dino": rows}, numbers[:40], classes=2), teacher="dino")
    beside = probe_axes(evidence({"dino": more}, numbers, classes=2), teacher="dino")
    assert torch.equal(alone, beside)
    partly, filled = labels.clone(), labels.clone()
    partly[:10, 1] = math.nan
    filled[:10, 1] = labels[10:, 1].mean()
    for given, expected in ((partly, filled),):
        found, wanted = (
            probe_axes(evidence({"dino": rows}, y, classes=2), teacher="dino")
            for y in (given, expected)
        )
        assert torch.allclose(found @ found.T, wanted @ wanted.T, atol=1e-6)


def test_constant_features_have_no_axes(evidence, draw):
    rows = {"dino": draw(30, 3), "flat": torch.full((30, 4), 0.1).double()}
    labels = torch.arange(30) % 3
    assert probe_axes(evidence(rows, labels), teacher="flat").shape == (4, 0)
    term = AFTLoss(5, {"dino": 3, "flat": 4}, axes="probe", classes=3)
    term.prepare(evidence(rows, labels))
    assert term(draw(30, 5).float(), rows).isfinite()


def test_learned_axes_are_restored(turned, classified, draw):
    term, student = turned(), draw(12, 5)
    fresh = AFTLoss(5, WIDTHS, axes="probe", classes=3).double()
    fresh.load_learned_state(term.learned_state())
    with torch.no_grad():
        fresh.weights.scores.copy_(term.weights.scores)
    teacher = side_by_side(classified[0])[:12]
    assert torch.equal(fresh(student, teacher), term(student, teacher))


def test_the_given_axes_are_the_default_to_the_bit(draw, evidence):
    default, given = AFTLoss(5, WIDTHS), AFTLoss(5, WIDTHS, axes="given", classes=3)
    rows = {name: draw(30, width) for name, width in WIDTHS.items()}
    given.prepare(evidence(rows, torch.arange(30) % 3))
    assert given.learns_from == "nothing"
    assert given.learned_state() == {}
    assert list(given.state_dict()) == list(default.state_dict()) == ["weights.scores"]
    student = draw(30, 5)
    assert torch.equal(given(student, rows), default(student, rows))


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"axes": "principal"}, "axes must be one of given, probe, not 'principal'"),
        ({"axes": "probe"}, "needs the number of classes"),
        ({"axes": "probe", "classes": 0}, "needs the number of classes.*got 0"),
        ({"axes": "probe", "classes": 3, "weights": "dense"}, "weights = 'dense' cannot be"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_settings_that_cannot_be_are_refused(settings, says):
    with pytest.raises(ValueError, match=says):
        AFTLoss(5, WIDTHS, **settings)


def test_evidence_that_cannot_be_is_refused(evidence, draw, classified):
    features, labels = classified
    term = AFTLoss(5, WIDTHS, axes="probe", classes=3)
    with pytest.raises(RuntimeError, match=r"call prepare\(evidence\) before training"):
        term(draw(60, 5).float(), features)
    with pytest.raises(ValueError, match="expected teachers"):
        term.prepare(evidence({"dino": features["dino"]}, labels))
    with pytest.raises(ValueError, match="expected 3 classes, got 4"):
        term.prepare(evidence(features, labels, classes=4))
    with pytest.raises(ValueError, match=r"need labelled training rows.*set axes = 'given'"):
        term.prepare(evidence(features, torch.full((60,), UNLABELLED)))


def test_products_of_two_modalities_keep_the_given_axes():
    with pytest.raises(ValueError, match=r"for students of one modality.*image and text"):
        ProductAFT(
            {"image": 4, "text": 3}, WIDTHS, modalities={"dino": "image", "clip": "text"}, axes="probe"
        )  # fmt: skip
