"""Regularizers: losses between a student's features and its teachers', one method a file.

Every method subclasses ``Regularizer``, or ``PreparedRegularizer`` if it learns from the training rows
before training. It is built from the student's width and the teachers' widths by name, and called
with features ``[batch, width]``; it returns a scalar. PyTorch only.
"""

from tutelage.regularizers.aft import AFTLoss, AFTWithoutKernel, kernel_distance
from tutelage.regularizers.base import (
    LearnsFrom,
    PreparedRegularizer,
    Regularizer,
    RegularizerWrapper,
)
from tutelage.regularizers.btuning import BTuning
from tutelage.regularizers.cka import CKA, alignment
from tutelage.regularizers.columns import TeacherColumns, TeacherFeatures, TeacherWidths
from tutelage.regularizers.cospress import CosPress
from tutelage.regularizers.factor import FactorTransfer
from tutelage.regularizers.kd import KD
from tutelage.regularizers.memory import RelationalRegularizer
from tutelage.regularizers.none import NoTransfer
from tutelage.regularizers.per_modality import EachModality
from tutelage.regularizers.preparation import FeatureTable, TrainingEvidence
from tutelage.regularizers.product import ProductAFT, product_kernel_distance
from tutelage.regularizers.rkd import RKD, angle_loss, distance_loss
from tutelage.regularizers.standardize import Standardized
from tutelage.regularizers.vkd import VkD

__all__ = [
    "CKA",
    "KD",
    "RKD",
    "AFTLoss",
    "AFTWithoutKernel",
    "BTuning",
    "CosPress",
    "EachModality",
    "FactorTransfer",
    "FeatureTable",
    "LearnsFrom",
    "NoTransfer",
    "PreparedRegularizer",
    "ProductAFT",
    "Regularizer",
    "RegularizerWrapper",
    "RelationalRegularizer",
    "Standardized",
    "TeacherColumns",
    "TeacherFeatures",
    "TeacherWidths",
    "TrainingEvidence",
    "VkD",
    "alignment",
    "angle_loss",
    "distance_loss",
    "kernel_distance",
    "product_kernel_distance",
]
