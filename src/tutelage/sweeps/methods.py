"""A config with another method: which settings of ``[transfer]`` it keeps."""

from collections.abc import Sequence
from typing import Any

from tutelage.config import ExperimentConfig
from tutelage.regularizers.catalogue import parse_method

__all__ = ["changes_for", "params_left_out"]


def changes_for(config: ExperimentConfig, method: str) -> dict[str, Any]:
    """Return the changes that give a config another method.

    ``transfer.params`` stay where the method has the same regularizer, with soft labels or without,
    but for those that a variant sets itself. A memory of rows is left out where a method has none.

    Args:
        config: The config, whose ``transfer.params`` are those of its own method.
        method: Name of a method.

    Example:
        >>> config = ExperimentConfig.model_validate({
        ...     "data": {"source": "folder:flowers/"},
        ...     "teachers": [{"source": "timm:resnet50"}],
        ...     "transfer": {"method": "aft", "params": {"kernel": "rbf"}},
        ... })
        >>> changes_for(config, "aft+probe")
        {'transfer.method': 'aft+probe', 'transfer.params': {'kernel': 'rbf'}}
        >>> changes_for(config, "kd")
        {'transfer.method': 'kd', 'transfer.params': {}}
    """
    own, other = config.transfer, parse_method(method)
    if method == own.method:
        return {}
    same = other.regularizer == parse_method(own.method).regularizer
    params = {key: value for key, value in own.params.items() if same and key not in other.params}
    changes: dict[str, Any] = {"transfer.method": method, "transfer.params": params}
    if own.memory and not other.remembers:
        changes["transfer.memory"] = 0
    return changes


def params_left_out(config: ExperimentConfig, methods: Sequence[str]) -> list[str]:
    """Return a sentence about ``transfer.params``, if methods with a transfer term do not take them.

    Args:
        config: The config, whose ``transfer.params`` are those of its own method.
        methods: Names of the methods that are trained.
    """
    own = config.transfer
    regularizer = parse_method(own.method).regularizer
    others = [
        name
        for name in dict.fromkeys(methods)
        if (method := parse_method(name)).has_transfer_term and method.regularizer != regularizer
    ]
    if not own.params or not others:
        return []
    return [
        f"transfer.params = {own.params!r} is not used by {', '.join(others)}: it is of {own.method}"
    ]
