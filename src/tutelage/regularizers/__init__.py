"""What a student can learn from teachers' features: one idea a file, PyTorch only.

A regularizer is a module. It is built with the student's width and the teachers' widths by
name, and called with the student's features ``[batch, width]`` and the teachers' by name; it
returns a scalar. Its own parameters go to the optimizer beside the student's. One that learns
something before training has a method ``prepare``, called once with the ``Evidence``.
"""

from collections.abc import Mapping
from typing import Any

from tutelage.regularizers.aft import AFTLoss, kernel_distance
from tutelage.regularizers.base import Regularizer
from tutelage.regularizers.btuning import BTuning
from tutelage.regularizers.cka import CKA, alignment
from tutelage.regularizers.cospress import CosPress
from tutelage.regularizers.evidence import Evidence, FeatureRows
from tutelage.regularizers.factor import FactorTransfer
from tutelage.regularizers.kd import KD
from tutelage.regularizers.modalities import EachModality
from tutelage.regularizers.prepared import PreparedRegularizer
from tutelage.regularizers.product import ProductAFT, product_kernel_distance
from tutelage.regularizers.rkd import RKD, angle_loss, distance_loss
from tutelage.regularizers.soft import SoftLabels
from tutelage.regularizers.standardize import Standardized
from tutelage.regularizers.vkd import VkD

__all__ = [
    "CKA",
    "KD",
    "METHODS",
    "PRODUCTS",
    "RKD",
    "VARIANTS",
    "AFTLoss",
    "BTuning",
    "CosPress",
    "EachModality",
    "Evidence",
    "FactorTransfer",
    "FeatureRows",
    "PreparedRegularizer",
    "ProductAFT",
    "Regularizer",
    "SoftLabels",
    "Standardized",
    "VkD",
    "alignment",
    "angle_loss",
    "distance_loss",
    "kernel_distance",
    "product_kernel_distance",
]

METHODS = {
    "stl": "tutelage.regularizers.none:NoTransfer",
    "aft": "tutelage.regularizers.aft:AFTLoss",
    "kd": "tutelage.regularizers.kd:KD",
    "rkd": "tutelage.regularizers.rkd:RKD",
    "ft": "tutelage.regularizers.factor:FactorTransfer",
    "btuning": "tutelage.regularizers.btuning:BTuning",
    "vkd": "tutelage.regularizers.vkd:VkD",
    "cka": "tutelage.regularizers.cka:CKA",
    "cospress": "tutelage.regularizers.cospress:CosPress",
}
"""From a method's name to its class; a new method is one file and one line here."""

PRODUCTS = {"aft": "tutelage.regularizers.product:ProductAFT"}
"""Methods that have a form of their own for students whose features are a product of two modalities;
others are applied to each modality on its own, see ``EachModality``."""

VARIANTS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "aft-identity": ("aft", {"weights": "identity"}),
    "aft-dense": ("aft", {"weights": "dense"}),
    "aft-rbf": ("aft", {"kernel": "rbf"}),
    "aft-nokernel": ("aft", {"kernel": "none"}),
    "aft-bilevel": ("aft", {"inner_steps": 5}),
}
"""From a variant's name to its method and what it sets there: the paper's ablations."""
