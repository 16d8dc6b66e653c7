"""From a method's name to what it consists of: a regularizer, its settings, soft labels or not."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from tutelage.registry import lookup

__all__ = [
    "BASELINE",
    "BETAS",
    "METHODS",
    "METHOD_NAMES",
    "PROBE",
    "PRODUCTS",
    "USUAL_BETAS",
    "VARIANTS",
    "Method",
    "parse_method",
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

BASELINE = "stl"
PROBE = "probe"
METHOD_NAMES = (*METHODS, *VARIANTS, PROBE)

BETAS = {
    "kd": (0.1, 1.0, 10.0, 100.0),
    "rkd": (0.3, 1.0, 3.0, 10.0),
    "ft": (0.03, 0.1, 0.3, 1.0),
    "btuning": (0.001, 0.01, 0.1, 1.0, 10.0, 100.0),
    "vkd": (0.1, 1.0, 10.0, 100.0),
    "cka": (0.3, 1.0, 3.0, 10.0),
    "cospress": (0.03, 0.1, 0.3, 1.0),
    "aft-nokernel": (0.1, 1.0, 10.0, 100.0),
}
"""Strengths to try where nobody says others: four each, around a term that is as large as the task's
loss; more for B-Tuning, whose term has the scale of the features. A method that is not here takes
``USUAL_BETAS``."""
USUAL_BETAS = (1.0, 3.0, 10.0, 30.0)


@dataclass(frozen=True)
class Method:
    """What a method consists of.

    Attributes:
        name: As it was given.
        regularizer: A key of ``METHODS``, or ``module:Class`` of one's own.
        params: What a variant sets.
        soft: Whether the student learns the soft labels of the teachers' probe.
    """

    name: str
    regularizer: str
    params: Mapping[str, Any] = field(default_factory=dict)
    soft: bool = False

    @property
    def transfers(self) -> bool:
        """Whether it has a term with a strength ``beta`` beside the task's loss."""
        return self.regularizer != BASELINE

    @property
    def taught(self) -> bool:
        """Whether it needs teachers at all."""
        return self.transfers or self.soft

    @property
    def betas(self) -> tuple[float, ...]:
        """Strengths that are worth trying."""
        base = self.name.removesuffix(f"+{PROBE}")
        return BETAS.get(base, USUAL_BETAS) if self.transfers else ()

    def regularizer_class(self) -> type[nn.Module]:
        """Import the regularizer.

        Raises:
            ConfigError: If there is none of that name.
        """
        found: type[nn.Module] = lookup(self.regularizer, METHODS, kind="method")
        return found


def parse_method(name: str) -> Method:
    """Take a method's name apart.

    Args:
        name: A key of ``METHODS`` or ``VARIANTS``, ``module:Class``, ``probe``, or one of the
            others with ``+probe`` behind it.

    Raises:
        ConfigError: If there is no such method.

    Example:
        >>> parse_method("aft-rbf+probe")
        Method(name='aft-rbf+probe', regularizer='aft', params={'kernel': 'rbf'}, soft=True)
        >>> parse_method("probe").transfers
        False
    """
    base = BASELINE if name == PROBE else name.removesuffix(f"+{PROBE}")
    regularizer, params = VARIANTS.get(base, (base, {}))
    if ":" not in regularizer and regularizer not in METHODS:
        lookup(base, dict.fromkeys(METHOD_NAMES, ""), kind="method")
    return Method(name, regularizer, params, soft=base != name)
