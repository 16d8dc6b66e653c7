"""The weights that runs have learned for their teachers' columns, over seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tutelage.results.sparsity import sparsity
from tutelage.results.statistics import SampleMean, sample_mean

__all__ = ["BINS", "WeightLevel", "histograms", "weight_levels"]

BINS = 40


@dataclass(frozen=True)
class WeightLevel:
    """How large and how sparse the weights of a teacher's columns are.

    Attributes:
        mean: Mean weight over the columns.
        top: Share of the energy ``ρ²`` in the tenth of the columns that has most of it, 0.1 (all alike)
            to 1; None where all weights of a run are 0.
    """

    mean: SampleMean
    top: SampleMean | None


def histograms(weights: Sequence[Mapping[str, Tensor]]) -> dict[str, tuple[float, ...]]:
    """Return the share of each teacher's columns in each of ``BINS`` equal ranges from 0 to 1.

    Args:
        weights: Weights of each seed's run, by teacher. Those that are all equal are left out: an
            identity learns none, and neither does a run of no step.
    """
    return {
        teacher: tuple(torch.stack(list(map(_shares, each))).mean(0).tolist())
        for teacher, each in _learned(weights).items()
    }


def weight_levels(weights: Sequence[Mapping[str, Tensor]]) -> dict[str, WeightLevel]:
    """Return each teacher's mean weight and sparsity, with their standard errors over seeds.

    Args:
        weights: As for ``histograms``, which has the same teachers.

    Example:
        >>> level = weight_levels([{"noise": torch.tensor([0.2, 0.4])}])["noise"]
        >>> round(level.mean.mean, 3), round(level.top.mean, 3)
        (0.3, 0.8)
    """
    levels = {}
    for teacher, each in _learned(weights).items():
        tops = [spread.top for rho in each if (spread := sparsity(rho)) is not None]
        levels[teacher] = WeightLevel(
            mean=sample_mean(float(rho.mean()) for rho in each),
            top=sample_mean(tops) if len(tops) == len(each) else None,
        )
    return levels


def _learned(weights: Sequence[Mapping[str, Tensor]]) -> dict[str, list[Tensor]]:
    learned: dict[str, list[Tensor]] = {}
    for run in weights:
        for teacher, rho in run.items():
            if rho.ndim == 1 and rho.min() < rho.max():
                learned.setdefault(teacher, []).append(rho.float())
    return learned


def _shares(rho: Tensor) -> Tensor:
    return torch.histc(rho, bins=BINS, min=0.0, max=1.0) / len(rho)
