"""What a student can learn from teachers' features: one idea a file, PyTorch only.

A regularizer is a module. It is built with the student's width and the teachers' widths by
name, and called with the student's features ``[batch, width]`` and the teachers' by name; it
returns a scalar. Its own parameters go to the optimizer beside the student's. One that learns
something before training has a method ``prepare``, called once with the ``Evidence``.
"""

from tutelage.regularizers.aft import AFTLoss, kernel_distance
from tutelage.regularizers.base import Regularizer
from tutelage.regularizers.btuning import BTuning
from tutelage.regularizers.cka import CKA, alignment
from tutelage.regularizers.cospress import CosPress
from tutelage.regularizers.factor import FactorTransfer
from tutelage.regularizers.kd import KD
from tutelage.regularizers.per_modality import EachModality
from tutelage.regularizers.preparation import Evidence, FeatureTable
from tutelage.regularizers.prepared import PreparedRegularizer
from tutelage.regularizers.product import ProductAFT, product_kernel_distance
from tutelage.regularizers.rkd import RKD, angle_loss, distance_loss
from tutelage.regularizers.standardize import Standardized
from tutelage.regularizers.vkd import VkD

__all__ = [
    "CKA",
    "KD",
    "RKD",
    "AFTLoss",
    "BTuning",
    "CosPress",
    "EachModality",
    "Evidence",
    "FactorTransfer",
    "FeatureTable",
    "PreparedRegularizer",
    "ProductAFT",
    "Regularizer",
    "Standardized",
    "VkD",
    "alignment",
    "angle_loss",
    "distance_loss",
    "kernel_distance",
    "product_kernel_distance",
]
