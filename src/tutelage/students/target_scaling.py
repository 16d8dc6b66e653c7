"""Folding of target scaling into the last layer, so that a student predicts in target units."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tutelage.errors import StudentError
from tutelage.inputs import empty_batch
from tutelage.students.base import Student, evaluating
from tutelage.tasks import TargetScaling

__all__ = ["fold_target_scaling", "output_layer"]


def output_layer(student: Student) -> nn.Linear | nn.Bilinear:
    """Return the linear or bilinear layer whose outputs are the model's.

    Raises:
        StudentError: If the outputs are not those of such a layer with a bias.
    """
    seen: list[tuple[nn.Linear | nn.Bilinear, Tensor]] = []

    def note(layer: nn.Module, _: object, output: Tensor) -> None:
        assert isinstance(layer, nn.Linear | nn.Bilinear)
        seen.append((layer, output.detach()))

    layers = [m for m in student.model.modules() if isinstance(m, nn.Linear | nn.Bilinear)]
    hooks = [layer.register_forward_hook(note) for layer in layers]
    try:
        outputs = _on_an_empty_row(student)
    finally:
        for hook in hooks:
            hook.remove()
    for layer, output in reversed(seen):
        if layer.out_features != outputs.shape[1] or layer.bias is None:
            continue
        rows = output.reshape(-1, layer.out_features)
        if (rows == outputs).all(dim=1).any():
            return layer
    raise StudentError(
        f"the outputs of {type(student.model).__name__} do not come straight from a linear layer with a "
        "bias; regression needs one, whose weights bring predictions into the targets' units: let the "
        "model end with torch.nn.Linear"
    )


@torch.no_grad()
def fold_target_scaling(student: Student, scaling: TargetScaling) -> None:
    """Change a student of standardized targets so that it predicts in the targets' units.

        W ← diag(std) W,    b ← std b + mean    of the layer that gives the outputs

    The saved model then needs no information about its training.

    Args:
        student: The student; it is changed in place, and left in evaluation mode.
        scaling: Mean and standard deviation of each target.

    Raises:
        StudentError: If there is no such layer, or others share its weights.
    """
    layer = output_layer(student)
    before = _on_an_empty_row(student)
    std = layer.weight.new_tensor(scaling.std)
    layer.weight.mul_(std.view(-1, *[1] * (layer.weight.ndim - 1)))
    layer.bias.copy_(scaling.to_units(layer.bias.cpu().double()))
    wanted = scaling.to_units(before)
    if not torch.allclose(
        _on_an_empty_row(student), wanted, rtol=1e-3, atol=1e-3 * max(scaling.std)
    ):
        raise StudentError(
            f"the last layer of {type(student.model).__name__} is used elsewhere in the model too, so its "
            "outputs cannot be brought into the targets' units; give it its own layer"
        )


@torch.no_grad()
def _on_an_empty_row(student: Student) -> Float[Tensor, "1 outputs"]:
    device = next(student.model.parameters()).device
    row = {name: value.to(device) for name, value in empty_batch(student.input).items()}
    with evaluating(student.model):
        outputs = student.outputs(row)
    student.tap.take()
    return outputs
