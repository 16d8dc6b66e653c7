"""Tasks: what labels and outputs mean, how they are learned and measured; one file each."""

from tutelage.tasks.base import Kind, Task
from tutelage.tasks.bootstrap import Interval, bootstrap_scores, draws_for
from tutelage.tasks.calibration import Calibration, ReliabilityBin, calibration
from tutelage.tasks.catalogue import TASKS
from tutelage.tasks.confusion import (
    ConfusedPair,
    confusion_matrix,
    most_confused_classes,
    most_confused_pairs,
)
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
from tutelage.tasks.output_scores import (
    ClassScore,
    Share,
    TargetScore,
    class_scores,
    target_scores,
)
from tutelage.tasks.regression import Regression, SquaredError
from tutelage.tasks.scaling import TargetScaling
from tutelage.tasks.single_label import CrossEntropy, SingleLabel
from tutelage.tasks.soft_labels import SoftLabels
from tutelage.tasks.temperature import Temperature, fit_temperature, temperature_by_holdout
from tutelage.tasks.wrong_rows import row_losses, wrong_rows

__all__ = [
    "TASKS",
    "UNLABELLED",
    "BinaryCrossEntropy",
    "Calibration",
    "ClassScore",
    "ConfusedPair",
    "CrossEntropy",
    "Interval",
    "Kind",
    "Metric",
    "MultiLabel",
    "Regression",
    "ReliabilityBin",
    "Share",
    "SingleLabel",
    "SoftLabels",
    "SquaredError",
    "TargetScaling",
    "TargetScore",
    "Task",
    "TaskLoss",
    "Temperature",
    "as_list",
    "bootstrap_scores",
    "calibration",
    "class_scores",
    "confusion_matrix",
    "draws_for",
    "fit_temperature",
    "fully_labelled",
    "has_label",
    "label_columns",
    "mask_labels",
    "most_confused_classes",
    "most_confused_pairs",
    "right_rows",
    "row_losses",
    "share_error",
    "target_scores",
    "temperature_by_holdout",
    "without_label",
    "wrong_rows",
]
