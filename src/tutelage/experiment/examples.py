"""The rows that a run keeps for people to look at: the most wrong ones, and the most doubted labels."""

import base64
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from tutelage.data import Split
from tutelage.data.preview import preview
from tutelage.experiment.plan import Plan
from tutelage.experiment.teachers_view import TeachersView
from tutelage.probes.doubted_labels import DoubtedRow, doubted_labels
from tutelage.results.examples import Answer, Example, Examples
from tutelage.results.predictions import Predictions
from tutelage.tasks import Task, has_label, wrong_rows

__all__ = ["choose_examples"]

MOST_ANSWERS = 4
"""Labels or targets of a row that are told, the worst first."""


def choose_examples(plan: Plan, predictions: Predictions, view: TeachersView) -> Examples:
    """Return the evaluated rows that are most wrong, and all rows whose label is most doubted.

    Args:
        plan: The rows, their labels, and how many to keep of each (``output.examples``).
        predictions: The student's outputs for the evaluated rows.
        view: What the teachers' probe says of the rows.
    """
    task, most = plan.task, plan.config.output.examples
    wrong = wrong_rows(task, predictions.outputs, predictions.labels)
    evaluated = _Told(plan.evaluated, task, predictions.outputs, view.evaluated)
    training = _Told(plan.training, task, None, view.training)
    asked = [told for told in (training, evaluated) if told.teachers is not None]
    doubts = [(doubt, told) for told in asked for doubt in told.doubts()]
    doubts.sort(key=lambda pair: -pair[0].margin)
    return Examples(
        split=plan.evaluated.name,
        evaluated=int(has_label(predictions.labels).sum()),
        wrong=tuple(evaluated.example(row) for row in wrong[:most].tolist()),
        wrong_rows=len(wrong),
        doubted=tuple(told.example(doubt.row, doubt.outputs) for doubt, told in doubts[:most]),
        doubted_rows={told.split.name: sum(of is told for _, of in doubts) for told in asked},
        checked_rows={told.split.name: int(has_label(told.split.labels).sum()) for told in asked},
        notes=view.notes,
    )


@dataclass(frozen=True)
class _Told:
    """Rows of a split with what student and teachers' probe say of them.

    Attributes:
        split: The rows.
        task: The meaning of outputs and labels.
        student: The student's outputs; None for rows that it was trained on.
        teachers: The probe's outputs; None where they are not known.
    """

    split: Split
    task: Task
    student: Float[Tensor, "rows outputs"] | None
    teachers: Float[Tensor, "rows outputs"] | None

    def doubts(self) -> list[DoubtedRow]:
        """The rows whose label the teachers' probe contradicts."""
        assert self.teachers is not None
        return doubted_labels(self.teachers, self.split.labels, task=self.task)

    def example(self, row: int, outputs: Sequence[int] = ()) -> Example:
        """A row as people look at it, with the outputs that matter; by default the most wrong ones."""
        seen = preview(self.split.rows[row])
        student, teachers = (
            self._probabilities(self.student, row),
            self._probabilities(self.teachers, row),
        )
        truth = self._truth(row)
        matter = self._outputs(truth, student, teachers, outputs)
        return Example(
            id=self.split.ids[row],
            split=self.split.name,
            answers=tuple(
                Answer(
                    name=self.task.names[one],
                    label=None if math.isnan(truth[one]) else float(truth[one]),
                    student=None if student is None else float(student[one]),
                    teachers=None if teachers is None else float(teachers[one]),
                )
                for one in matter
            ),
            texts=seen.texts,
            picture=base64.b64encode(seen.jpeg).decode(),
        )

    def _probabilities(self, outputs: Tensor | None, row: int) -> Float[Tensor, " outputs"] | None:
        return None if outputs is None else self.task.probabilities(outputs[row : row + 1])[0]

    def _truth(self, row: int) -> Float[Tensor, " outputs"]:
        label = self.split.labels[row : row + 1]
        if not self.task.labels_are_classes:
            return label[0].double()
        return (torch.arange(self.task.outputs) == label).double()

    def _outputs(
        self,
        truth: Tensor,
        student: Tensor | None,
        teachers: Tensor | None,
        doubted: Sequence[int],
    ) -> list[int]:
        if self.task.labels_are_classes:
            tops = [int(given.argmax()) for given in (student, teachers) if given is not None]
            return list(dict.fromkeys([int(truth.argmax()), *doubted[1:], *tops]))
        given = student if student is not None else teachers
        if doubted or given is None:
            return list(doubted)[:MOST_ANSWERS]
        return list(self._most_wrong(truth, given))[:MOST_ANSWERS]

    def _most_wrong(self, truth: Tensor, given: Tensor) -> Iterator[int]:
        """Outputs by their error; of labels only those that are wrong."""
        scaling = self.task.scaling
        deviations = given.new_tensor(scaling.std) if scaling is not None else 1.0
        errors = ((given - truth).abs() / deviations).nan_to_num(-1.0)
        for one in errors.argsort(descending=True, stable=True).tolist():
            wrong = errors[one] >= 0.5 if self.task.labels_are_binary else errors[one] >= 0
            if bool(wrong):
                yield one
