"""Detection of the training, test and validation splits among a source's splits."""

from collections.abc import Collection

from tutelage.data.base import SplitNames
from tutelage.errors import DataError, did_you_mean

__all__ = ["find_roles"]

ALIASES = {
    "train": ("train", "training"),
    "test": ("test", "testing"),
    "validation": ("validation", "valid", "val", "dev"),
}


def find_roles(
    present: Collection[str], *, names: SplitNames, where: str, required: bool = True
) -> dict[str, str]:
    """Return the split of each role, by its configured name or a usual one.

    Args:
        present: Names of the source's splits.
        names: Configured names; one that differs from the default must be present.
        where: Name of the source, for messages.
        required: Whether a training split must exist; a single split of any name will do.

    Raises:
        DataError: If a configured split, or the training split, is missing.

    Example:
        >>> find_roles(["train", "dev"], names=SplitNames(), where="table")
        {'train': 'train', 'validation': 'dev'}
    """
    roles: dict[str, str] = {}
    for role, usual in ALIASES.items():
        wanted = getattr(names, role)
        if wanted in present:
            roles[role] = wanted
        elif wanted != role:
            raise DataError(
                f"{where} has no split {wanted!r} for data.{role}{did_you_mean(wanted, present)}; "
                f"it has: {', '.join(present)}"
            )
        elif aliases := [name for name in usual if name in present]:
            roles[role] = aliases[0]
    if "train" not in roles and len(present) == 1:
        roles = {"train": next(iter(present))}
    if "train" not in roles and required:
        raise DataError(
            f"{where} has no training split; name it by data.train. It has: {', '.join(present)}"
        )
    # The validation split may serve as test split, where the test labels are secret.
    if roles.get("validation") in (roles.get("test"), roles.get("train")):
        roles.pop("validation", None)
    if "test" in roles and roles["test"] == roles.get("train"):
        raise DataError(
            f"data.train and data.test are both {roles['test']!r}; test on rows that are not trained on"
        )
    return roles
