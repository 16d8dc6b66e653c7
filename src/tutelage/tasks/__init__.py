"""Tasks: what labels and outputs mean, how they are learned and measured; one file each."""

from tutelage.tasks.base import Kind, Task
from tutelage.tasks.catalogue import TASKS
from tutelage.tasks.labels import (
    UNLABELLED,
    as_list,
    fully_labelled,
    has_label,
    label_columns,
    mask_labels,
    right_rows,
    without_label,
)
from tutelage.tasks.losses import TaskLoss
from tutelage.tasks.metric import Metric, share_error
from tutelage.tasks.multi_label import BinaryCrossEntropy, MultiLabel
from tutelage.tasks.regression import Regression, SquaredError
from tutelage.tasks.scaling import TargetScaling
from tutelage.tasks.single_label import CrossEntropy, SingleLabel
from tutelage.tasks.soft_labels import SoftLabels

__all__ = [
    "TASKS",
    "UNLABELLED",
    "BinaryCrossEntropy",
    "CrossEntropy",
    "Kind",
    "Metric",
    "MultiLabel",
    "Regression",
    "SingleLabel",
    "SoftLabels",
    "SquaredError",
    "TargetScaling",
    "Task",
    "TaskLoss",
    "as_list",
    "fully_labelled",
    "has_label",
    "label_columns",
    "mask_labels",
    "right_rows",
    "share_error",
    "without_label",
]
