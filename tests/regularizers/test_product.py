"""AFT on products of two modalities, against the outer products themselves."""

import pytest
import torch
from torch import Tensor

from tutelage import kernel_distance
from tutelage.regularizers import KD, EachModality, FactorTransfer, ProductAFT
from tutelage.regularizers.product import product_kernel_distance

SIZES = [(3, 1, 1, 3, 2), (7, 4, 3, 5, 2), (24, 16, 12, 20, 28)]
WIDTHS = {"image": 4, "text": 3}
TEACHERS = {"bert": 5, "dino": 6, "llama": 2}
MODALITIES = {"bert": "text", "dino": "image", "llama": "text"}


def outer(first: Tensor, second: Tensor) -> Tensor:
    """Every product of two columns, as a column."""
    return (first[:, :, None] * second[:, None, :]).flatten(1)


def explicit(student: tuple[Tensor, Tensor], teacher: tuple[Tensor, Tensor]) -> Tensor:
    """The definition: products are built, centered, brought to unit length."""
    kernels = []
    for features in (outer(*student), outer(*teacher)):
        around = features - features.mean(dim=0)
        unit = around / (around.norm(dim=1, keepdim=True) + 1e-8)
        kernels.append(unit @ unit.T)
    return ((kernels[0] - kernels[1]).square().mean() + 1e-8).sqrt()


@pytest.mark.parametrize(("rows", "u", "v", "first", "second"), SIZES)
@pytest.mark.parametrize("shift", [0.0, 3.0])
def test_it_equals_the_outer_products(draw, rows, u, v, first, second, shift):
    parts = [(draw(rows, n) + shift).requires_grad_() for n in (u, v, first, second)]
    value = product_kernel_distance((parts[0], parts[1]), (parts[2], parts[3]))
    expected = explicit((parts[0], parts[1]), (parts[2], parts[3]))
    assert value.item() == pytest.approx(expected.item(), abs=1e-10)
    for got, wanted in zip(
        torch.autograd.grad(value, parts), torch.autograd.grad(expected, parts), strict=True
    ):
        assert (got - wanted).abs().max() < 1e-10


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_it_is_the_kernel_distance_of_the_products(draw, kernel):
    u, v, first, second = (draw(9, n) for n in (4, 3, 5, 2))
    value = product_kernel_distance((u, v), (first, second), kernel=kernel)
    expected = kernel_distance(outer(u, v), outer(first, second), kernel=kernel)
    assert value.item() == pytest.approx(expected.item(), abs=1e-10)


def test_large_means_cost_no_digits(draw):
    parts = [draw(32, n) + 100 * draw(1, n) for n in (64, 32, 48, 16)]
    exact = product_kernel_distance((parts[0], parts[1]), (parts[2], parts[3]))
    u, v, first, second = (part.float() for part in parts)
    assert product_kernel_distance((u, v), (first, second)).item() == pytest.approx(
        exact.item(), abs=2e-6
    )


def test_gradients_are_exact(draw):
    parts = [draw(6, n).requires_grad_() for n in (4, 3, 5, 2)]
    assert torch.autograd.gradcheck(
        lambda a, b, c, d: product_kernel_distance((a, b), (c, d)), parts
    )


@pytest.mark.parametrize("weights", ["diagonal", "identity", "dense"])
def test_teachers_of_a_modality_lie_side_by_side_under_their_weights(draw, weights):
    torch.manual_seed(0)
    transfer = ProductAFT(WIDTHS, TEACHERS, modalities=MODALITIES, weights=weights).double()
    with torch.no_grad():
        for parameter in transfer.parameters():
            parameter += draw(*parameter.shape)
    student = draw(8, 7)
    teacher = {name: draw(8, width) for name, width in TEACHERS.items()}
    image, text = teacher["dino"], torch.cat([teacher["bert"], teacher["llama"]], dim=1)
    if weights == "dense":
        image, text = image @ transfer.weights["image"].map, text @ transfer.weights["text"].map
    if weights == "diagonal":
        image = image * torch.sigmoid(transfer.weights["image"].scores)
        text = text * torch.sigmoid(transfer.weights["text"].scores)
    value = transfer(student, teacher)
    expected = explicit((student[:, :4], student[:, 4:]), (image, text))
    assert value.item() == pytest.approx(expected.item(), abs=1e-10)
    rho = transfer.column_weights()
    assert {name: len(weight) for name, weight in rho.items()} == TEACHERS
    if weights == "diagonal":
        assert torch.equal(rho["llama"], torch.sigmoid(transfer.weights["text"].scores)[5:])


def test_its_weights_learn_and_a_state_restores_them(draw):
    transfer = ProductAFT(WIDTHS, TEACHERS, modalities=MODALITIES)
    student = draw(8, 7, dtype=torch.float32)
    teacher = {n: draw(8, w, dtype=torch.float16) for n, w in TEACHERS.items()}
    optimizer = torch.optim.Adam(transfer.parameters(), lr=1e-2)
    before = transfer(student, teacher)
    for _ in range(20):
        optimizer.zero_grad()
        transfer(student, teacher).backward()
        optimizer.step()
    after = transfer(student, teacher)
    assert after < before
    fresh = ProductAFT(WIDTHS, TEACHERS, modalities=MODALITIES)
    fresh.load_state_dict(transfer.state_dict())
    assert torch.equal(fresh(student, teacher), after)


def test_autocast_changes_nothing(draw):
    transfer = ProductAFT(WIDTHS, TEACHERS, modalities=MODALITIES)
    student = draw(8, 7, dtype=torch.float32)
    teacher = {n: draw(8, w, dtype=torch.float16) for n, w in TEACHERS.items()}
    plain = transfer(student, teacher)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(transfer(student, teacher), plain)


def test_each_modality_on_its_own_is_the_mean_of_both(draw):
    torch.manual_seed(0)
    transfer = EachModality(KD, WIDTHS, TEACHERS, modalities=MODALITIES)
    student = draw(8, 7, dtype=torch.float32).requires_grad_()
    teacher = {n: draw(8, w, dtype=torch.float32) for n, w in TEACHERS.items()}
    image, text = transfer.terms["image"], transfer.terms["text"]
    expected = image(student[:, :4], teacher["dino"]) + text(
        student[:, 4:], {"bert": teacher["bert"], "llama": teacher["llama"]}
    )
    value = transfer(student, teacher)
    assert torch.equal(value, expected / 2)
    value.backward()
    assert (student.grad.abs().sum(dim=0) > 0).all()


def test_a_modality_without_a_teacher_adds_nothing(draw):
    transfer = EachModality(KD, WIDTHS, {"dino": 6}, modalities={"dino": "image"})
    student = draw(8, 7, dtype=torch.float32).requires_grad_()
    transfer(student, {"dino": draw(8, 6, dtype=torch.float32)}).backward()
    assert (student.grad[:, 4:] == 0).all()


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (
            lambda: ProductAFT(WIDTHS, {"dino": 6}, modalities={"dino": "image"}),
            "no teacher is of text; add one",
        ),
        (
            lambda: ProductAFT({"image": 4}, {"dino": 6}, modalities={"dino": "image"}),
            "two modalities",
        ),
        (
            lambda: ProductAFT(WIDTHS, {"dino": 6}, modalities={"dino": "images"}),
            "did you mean 'image'",
        ),
        (
            lambda: ProductAFT(WIDTHS, TEACHERS, modalities={"dino": "image"}),
            "modality of each of",
        ),
        (
            lambda: ProductAFT(WIDTHS, TEACHERS, modalities=MODALITIES, kernel="none"),
            "kernel must be one of linear, rbf, not 'none'",
        ),
        (
            lambda: EachModality(FactorTransfer, WIDTHS, TEACHERS, modalities=MODALITIES),
            "FactorTransfer learns from the training rows first",
        ),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_mistakes(build, says):
    with pytest.raises(ValueError, match=says):
        build()


@pytest.mark.usefixtures("unchecked")
def test_wrong_shapes(draw):
    transfer = ProductAFT(WIDTHS, TEACHERS, modalities=MODALITIES)
    teacher = {n: draw(8, w, dtype=torch.float32) for n, w in TEACHERS.items()}
    with pytest.raises(ValueError, match=r"\[batch, 7\] \(image: 4, text: 3\), got \(8, 6\)"):
        transfer(draw(8, 6, dtype=torch.float32), teacher)
    with pytest.raises(ValueError, match="expected teachers"):
        transfer(draw(8, 7, dtype=torch.float32), {"dino": teacher["dino"]})
    with pytest.raises(ValueError, match="by name"):
        transfer(draw(8, 7, dtype=torch.float32), list(teacher.values()))
    with pytest.raises(ValueError, match="same examples in the same order"):
        transfer(draw(9, 7, dtype=torch.float32), teacher)
    with pytest.raises(ValueError, match="at least two examples"):
        transfer(draw(1, 7, dtype=torch.float32), {n: t[:1] for n, t in teacher.items()})


@pytest.mark.parametrize("name", TEACHERS)
def test_teachers_that_are_not_finite_are_named(draw, name):
    term = ProductAFT(WIDTHS, TEACHERS, modalities=MODALITIES).double()
    teacher = {n: draw(8, width) for n, width in TEACHERS.items()}
    teacher[name][5, 0] = torch.inf
    with pytest.raises(ValueError, match=f"teacher '{name}' hold NaN or infinity, in row 5"):
        term(draw(8, 7), teacher)
