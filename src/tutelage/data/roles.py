"""Detection of the training, test and validation splits among a source's splits."""

import re
from collections.abc import Collection

from tutelage.data.base import SplitNames
from tutelage.errors import DataError, did_you_mean

__all__ = ["are_named_like_splits", "find_roles", "role_of"]

ALIASES = {
    "train": ("train", "training"),
    "test": ("test", "testing"),
    "validation": ("validation", "valid", "val", "dev"),
}


def find_roles(
    present: Collection[str], *, names: SplitNames, where: str, required: bool = True
) -> dict[str, str]:
    """Return the split of each role, by its configured name or a usual one.

    Case and blanks around a name do not matter. Where no split has a usual name for training, names
    that contain them will do, as ``seg_train`` with ``seg_test``.

    Args:
        present: Names of the source's splits.
        names: Configured names; one that differs from the default must be present.
        where: Name of the source, for messages.
        required: Whether a training split must exist; a single split of any name will do.

    Raises:
        DataError: If a configured split, or the training split, is missing; or two splits could be
            the training split.

    Example:
        >>> find_roles(["Train", "dev"], names=SplitNames(), where="table")
        {'train': 'Train', 'validation': 'dev'}
        >>> find_roles(["seg_pred", "seg_test", "seg_train"], names=SplitNames(), where="table")
        {'train': 'seg_train', 'test': 'seg_test'}
    """
    roles: dict[str, str] = {}
    for role in ("train",) if names.alone else ALIASES:
        wanted = getattr(names, role)
        if wanted in present:
            roles[role] = wanted
        elif wanted != role:
            raise DataError(
                f"{where} has no split {wanted!r} for data.{role}{did_you_mean(wanted, present)}; "
                f"it has: {', '.join(present)}"
            )
        elif (usual := _of_usual_name(role, present, where=where)) is not None:
            roles[role] = usual
    if "train" not in roles:
        roles = _of_longer_names(present, taken=roles)
    if "train" not in roles and len(present) == 1:
        roles = {"train": next(iter(present))}
    if "train" not in roles and required:
        raise DataError(
            f"{where} has no training split; name it by data.train. It has: {', '.join(present)}"
        )
    if names.alone:
        return {role: name for role, name in roles.items() if role == "train"}
    # The validation split may serve as test split, where the test labels are secret.
    if roles.get("validation") in (roles.get("test"), roles.get("train")):
        roles.pop("validation", None)
    if "test" in roles and roles["test"] == roles.get("train"):
        if not names.read_test:  # rows that are only learned from may come from any split
            del roles["test"]
            return roles
        raise DataError(
            f"data.train and data.test are both {roles['test']!r}; test on rows that are not trained on"
        )
    return roles


def role_of(name: str) -> str | None:
    """Return the role that a name says by one of its words, if it is only one.

    Example:
        >>> [role_of(name) for name in ("seg_train", "TestSet", "val2017", "train-test", "trainer")]
        ['train', 'test', 'validation', None, None]
    """
    words = {word.lower().removesuffix("set") for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)}
    said = [role for role, usual in ALIASES.items() if words & set(usual)]
    return said[0] if len(said) == 1 else None


def are_named_like_splits(names: Collection[str]) -> bool:
    """Whether folders or files are called like several splits of the same data.

    Example:
        >>> are_named_like_splits(["test", "train"]), are_named_like_splits(["car", "train"])
        (True, False)
    """
    usual = {_role_of_usual_name(name) for name in names} - {None}
    said = {role_of(name) for name in names}
    return len(usual) > 1 or (None not in said and len(said) > 1)


def _role_of_usual_name(name: str) -> str | None:
    plain = name.strip().lower()
    return next((role for role, usual in ALIASES.items() if plain in usual), None)


def _of_usual_name(role: str, present: Collection[str], *, where: str) -> str | None:
    for alias in ALIASES[role]:
        if alias in present:
            return alias
    for alias in ALIASES[role]:
        alike = [name for name in present if name.strip().lower() == alias]
        if len(alike) > 1:
            raise DataError(
                f"{where} has the splits {' and '.join(map(repr, alike))}; say which is meant by "
                f"data.{role}"
            )
        if alike:
            return alike[0]
    return None


def _of_longer_names(present: Collection[str], *, taken: dict[str, str]) -> dict[str, str]:
    """Add the roles that one split each says by a word in its name, if training is among several."""
    by_role: dict[str, list[str]] = {}
    for name in present:
        if (role := role_of(name)) is not None:
            by_role.setdefault(role, []).append(name)
    if len(by_role.get("train", [])) != 1:
        return taken
    clear = {role: names[0] for role, names in by_role.items() if len(names) == 1} | taken
    return {role: clear[role] for role in ALIASES if role in clear} if len(clear) > 1 else taken
