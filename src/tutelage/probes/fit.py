"""Fit a linear probe, a regression on standardized features, at a given penalty."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float32, Int64, Shaped
from torch import Tensor

from tutelage.cache.table import FeatureTable, as_table, block_count, blocks, select, total_width
from tutelage.errors import ConfigError, DataError
from tutelage.probes.criteria import criterion_of
from tutelage.probes.curvature import Curvature, parts
from tutelage.probes.descent import minimize
from tutelage.probes.labelled import labelled_rows
from tutelage.probes.standardize import StandardizedRows
from tutelage.tasks import Task

__all__ = ["LinearProbe", "ProbeProblem", "fit_probe"]

TOLERANCE = 5e-5


@dataclass(frozen=True, eq=False)
class LinearProbe:
    """A linear model on standardized features: logits of classes or labels, or targets in their units.

        outputs = ((x - mean) / scale) Wᵀ + b

    Attributes:
        weight: ``W``.
        bias: ``b``.
        mean: Of each column, over the rows that it was fitted on.
        scale: Deviation of each column over its weight; infinite where the weight is 0.
    """

    weight: Float32[Tensor, "outputs width"]
    bias: Float32[Tensor, " outputs"]
    mean: Float32[Tensor, " width"]
    scale: Float32[Tensor, " width"]

    @classmethod
    def beside(cls, probes: "Sequence[LinearProbe]") -> "LinearProbe":
        """Return the probe of all their columns side by side that gives the mean of their outputs.

        Example:
            >>> one = LinearProbe(
            ...     weight=torch.ones(1, 2),
            ...     bias=torch.ones(1),
            ...     mean=torch.zeros(2),
            ...     scale=torch.ones(2),
            ... )
            >>> LinearProbe.beside([one, one]).outputs(torch.tensor([[1.0, 2.0, 3.0, 4.0]]))
            tensor([[6.]])
        """
        return cls(
            weight=torch.cat([probe.weight for probe in probes], dim=1) / len(probes),
            bias=torch.stack([probe.bias for probe in probes]).mean(dim=0),
            mean=torch.cat([probe.mean for probe in probes]),
            scale=torch.cat([probe.scale for probe in probes]),
        )

    def outputs(
        self, features: Float[Tensor, "rows width"] | FeatureTable
    ) -> Float32[Tensor, "rows outputs"]:
        """Return each row's outputs, on the CPU; features are read block by block.

        Raises:
            DataError: If the features have another width, or one is not finite.
        """
        rows = as_table(features)
        if total_width(rows) != len(self.mean):
            raise DataError(
                f"the probe was fitted on {len(self.mean)} columns, and these rows have "
                f"{total_width(rows)}"
            )
        outputs = torch.empty(len(rows), len(self.bias))
        for place, block in blocks(rows):
            columns = block.to(self.mean, copy=True).sub_(self.mean).div_(self.scale)
            torch.addmm(self.bias, columns, self.weight.T, out=outputs[place])
        if not bool((finite := outputs.isfinite().all(dim=1)).all()):
            raise DataError(
                f"features must be finite numbers, but row {int((~finite).nonzero()[0])} has others"
            )
        return outputs

    def predict(
        self, features: Float[Tensor, "rows width"] | FeatureTable
    ) -> Int64[Tensor, " rows"]:
        """Return the class of the greatest logit in each row."""
        return self.outputs(features).argmax(dim=1)


def fit_probe(
    rows: Float[Tensor, "rows width"] | FeatureTable,
    labels: Shaped[Tensor, "rows ..."],
    *,
    task: Task,
    c: float,
    weights: Float[Tensor, " width"] | None = None,
    start: LinearProbe | None = None,
    device: torch.device | None = None,
) -> LinearProbe:
    """Fit a linear model on standardized features.

    With ``z`` the columns at mean 0 and deviation 1 over the labelled rows, times their weights,

        minimize  c · sum_i L(y_i, W z_i + b)  +  |W|² / 2

    to within about 1e-4 of the least value; the intercept ``b`` is not penalized. By task, ``L`` is

        single-label:  CE(y, softmax)
        multi-label:   sum_j BCE(y_j, sigmoid)    over the labels that are known
        regression:    sum_j (y_j - x_j)² / 2     over the targets that are known

    This is what scikit-learn's ``LogisticRegression(C=c)`` minimizes for three classes or more, and
    for each label; for two classes it penalizes one vector instead of two, and ``C=2 * c`` gives the
    same probe. For each target it is ``Ridge(alpha=1 / c)``.

    A pass over the rows costs two matrix products in float32, block by block; five to forty are
    needed, the more the larger ``c``. Standardized features up to 2 GiB, and up to a quarter of the
    free memory, are held on the device between passes, larger ones are read again: memory is bounded
    whatever the number of rows.

    Args:
        rows: Features: a matrix, or a table, whose teachers' columns are read side by side.
        labels: Class numbers; or a column each label or target. Those that are not known are left out.
        task: The task; ``SingleLabel.numbered(10)`` for labels from 0 to 9.
        c: Inverse strength of the penalty, above 0.
        weights: What each standardized column is multiplied by (``rho`` of the weighted probe); 1
            where None.
        start: A probe to begin from, of the same shape: fewer passes, the same result.
        device: Device of the passes; by default the accelerator if there is one, else the CPU.

    Raises:
        DataError: If labels do not match the rows, a class has none, or a feature is not finite.
        ConfigError: If ``c`` or a weight is out of range.

    Source:
        Qiu et al. 2024, arXiv 2406.07337, section 5: linear and weighted linear probes.

    Example:
        >>> from tutelage.tasks import SingleLabel
        >>> rows, labels = torch.tensor([[-3.0], [-1.0], [1.0], [3.0]]), torch.tensor([0, 0, 1, 1])
        >>> probe = fit_probe(rows, labels, task=SingleLabel.numbered(2), c=1.0)
        >>> probe.predict(torch.tensor([[-2.0], [0.5]]))
        tensor([0, 1])
    """
    problem = ProbeProblem(rows, labels, task=task, weights=weights, device=device)
    return problem.fit(c, start=start)


class ProbeProblem:
    """The rows and labels of a probe, prepared once for fits at several penalties; see ``fit_probe``."""

    def __init__(
        self,
        rows: Float[Tensor, "rows width"] | FeatureTable,
        labels: Shaped[Tensor, "rows ..."],
        *,
        task: Task,
        weights: Float[Tensor, " width"] | None = None,
        device: torch.device | None = None,
    ) -> None:
        table = as_table(rows)
        labelled = labelled_rows(table, labels, task=task)
        _refuse_weights(weights, width=total_width(table))
        self.device = device or _accelerator()
        self.outputs = task.outputs
        self._columns = StandardizedRows(
            select(table, labelled), weights=weights, device=self.device
        )
        self._criterion = criterion_of(task, labels[labelled], device=self.device)
        self._curvature = Curvature(self._columns)

    def fit(
        self, c: float, *, start: LinearProbe | None = None, tolerance: float = TOLERANCE
    ) -> LinearProbe:
        """Return the probe of least loss.

        Args:
            c: Inverse strength of the penalty.
            start: A probe to start from; where None, the best constant outputs.
            tolerance: How far above its least value the objective may lie, as a share of it, or
                of a quarter of what the features lower it by, whichever is less.
        """
        if not 0 < c < math.inf:
            raise ConfigError(f"c, the inverse strength of the penalty, must be above 0; got {c:g}")
        criterion, width = self._criterion, self._columns.width
        constant_loss = c * criterion.constant_loss()
        if start is None:
            weight, bias = torch.zeros(self.outputs, width), criterion.constants()
        else:
            weight, bias = criterion.from_units(start.weight, start.bias)
        minimum = minimize(
            lambda at: self.objective(at, c=c),
            torch.cat([weight.flatten(), bias]).to(self.device),
            inverse_hessian=lambda gradient: self._curvature.solve(
                gradient, c=c * criterion.curvature
            ),
            # Under a strong penalty the loss hardly falls below that of constant outputs, so
            # the decrease is the measure. A thousandth of the loss is a floor that float32 can reach.
            tolerance=lambda loss: (
                tolerance * max(min(loss, (constant_loss - loss) / 4), loss / 1000)
            ),
        )
        weight, bias = criterion.to_units(*parts(minimum.cpu(), width=width))
        return LinearProbe(
            weight=weight.clone(),
            bias=bias.clone(),
            mean=self._columns.mean,
            scale=self._columns.scale,
        )

    def objective(
        self, point: Float32[Tensor, " parameters"], *, c: float
    ) -> tuple[float, Float32[Tensor, " parameters"]]:
        """Return the objective and its gradient in one pass over the rows.

        Args:
            point: ``W``, row after row, then ``b``.
            c: Inverse strength of the penalty.
        """
        weight, bias = parts(point, width=self._columns.width)
        gradient = torch.zeros_like(point)
        of_weight, of_bias = parts(gradient, width=self._columns.width)
        # One tensor: small ones between large blocks would leave the heap in pieces.
        losses, done = point.new_zeros(block_count(self._columns)), 0
        # Outputs come first: both products then read what lies together, an eighth faster.
        for number, block in enumerate(self._columns.blocks()):
            outputs = torch.addmm(bias[:, None], weight, block.T)
            loss, residual = self._criterion.residual(outputs, slice(done, done + len(block)))
            losses[number] = loss
            of_weight.addmm_(residual, block)
            of_bias += residual.sum(dim=1)
            done += len(block)
        gradient *= c
        of_weight += weight
        # Blocks are summed as Python floats: float32 would lose what late iterations gain.
        total = math.fsum(losses.tolist())
        return c * total + float(weight.square().sum()) / 2, gradient


def _refuse_weights(weights: Tensor | None, *, width: int) -> None:
    if weights is None:
        return
    if weights.shape != (width,) or not bool((weights.isfinite() & (weights >= 0)).all()):
        raise ConfigError(
            f"weights of a probe are {width} finite numbers from 0, one a column; got "
            f"{list(weights.shape)}"
            + (f" from {weights.min():g} to {weights.max():g}" if len(weights) else "")
        )


def _accelerator() -> torch.device:
    if torch.accelerator.is_available():
        return torch.accelerator.current_accelerator() or torch.device("cpu")
    return torch.device("cpu")
