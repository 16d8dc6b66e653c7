"""All kinds of task by the name that settings and results have for them."""

from collections.abc import Mapping

from tutelage.tasks.base import Kind, Task
from tutelage.tasks.multi_label import MultiLabel
from tutelage.tasks.regression import Regression
from tutelage.tasks.single_label import SingleLabel

__all__ = ["TASKS"]

TASKS: Mapping[Kind, type[Task]] = {
    "single-label": SingleLabel,
    "multi-label": MultiLabel,
    "regression": Regression,
}
"""A new task is one file and one line here."""
