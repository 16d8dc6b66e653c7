"""The head's start: a linear probe on the student's own features, before it is fine-tuned."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Literal

import torch
from accelerate import Accelerator
from jaxtyping import Float
from torch import Tensor, nn

from tutelage.config import StudentConfig
from tutelage.data import Modality
from tutelage.errors import DataError, StudentError
from tutelage.experiment.plan import Plan
from tutelage.experiment.runtime import Runtime
from tutelage.probes import LinearProbe, fit_probe, probe_holdout
from tutelage.students import Student
from tutelage.students.head import find_head
from tutelage.tap import FeatureTap
from tutelage.training.batches import BatchSource
from tutelage.training.inference import forward_pass

__all__ = ["Head", "head_of", "is_unknown", "start_head", "steepness"]

Head = Literal["probe", "random"]

STEEP = 500.0
"""Steepness of a probe from which on ``head = "auto"`` leaves it: see ``steepness``."""
RIDGE = 1e-6
"""Share of the features' mean energy that is added where a bias is read off the features."""


def head_of(settings: StudentConfig, *, modality: Modality) -> Head:
    """Return how the head begins; ``"auto"`` is from a probe where weights are known to be pre-trained."""
    if settings.head != "auto":
        return settings.head
    pretrained = settings.params.get("weights", "pretrained") != "random"
    known = pretrained and not is_unknown(settings)
    return "probe" if known and modality != "image+text" else "random"


def is_unknown(settings: StudentConfig) -> bool:
    """Whether it cannot be known if the student is pre-trained: a module of the user's own."""
    return settings.source.startswith("python:")


def start_head(
    plan: Plan,
    student: Student,
    batches: BatchSource,
    *,
    accelerator: Accelerator,
    runtime: Runtime,
) -> Head:
    """Set the student's head to a linear probe on its own features of the training rows.

    The probe's penalty is chosen on a hold-out of these rows, and its standardization folded into
    the head:

        W ← W_probe / scale,    b ← b_probe - W mean

    so that the student begins with the probe's outputs. A head without a bias reads the offset from
    the direction of the features in which they are most nearly constant. Nothing is drawn from the
    global random state.

    Args:
        plan: The student's settings, the labels and the task.
        student: Its head is changed in place.
        batches: The training rows, not augmented.
        accelerator: Device and precision of the student.
        runtime: Device of the probe, and progress.

    Returns:
        How the head begins: ``"random"`` where it is left as it was built.

    Raises:
        DataError: If a probe is asked for, and a class has a single row.
        StudentError: If a probe is asked for, and the outputs do not come from a linear layer.

    Source:
        Kumar et al. 2022, arXiv 2202.10054: linear probing, then fine-tuning.
    """
    settings = plan.config.student
    assert settings is not None
    if head_of(settings, modality=plan.data.modality) == "random":
        return "random"
    try:
        _start(plan, student, batches, accelerator=accelerator, runtime=runtime)
    except (DataError, StudentError) as error:
        if settings.head == "probe":
            raise type(error)(f"student.head = 'probe': {error}") from error
        runtime.progress.note(f"the student's head begins at random, not from a probe: {error}")
        return "random"
    return "probe"


@torch.no_grad()
def _start(
    plan: Plan,
    student: Student,
    batches: BatchSource,
    *,
    accelerator: Accelerator,
    runtime: Runtime,
) -> None:
    size = plan.config.train.batch_size
    with _reading_head(student, accelerator.device) as tap:
        layer = _linear(tap, outputs=plan.task.outputs)
        features = torch.empty(len(batches), tap.width or 0)
        with runtime.progress.track("probe of the student", len(batches), unit="rows") as update:
            for batch in forward_pass(student, batches, batch_size=size, accelerator=accelerator):
                read = batch.features if tap is student.tap else tap.take()
                features[batch.rows] = read.float()
                update(batch.rows.stop)
        probe = _fitted(plan, features, runtime)
        assert plan.config.student is not None
        if (times := steepness(probe, features)) > STEEP and plan.config.student.head == "auto":
            raise StudentError(
                "the probe reads differences that are small beside the features: a change of these by "
                f"1 % may move its outputs by {times / 100:.0f} standard deviations, so that the first "
                "steps would undo it (student.head = 'probe' takes it nevertheless)"
            )
        _fold(probe, layer, plan, features)


@contextmanager
def _reading_head(student: Student, device: torch.device) -> Iterator[FeatureTap]:
    """The tap of the layer that gives the outputs: the student's own, or, where that reads another
    layer, one for this block."""

    def outputs(batch: Mapping[str, Tensor]) -> Tensor:
        values = student.outputs({name: value.to(device) for name, value in batch.items()})
        student.tap.clear()
        return values

    head = find_head(student.model, outputs, student.input)
    if not bool((head.values == head.outputs).all(dim=1).any()):
        raise StudentError(
            f"the outputs of {type(student.model).__name__} are not those of its last layer {head.path!r}, "
            "but changed after it"
        )
    if head.path == student.tap.path:
        yield student.tap
        return
    with FeatureTap(student.model, head.path) as tap:
        yield tap


def _linear(tap: FeatureTap, *, outputs: int) -> nn.Linear | nn.Conv2d:
    """The layer, if it is linear in what it reads."""
    layer = tap.layer
    if isinstance(layer, nn.Linear) and layer.out_features == outputs:
        return layer
    if isinstance(layer, nn.Conv2d) and layer.kernel_size == (1, 1) and layer.groups == 1:
        return layer
    raise StudentError(
        f"the outputs come from {tap.path!r}, a {type(layer).__name__}, not from a linear layer"
    )


def _fitted(plan: Plan, features: Float[Tensor, "rows width"], runtime: Runtime) -> LinearProbe:
    """The probe of the training rows; a hold-out of them chooses its penalty."""
    labels, task, seed = plan.training.labels, plan.task, plan.config.data.split_seed
    chosen = probe_holdout(features, labels, task=task, seed=seed, device=runtime.device)
    return fit_probe(features, labels, task=task, c=chosen.c, device=runtime.device)


def steepness(probe: LinearProbe, features: Float[Tensor, "rows width"]) -> float:
    """Return how much faster a probe's outputs change than the features that it reads, at most.

        mean_k  |w_k| rms |x| / std(x · w_k)

    over outputs ``k``, with ``w`` the weights for features as they are: a change of all features by a
    share ``e`` of their length moves an output by up to ``e`` times this many of its deviations over the
    rows. It is about 1 where an output is the length of the features, and large where it is a difference
    between near rows, or rests on a column that is nearly constant.

    Args:
        probe: Fitted on the features.
        features: Of the training rows.

    Example:
        >>> rows = torch.tensor([[9.0, -1.0], [9.0, 1.0]])
        >>> probe = LinearProbe(
        ...     weight=torch.tensor([[0.0, 2.0]]),
        ...     bias=torch.zeros(1),
        ...     mean=torch.tensor([9.0, 0.0]),
        ...     scale=torch.ones(2),
        ... )
        >>> round(steepness(probe, rows), 2)  # |x| is 9.06, and the deviation of x · w 2
        9.06
    """
    weight = probe.weight.double() / probe.scale.double()
    spread = (features.double() @ weight.T).std(dim=0, correction=0)
    length = features.double().square().sum(dim=1).mean().sqrt()
    return float((weight.norm(dim=1) * length / spread)[spread > 0].mean().nan_to_num())


def _fold(
    probe: LinearProbe,
    layer: nn.Linear | nn.Conv2d,
    plan: Plan,
    features: Float[Tensor, "rows width"],
) -> None:
    """Write a probe on standardized features into a layer that reads the features as they are."""
    weight = probe.weight.double() / probe.scale.double()
    bias = probe.bias.double() - weight @ probe.mean.double()
    if (scaling := plan.task.scaling) is not None:  # the student learns standardized targets
        std = weight.new_tensor(scaling.std)
        weight, bias = weight / std[:, None], scaling.standardize(bias)
    if layer.bias is None:
        if plan.task.labels_are_classes:  # a constant in all logits of a row changes nothing
            bias = bias - bias.mean()
        weight = weight + bias[:, None] * _constant_direction(features.double())
    else:
        layer.bias.copy_(bias)
    layer.weight.copy_(weight.reshape(layer.weight.shape))


def _constant_direction(features: Float[Tensor, "rows width"]) -> Float[Tensor, " width"]:
    """Return ``v`` for which ``x · v`` is as near to 1 as possible for all rows.

    minimize  mean_i (x_i · v - 1)² + λ |v|²
    """
    gram = features.T @ features / len(features)
    ridge = RIDGE * gram.diagonal().mean()
    gram.diagonal().add_(ridge)
    direction: Tensor = torch.linalg.solve(gram, features.mean(dim=0))
    return direction
