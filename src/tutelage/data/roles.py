"""Which of the data's splits is the training, test and validation split."""

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
    """Return for each role the split that has it, by the name that is asked for or a usual one.

    Args:
        present: Names that the data has.
        names: Names that are asked for; one that is not the usual one must be present.
        where: What has the splits, for messages.
        required: Whether a training split must be there; a single split of any name serves.

    Raises:
        DataError: If a split that is asked for, or the training split, is missing.

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
        elif found := [name for name in usual if name in present]:
            roles[role] = found[0]
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
            f"data.train and data.test are both {roles['test']!r}; what is trained on tests nothing"
        )
    return roles
