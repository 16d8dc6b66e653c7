"""The table of methods: class, written name, strengths and variants of each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from inspect import signature
from typing import Any

from tutelage.errors import ConfigError
from tutelage.registry import import_object, lookup
from tutelage.regularizers.aft import AFTLoss, AFTWithoutKernel
from tutelage.regularizers.base import Regularizer
from tutelage.regularizers.btuning import BTuning
from tutelage.regularizers.cka import CKA
from tutelage.regularizers.cospress import CosPress
from tutelage.regularizers.factor import FactorTransfer
from tutelage.regularizers.kd import KD
from tutelage.regularizers.none import NoTransfer
from tutelage.regularizers.product import ProductAFT
from tutelage.regularizers.rkd import RKD
from tutelage.regularizers.vkd import VkD

__all__ = [
    "BASELINE",
    "METHODS",
    "METHOD_NAMES",
    "PROBE",
    "MethodRow",
    "MethodSpec",
    "label_of",
    "parse_method",
]


@dataclass(frozen=True)
class MethodRow:
    """A built-in method.

    Attributes:
        regularizer: Its class.
        label: Its name in reports.
        betas: Strengths worth trying, around a term that is as large as the task's loss.
        variants: Settings by the variant's name, which follows the method's: ``aft-rbf``.
        product: The class for students whose features are a product of two modalities; without one,
            the method is applied to each modality, see ``EachModality``.
    """

    regularizer: type[Regularizer]
    label: str
    betas: tuple[float, ...] = (1.0, 3.0, 10.0, 30.0)
    variants: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    product: type[Regularizer] | None = None


METHODS: Mapping[str, MethodRow] = {
    "stl": MethodRow(NoTransfer, label="Standard fine-tuning", betas=()),
    "aft": MethodRow(
        AFTLoss,
        label="AFT",
        variants={
            "identity": {"weights": "identity"},
            "dense": {"weights": "dense"},
            "rbf": {"kernel": "rbf"},
            "bilevel": {"inner_steps": 5},
            "turned": {"axes": "probe"},
        },
        product=ProductAFT,
    ),
    "aft-nokernel": MethodRow(
        AFTWithoutKernel, label="AFT, nokernel", betas=(0.1, 1.0, 10.0, 100.0)
    ),
    "kd": MethodRow(KD, label="KD", betas=(0.1, 1.0, 10.0, 100.0)),
    "rkd": MethodRow(RKD, label="RKD", betas=(0.3, 1.0, 3.0, 10.0)),
    "ft": MethodRow(FactorTransfer, label="FT", betas=(0.03, 0.1, 0.3, 1.0)),
    "btuning": MethodRow(
        BTuning,  # its term has the scale of the features, so the strengths span more
        label="B-Tuning",
        betas=(0.001, 0.01, 0.1, 1.0, 10.0, 100.0),
    ),
    "vkd": MethodRow(VkD, label="VkD", betas=(0.1, 1.0, 10.0, 100.0)),
    "cka": MethodRow(CKA, label="CKA", betas=(0.3, 1.0, 3.0, 10.0)),
    "cospress": MethodRow(CosPress, label="CosPress", betas=(0.03, 0.1, 0.3, 1.0)),
}
"""Every method by name; a new one is one file, one row here and one test."""

BASELINE = "stl"
PROBE = "probe"
VARIANTS = {
    f"{name}-{variant}": (name, params)
    for name, row in METHODS.items()
    for variant, params in row.variants.items()
}
METHOD_NAMES = (*METHODS, *VARIANTS, PROBE)


@dataclass(frozen=True)
class MethodSpec:
    """A method by its name: its regularizer, the settings of a variant, soft labels or not.

    Attributes:
        name: The name as given.
        regularizer: A key of ``METHODS``, or ``module:Class`` of a custom method.
        params: Settings of the variant.
        uses_soft_labels: Whether the student learns the soft labels of the teachers' probe.
    """

    name: str
    regularizer: str
    params: Mapping[str, Any] = field(default_factory=dict)
    uses_soft_labels: bool = False

    @property
    def is_custom(self) -> bool:
        """Whether the regularizer is the user's own class."""
        return ":" in self.regularizer

    @property
    def has_transfer_term(self) -> bool:
        """Whether a term with strength ``beta`` is added to the loss of the task."""
        return self.regularizer != BASELINE

    @property
    def needs_teachers(self) -> bool:
        """Whether it needs teachers."""
        return self.has_transfer_term or self.uses_soft_labels

    @property
    def betas(self) -> tuple[float, ...]:
        """Strengths worth trying; empty without a transfer term."""
        return MethodRow.betas if self.is_custom else METHODS[self.regularizer].betas

    @property
    def product(self) -> type[Regularizer] | None:
        """The class for students whose features are a product of two modalities, if any."""
        return None if self.is_custom else METHODS[self.regularizer].product

    @property
    def remembers(self) -> bool:
        """Whether it compares rows with rows, and so takes ``memory``, a number of recent ones."""
        return "memory" in signature(self.regularizer_class()).parameters and not self.params.get(
            "inner_steps"
        )

    def refuse_memory(self, rows: int) -> None:
        """Refuse a memory of recent rows that the method cannot compare with.

        Raises:
            ConfigError: If the number is not 0, and the method has a term that takes none.
        """
        if not rows or not self.has_transfer_term or self.remembers:
            return
        if self.is_custom:
            raise ConfigError(
                f"transfer.memory = {rows}: {self.regularizer} takes no memory; subclass "
                "tutelage.regularizers.RelationalRegularizer and pass the keyword memory to it, or set "
                "transfer.memory = 0"
            )
        reason = (
            "updates weights several times on the same rows, which would be remembered each time"
            if self.params.get("inner_steps")
            else "compares the student's rows one by one"
        )
        known = ", ".join(name for name in METHODS if parse_method(name).remembers)
        raise ConfigError(
            f"transfer.memory = {rows} is for methods that compare rows with rows ({known} and their "
            f"variants), and {self.name} {reason}; choose one of them, or set transfer.memory = 0"
        )

    def contradictions(self, params: Mapping[str, Any]) -> list[str]:
        """Return a sentence for each of the user's settings that undoes the variant.

        A number that the variant sets may be another, such as ``inner_steps`` of ``aft-bilevel``, but
        not that of the plain method.

        Args:
            params: The user's settings of the regularizer.

        Example:
            >>> parse_method("aft-bilevel").contradictions({"inner_steps": 3})
            []
        """
        plain = self.regularizer + (f"+{PROBE}" if self.uses_soft_labels else "")
        known = signature(self.regularizer_class()).parameters if self.params else {}
        return [
            f"transfer.params.{name} = {params[name]!r} contradicts method {self.name!r}, which is "
            f"{name} = {own!r}; leave it out, or choose method {plain!r} with it"
            for name, own in self.params.items()
            if name in params
            and params[name] != own
            and (isinstance(own, str) or params[name] == known[name].default)
        ]

    def regularizer_class(self) -> Any:
        """Return the class of the regularizer; a custom one is imported, and may be a function.

        Raises:
            ConfigError: If a custom one cannot be imported, or is a class of another kind.
        """
        if not self.is_custom:
            return METHODS[self.regularizer].regularizer
        custom = import_object(self.regularizer)
        if isinstance(custom, type) and not issubclass(custom, Regularizer):
            raise ConfigError(
                f"{self.regularizer} is no regularizer; subclass tutelage.Regularizer and define "
                "compare(student, teacher)"
            )
        return custom


def parse_method(name: str) -> MethodSpec:
    """Return the method of a name.

    Args:
        name: A key of ``METHODS``, a variant such as ``aft-rbf``, ``module:Class``, ``probe``, or one
            of the others followed by ``+probe``.

    Raises:
        ConfigError: If there is no such method.

    Example:
        >>> parse_method("aft-rbf+probe")
        MethodSpec(name='aft-rbf+probe', regularizer='aft', params={'kernel': 'rbf'},
            uses_soft_labels=True)
        >>> parse_method("probe").has_transfer_term
        False
    """
    base = BASELINE if name == PROBE else name.removesuffix(f"+{PROBE}")
    if base == PROBE or base.endswith(f"+{PROBE}"):
        raise ConfigError(
            f"method {name!r} learns the soft labels of the teachers' probe twice; write {base!r}"
        )
    regularizer, params = VARIANTS.get(base, (base, {}))
    if ":" not in regularizer and regularizer not in METHODS:
        lookup(base, dict.fromkeys(METHOD_NAMES, ""), kind="method")
    return MethodSpec(name, regularizer, params, uses_soft_labels=base != name)


def label_of(name: str) -> str:
    """Return the written name of a method, as reports show it; unknown names as they are.

    Example:
        >>> label_of("aft-rbf"), label_of("btuning+probe"), label_of("mine:Energy")
        ('AFT, rbf', 'B-Tuning + probe', 'Energy')
    """
    if name == PROBE:
        return "Probe distillation"
    base = name.removesuffix(f"+{PROBE}")
    method, _, variant = base.partition("-")
    if ":" in base:
        label = base.rpartition(":")[2]
    elif base in METHODS:
        label = METHODS[base].label
    elif base in VARIANTS:
        label = f"{METHODS[method].label}, {variant}"
    else:
        label = base
    return label if base == name else f"{label} + probe"
