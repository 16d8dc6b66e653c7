"""Matching of a split's rows to the rows of a file: by id, or by place."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, repeat
from pathlib import Path

from tutelage.data.base import Split
from tutelage.data.orders import ORDERS, ListingOrder, listed
from tutelage.errors import SourceError
from tutelage.tasks import has_label
from tutelage.teachers.arrays import RowNames
from tutelage.teachers.id_forms import other_form

__all__ = ["IdIndex", "places_in_order", "refuse_renumbered", "refuse_shared_ids"]

HOW = (
    "'tutelage rows DATA --out rows.csv' writes the id and split of every row: compute features from "
    "that file and keep both columns"
)


@dataclass(frozen=True)
class IdIndex:
    """Row numbers of a file by split and id.

    Attributes:
        path: The file, for messages.
        places: From splits to ids to row numbers; all under None if the file names no splits.
    """

    path: Path
    places: Mapping[str | None, Mapping[str, int]]
    _checked: list[Sequence[str]] = field(default_factory=list, init=False, repr=False)

    @classmethod
    def of(cls, path: Path, names: RowNames) -> "IdIndex":
        """Index a file's rows.

        Raises:
            SourceError: If two rows of a split have the same id.
        """
        places: dict[str | None, dict[str, int]] = {}
        splits: Iterable[str | None] = names.splits or repeat(None)
        for place, (split, name) in enumerate(zip(splits, names.ids, strict=False)):
            if places.setdefault(split, {}).setdefault(name, place) != place:
                of_split = "" if split is None else f" in split {split!r}"
                raise SourceError(
                    f"{path} has the id {name!r} twice{of_split}; ids must be unique in a split, and "
                    "a column 'split' must name the split of each row if there are several. Programs "
                    "that share rows among processes repeat some to fill the last batch: keep the "
                    "first of each"
                )
        return cls(path, places)

    def find(self, split: Split, rows: Sequence[int]) -> list[int]:
        """Return the row numbers in the file of some rows of a split.

        Raises:
            SourceError: If a row is not in the file, or its ids are counted otherwise.
        """
        places, origin = self.of_split(split), split.origin
        if not any(ids is origin.ids for ids in self._checked):
            self._refuse_other_count(places, split)
            self._checked.append(origin.ids)
        wanted = [split.ids[row] for row in rows]
        missing = [name for name in wanted if name not in places]
        if missing:
            absent = sum(name not in places for name in split.ids)
            raise SourceError(
                f"{self.path} has no features for the row {missing[0]!r} of the {split.name} split "
                f"({absent} of {len(split)} rows have none); its ids look like "
                f"{next(iter(places), 'nothing')!r}. {_otherwise(split.ids, places)}{HOW}"
            )
        return [places[name] for name in wanted]

    def of_split(self, split: Split) -> Mapping[str, int]:
        """Return row numbers of the file by id, for the rows of one split."""
        if None in self.places:
            return self.places[None]
        present = [name for name in split.split_names if name in self.places]
        if len(present) == 1:
            return self.places[present[0]]
        if present:
            raise SourceError(
                f"the column of splits of {self.path} has both {' and '.join(map(repr, present))}, and "
                f"the data's {split.origin.split} rows may be either; name them "
                f"{split.split_names[0]!r} alone"
            )
        raise SourceError(
            f"{self.path} has no rows of split {split.split_names[0]!r}; its column of splits has: "
            f"{', '.join(map(str, self.places))}. Write {split.split_names[0]!r} there, as "
            "'tutelage rows DATA --out rows.csv' does, or name one file a split, as in "
            "features:emb_{split}.parquet"
        )

    def _refuse_other_count(self, places: Mapping[str, int], split: Split) -> None:
        """Refuse numbers that are counted from another row than the data's."""
        ids = split.origin.ids
        if split.naming.kind == "number":
            foreign = [name for name in places if not _is_number(name) or int(name) >= len(ids)]
            problem = "" if "0" in places else "begin at another number"
            if foreign:
                problem = f"include {foreign[0]!r}" + ("" if "0" in places else " and not '0'")
            if problem:
                raise SourceError(
                    f"the {split.origin.split} rows have no ids of their own, so they are numbered from 0 "
                    f"to {len(ids) - 1}, but the ids of {self.path} {problem}. {HOW}; or give the "
                    "data an id column (data.id)"
                )
            return
        if all(name in places for name in ids) or not all(map(_is_number, ids)):
            return
        for step in (1, -1):
            if all(str(int(name) + step) in places for name in ids):
                raise SourceError(
                    f"the ids of {self.path} are those of the {split.origin.split} rows "
                    f"{'plus' if step > 0 else 'minus'} 1, so they seem to be counted from another "
                    f"row: the data's begin with {ids[0]!r}. {HOW}"
                )


def places_in_order(
    path: Path, split: Split, *, rows: int, order: ListingOrder | None
) -> Sequence[int]:
    """Return the place in an array without ids of every row of the split that was read.

    Args:
        path: The array's file, for messages.
        split: Rows of the split.
        rows: Number of rows of the array.
        order: Order in which the files of a folder were listed; by default that of the rows, if other
            programs list them in the same order.

    Raises:
        SourceError: If the numbers of rows differ, or the order cannot be told.
    """
    origin, naming = split.origin, split.naming
    if rows != origin.rows:
        raise SourceError(
            f"{path} has {rows} rows, but the {origin.split} split has {origin.rows}; without ids "
            "there must be one row for each, in the same order"
        )
    if naming.kind != "path":
        if order not in (None, "rows"):
            raise SourceError(
                f"teachers.params.order = {order!r} is an order of files in a folder, and the "
                f"{origin.split} rows are not; remove it"
            )
        return range(rows)
    if order is None:
        _refuse_several_orders(path, split)
        return range(rows)
    places = [0] * rows
    for place, number in enumerate(listed(origin.ids, order, folder=naming.folder)):
        places[number] = place
    return places


def refuse_renumbered(index: IdIndex, split: Split) -> None:
    """Refuse row numbers of fewer rows than the split has: some were left out, and the rest renumbered.

    Numbers of the first rows are accepted where exactly these have labels.

    Args:
        index: Rows of the file.
        split: All rows of a split.

    Raises:
        SourceError: If a number may mean another row than the data's.
    """
    places, rows = index.of_split(split), len(split)
    count = len(places)
    if split.naming.kind != "number" or count >= rows:
        return
    labelled = has_label(split.labels)
    if any(str(number) not in places for number in range(count)) or (
        bool(labelled[:count].all()) and not bool(labelled[count:].any())
    ):
        return
    raise SourceError(
        f"{index.path} has ids from 0 to {count - 1}, but the {split.name} split has {rows} rows, "
        "numbered from 0: if rows were left out and the others numbered anew, these are other rows. "
        f"{HOW}"
    )


def refuse_shared_ids(path: Path, splits: Sequence[Split]) -> None:
    """Refuse a file whose ids alone do not tell apart the rows of the data's splits.

    Args:
        path: The file, for messages.
        splits: All rows of every split that was read. The same id may occur in two of them for one and
            the same row.

    Raises:
        SourceError: If an id is that of two different rows.
    """
    for one, other in combinations(splits, 2):
        shared = set(one.ids) & set(other.ids)
        numbers = {name: number for number, name in enumerate(other.ids) if name in shared}
        for number, name in enumerate(one.ids):
            if name in shared and one.rows.content(number) != other.rows.content(numbers[name]):
                raise SourceError(
                    f"{path} cannot be matched by its ids alone: the id {name!r} is a row of the "
                    f"{one.name} split and another one of the {other.name} split"
                    + (" (row numbers)" if "number" in (one.naming.kind, other.naming.kind) else "")
                    + ". Give the file a column 'split', or name one file a split, as in "
                    f"features:emb_{{split}}{path.suffix}. {HOW}"
                )


def _refuse_several_orders(path: Path, split: Split) -> None:
    ids, folder = split.origin.ids, split.naming.folder
    first = {order: listed(ids, order, folder=folder) for order in ORDERS}
    for order, numbers in first.items():
        differing = next(
            (place for place, n in enumerate(numbers) if n != first["rows"][place]), None
        )
        if differing is not None:
            raise SourceError(
                f"{path} has no ids, and its row {differing} is {ids[first['rows'][differing]]!r} in the "
                f"order of 'tutelage rows', but {ids[numbers[differing]]!r} as {_PROGRAM[order]} lists "
                f"files: set teachers.params.order to one of {', '.join(map(repr, ORDERS))}. {HOW}"
            )


_PROGRAM = {"imagefolder": "torchvision's ImageFolder", "timm": "timm"}


def _otherwise(wanted: Collection[str], present: Collection[str]) -> str:
    form = other_form(wanted, present)
    return f"{form}. " if form else ""


def _is_number(name: str) -> bool:
    """Whether a text is a whole number from 0 as ``str`` writes it."""
    written = name.isascii() and name.isdecimal() and len(name) < 20
    return written and (name == "0" or name[0] != "0")
