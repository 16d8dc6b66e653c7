"""Means and deviations of the teachers' columns over a run's training rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float64
from torch import Tensor

from tutelage.cache import columns
from tutelage.cache.statistics import RunningMoments
from tutelage.cache.table import blocks
from tutelage.experiment.plan import Plan
from tutelage.experiment.teacher_features import Teacher, teacher_rows

__all__ = ["TeacherMoments"]


@dataclass(frozen=True)
class TeacherMoments:
    """Moments of every teacher's columns, by the teacher's name.

    Attributes:
        mean: Means of the columns.
        std: Standard deviations, divided by the number of rows.
    """

    mean: Mapping[str, Float64[Tensor, " columns"]]
    std: Mapping[str, Float64[Tensor, " columns"]]

    @classmethod
    def of(cls, plan: Plan, teachers: Sequence[Teacher]) -> "TeacherMoments":
        """Return the moments over the labelled training rows; rows held out do not count.

        Those of all cached rows are in the cache's manifest; those of a part are computed, in one pass
        over its features.

        Args:
            plan: The training rows.
            teachers: The teachers, with the features of these rows and perhaps of others.
        """
        if all(len(teacher.features) == len(plan.training) for teacher in teachers):
            return cls(
                {teacher.name: teacher.features.mean for teacher in teachers},
                {teacher.name: teacher.features.std for teacher in teachers},
            )
        rows, moments = teacher_rows(teachers, plan.training), {}
        for name, width in rows.widths.items():
            moments[name] = RunningMoments(width)
            for _, block in blocks(columns(rows, [name])):
                moments[name].update(block)
        return cls(
            {name: torch.from_numpy(one.mean) for name, one in moments.items()},
            {name: torch.from_numpy(one.std) for name, one in moments.items()},
        )
