"""Refusal of features that pass through weights which a checkpoint does not have."""

from collections.abc import Callable, Iterable

from tutelage.errors import StudentError
from tutelage.tap import FeatureTap

__all__ = ["refuse_random"]


def refuse_random(tap: FeatureTap, missing: Iterable[str], run: Callable[[], object]) -> None:
    """Refuse features that pass through randomly initialized weights.

    Args:
        tap: Reads the features.
        missing: Names of parameters that the checkpoint does not have.
        run: Calls the tapped model once.

    Raises:
        StudentError: If a module with such parameters runs before the tapped layer.
    """
    owners = {name.rpartition(".")[0] for name in missing}
    random: list[str] = []
    reached = False

    def note(name: str) -> Callable[..., None]:
        def hook(*_: object) -> None:
            if not reached:
                random.append(name)

        return hook

    def reach(*_: object) -> None:
        nonlocal reached
        reached = True

    hooks = [tap.layer.register_forward_pre_hook(reach)]
    for name, module in tap.model.named_modules():
        if name in owners and module is not tap.layer:
            hooks.append(module.register_forward_pre_hook(note(name)))
    try:
        run()
    finally:
        for hook in hooks:
            hook.remove()
    tap.clear()
    if random:
        raise StudentError(
            f"features at {tap.path!r} would pass through random weights, because the checkpoint "
            f"has none for {', '.join(dict.fromkeys(random))}; tap an earlier layer, or choose another "
            "pooling"
        )
