"""Factor transfer against its definition in plain floats, and how its paraphraser is trained."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from tutelage.regularizers import FactorTransfer

Layer = tuple[list[list[float]], list[float]]


def reference_layer(x: list[float], layer: Layer, *, relu: bool) -> list[float]:
    weight, bias = layer
    out = [
        sum(a * w for a, w in zip(x, row, strict=True)) + b
        for row, b in zip(weight, bias, strict=True)
    ]
    return [max(0.0, value) for value in out] if relu else out


def reference_unit(x: list[float]) -> list[float]:
    length = math.hypot(*x)
    return [value / length if length else 0.0 for value in x]


def reference_value(
    student: Tensor,
    teachers: list[Tensor],
    translator: list[Layer],
    paraphrasers: list[list[Layer]],
) -> float:
    """Row by row in plain floats; shares no code with the library."""
    total = 0.0
    for row, example in enumerate(student.tolist()):
        for number, layer in enumerate(translator):
            example = reference_layer(example, layer, relu=number < 2)
        wanted: list[float] = []
        for features, paraphraser in zip(teachers, paraphrasers, strict=True):
            factors = features[row].tolist()
            for layer in paraphraser:
                factors = reference_layer(factors, layer, relu=True)
            wanted += factors
        pairs = zip(reference_unit(example), reference_unit(wanted), strict=True)
        total += sum(abs(x - y) for x, y in pairs)
    return total / len(student)


def layers_of(term: FactorTransfer) -> tuple[list[Layer], list[list[Layer]]]:
    linear = [term.translator[number] for number in (0, 2, 4)]
    return (
        [(layer.weight.tolist(), layer.bias.tolist()) for layer in linear],
        [
            [(layer.weight.tolist(), layer.bias.tolist()) for layer in one]
            for one in term.paraphrasers
        ],
    )


def fill(term: FactorTransfer, numbers: Callable[..., Tensor]) -> FactorTransfer:
    """Set every weight and bias, as if it were prepared."""
    tensors = [p for layer in (0, 2, 4) for p in term.translator[layer].parameters()]
    tensors += [buffer for one in term.paraphrasers for buffer in one.buffers()]
    with torch.no_grad():
        for tensor in tensors:
            tensor.copy_(numbers(*tensor.shape))
    term.set_extra_state(torch.tensor(True))
    return term


@pytest.mark.parametrize(("student", "widths"), [(3, [4, 3]), (5, [8]), (2, [1])])
def test_it_is_its_definition(draw, student, widths):
    term = fill(FactorTransfer(student, widths).double(), draw)
    features, teachers = draw(6, student), [draw(6, width) for width in widths]
    expected = reference_value(features, teachers, *layers_of(term))
    assert term(features, teachers).item() == pytest.approx(expected, rel=1e-12)


def test_value_of_seeded_features_is_what_it_was():
    # Computed once by reference_value, from numbers any version of PyTorch repeats.
    term = FactorTransfer(4, [5]).double()
    with torch.no_grad():
        for number in range(3):
            linear = term.translator[2 * number]
            weight, bias = term.paraphrasers[0][number].buffers()
            for into, shift, wave in (
                (linear.weight, linear.bias, torch.sin),
                (weight, bias, torch.cos),
            ):
                grid = torch.arange(into.numel(), dtype=torch.float64) + number
                into.copy_(wave(grid).reshape(into.shape))
                shift.copy_(wave(number + 0.5 * torch.arange(len(shift)).double()))
    term.set_extra_state(torch.tensor(True))
    student = torch.arange(24, dtype=torch.float64).reshape(6, 4).sin()
    teacher = (2 * torch.arange(30, dtype=torch.float64)).reshape(6, 5).cos()
    assert term(student, teacher).item() == pytest.approx(1.402123463986346, rel=1e-12)


def test_at_first_the_translators_bias_alone_decides(draw):
    term = FactorTransfer(3, [8])
    last = term.translator[4]
    assert not last.weight.any()
    assert last.bias.any()
    term.set_extra_state(torch.tensor(True))
    student = draw(5, 3, dtype=torch.float32).requires_grad_()
    term(student, draw(5, 8, dtype=torch.float32)).backward()
    assert not student.grad.any()
    assert last.weight.grad.isfinite().all()
    assert last.bias.grad.isfinite().all()


def test_factors_are_half_the_teachers_columns_and_one_at_least():
    shapes = [FactorTransfer(3, [width]).paraphrasers[0][2].weight.shape for width in (1, 3, 8)]
    assert shapes == [(1, 1), (1, 1), (4, 4)]
    assert FactorTransfer(3, [8, 3, 1]).translator[4].out_features == 4 + 1 + 1


def held_and_trained(rows: list[list[int]], count: int) -> tuple[set[int], set[int]]:
    """Which rows ended an epoch, and which came before: the hold-out and what it trained on."""
    held = set(rows[-1])
    return held, {row for batch in rows for row in batch if row not in held}


def test_it_stops_on_held_out_training_rows_and_trains_on_the_others(draw, evidence):
    given = evidence({"dino": draw(50, 6).half()}, torch.zeros(50).long())
    FactorTransfer(3, {"dino": 6}, epochs=3).prepare(given)
    asked = given.teachers.asked
    assert [len(rows) for rows in asked] == [45, 5] * 3
    held, trained = held_and_trained(asked, 50)
    assert len(held) == 5
    assert held.isdisjoint(trained)
    assert held | trained == set(range(50))
    assert all(set(rows) == held for rows in asked[1::2])
    assert asked[0] != asked[2]  # reshuffled


def test_it_ends_when_held_out_rows_get_no_better_and_keeps_the_best(draw, evidence):
    labels = torch.zeros(50).long()
    trial = evidence({"dino": torch.ones(50, 6)}, labels)
    FactorTransfer(3, {"dino": 6}, epochs=1).prepare(trial)
    held, _ = held_and_trained(trial.teachers.asked, 50)
    contrary = torch.ones(50, 6)
    contrary[list(held)] = -1  # what the others teach is wrong here
    given = evidence({"dino": contrary}, labels)
    stopped = FactorTransfer(3, {"dino": 6})
    stopped.prepare(given)
    epochs = len(given.teachers.asked) // 2
    assert 11 <= epochs < 30
    best = FactorTransfer(3, {"dino": 6}, epochs=epochs - 10)
    best.prepare(evidence({"dino": contrary}, labels))
    learned = best.learned_state()
    assert len(learned) == 6
    for name, value in stopped.learned_state().items():
        assert torch.equal(value, learned[name])


def test_preparing_repeats_with_its_seed_and_leaves_the_global_state_alone(draw, evidence):
    features, labels = {"dino": draw(30, 6).float()}, torch.zeros(30).long()
    torch.manual_seed(5)
    before = torch.get_rng_state()
    terms = []
    for seed in (1, 1, 2):
        terms.append(FactorTransfer(3, {"dino": 6}, epochs=2))
        torch.manual_seed(5)
        terms[-1].prepare(evidence(features, labels, seed=seed))
        assert torch.equal(torch.get_rng_state(), before)
    first, again, other = (term.paraphrasers[0][0].weight for term in terms)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_each_teacher_has_the_paraphraser_that_it_has_alone(draw, evidence):
    features = {"dino": draw(30, 6).float(), "clip": 1e3 * draw(30, 4).float()}
    labels, widths = torch.zeros(30).long(), {"dino": 6, "clip": 4}
    together = FactorTransfer(3, widths, epochs=3)
    together.prepare(evidence(features, labels, seed=1))
    for name, paraphraser in zip(widths, together.paraphrasers, strict=True):
        alone = FactorTransfer(3, {name: widths[name]}, epochs=3)
        alone.prepare(evidence({name: features[name]}, labels, seed=1))
        expected = dict(alone.paraphrasers[0].named_buffers())
        assert expected
        for key, value in paraphraser.named_buffers():
            assert torch.equal(value, expected[key])


def test_the_paraphraser_keeps_what_the_teacher_varies_in(draw, evidence):
    """Factors of a trained paraphraser tell more about the features than those of a fresh one."""
    hidden = draw(300, 2, dtype=torch.float32)
    features = hidden @ draw(2, 12, dtype=torch.float32)
    unexplained = []
    for epochs in (1, 200):
        term = FactorTransfer(3, [12], epochs=epochs)
        term.prepare(evidence({"teacher0": features}, torch.zeros(300).long()))
        inputs = torch.cat([term.paraphrase(features), torch.ones(300, 1)], dim=1).double()
        fitted = inputs @ torch.linalg.lstsq(inputs, features.double(), driver="gelsd").solution
        unexplained.append((features - fitted).square().mean().item())
    assert unexplained[1] < 0.5 * unexplained[0]


def test_wrong_settings_are_named(evidence):
    with pytest.raises(ValueError, match="epochs must be positive, got 0"):
        FactorTransfer(3, [4], epochs=0)
    damaged = torch.ones(30, 4)
    damaged[7, 2] = torch.nan
    with pytest.raises(ValueError, match=r"'teacher0' learned nothing: .* look for NaN"):
        FactorTransfer(3, [4], epochs=2).prepare(
            evidence({"teacher0": damaged}, torch.zeros(30).long())
        )
    with pytest.raises(ValueError, match="two training rows or more"):
        FactorTransfer(3, [4]).prepare(
            evidence({"teacher0": torch.ones(1, 4)}, torch.zeros(1).long())
        )
