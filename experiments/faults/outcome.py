"""What a command left on disk, row by row, and how it differs from an undisturbed run."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optuna.pruners import NopPruner

from tutelage.errors import TutelageError
from tutelage.sweeps.optuna_study import open_study, using_study

__all__ = ["Difference", "Facts", "difference", "facts"]

Facts = Mapping[str, Mapping[str, str]]
"""By file: what it holds, by row."""

TIMES = {"seconds", "started"}
LOCKS = (".lock", ".locks")


@dataclass(frozen=True)
class Difference:
    """How one outcome differs from another.

    Attributes:
        lost: Rows that are missing: of features, logs, trials, results, or whole files.
        wrong: Rows that differ, or that should not be there.
        litter: Files that should not be there.
        first: The first differences, in words.
    """

    lost: int = 0
    wrong: int = 0
    litter: tuple[str, ...] = ()
    first: tuple[str, ...] = ()

    @property
    def none(self) -> bool:
        """Whether nothing is lost or wrong."""
        return not self.lost and not self.wrong


def facts(folder: Path, *, below: tuple[str, ...]) -> Facts:
    """Return what the files below some subfolders hold; times are left out, locks passed over."""
    held: dict[str, Mapping[str, str]] = {}
    for name in below:
        for path in sorted((folder / name).rglob("*")):
            place = path.relative_to(folder)
            if path.is_file() and not any(part.endswith(LOCKS) for part in place.parts):
                held[str(place)] = _rows(path)
    return held


def difference(expected: Facts, actual: Facts, *, volatile: frozenset[str]) -> Difference:
    """Compare an outcome with the expected one.

    Args:
        expected: Of an undisturbed run.
        actual: Of a disturbed and resumed one.
        volatile: Files that differ between undisturbed runs, too; they need only exist.
    """
    lost, wrong, words = 0, 0, []
    for file, rows in expected.items():
        there = actual.get(file)
        if there is None:
            lost += len(rows)
            words.append(f"{file} is missing")
            continue
        if file in volatile:
            continue
        missing = rows.keys() - there.keys()
        different = {row for row in there if there[row] != rows.get(row)}
        lost, wrong = lost + len(missing), wrong + len(different)
        words += [f"{file} lacks {row}" for row in sorted(missing)]
        words += [
            f"{file}: {row} is {there[row][:60]}, not {rows.get(row, 'there')[:60]}"
            for row in sorted(different)
        ]
    litter = tuple(sorted(actual.keys() - expected.keys()))
    return Difference(lost, wrong, litter, tuple(words[:3]))


def _rows(path: Path) -> Mapping[str, str]:
    match path.suffix:
        case ".json":
            return _json(path)
        case ".jsonl":
            return {
                str(n): line
                for n, line in enumerate(path.read_text("utf-8", "replace").split("\n"))
            }
        case ".journal":
            return _trials(path)
        case ".safetensors":
            return _tensors(path)
    return {"content": _digest(path.read_bytes())}


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=12).hexdigest()


def _json(path: Path) -> Mapping[str, str]:
    try:
        return dict(_flat(json.loads(path.read_bytes())))
    except ValueError:
        return {"content": _digest(path.read_bytes())}


def _flat(value: Any, path: str = "") -> list[tuple[str, str]]:
    match value:
        case {}:
            pairs = [(f"{path}.{key}", inner) for key, inner in value.items() if key not in TIMES]
        case []:
            pairs = [(f"{path}.{number}", inner) for number, inner in enumerate(value)]
        case _:
            return [(path, repr(value))]
    return [leaf for inner, part in pairs for leaf in _flat(part, inner)]


def _tensors(path: Path) -> Mapping[str, str]:
    """Each row of each tensor."""
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    try:
        header = json.loads(content[8 : 8 + size])
    except ValueError:
        return {"content": _digest(content)}
    rows = {"header": _digest(content[: 8 + size])}
    for name, tensor in header.items():
        if name == "__metadata__":
            continue
        start, stop = tensor["data_offsets"]
        data = content[8 + size + start : 8 + size + stop]
        count = (tensor["shape"] or [1])[0] or 1
        width = max(1, len(data) // count)
        rows |= {
            f"{name}.{row}": _digest(data[row * width : (row + 1) * width]) for row in range(count)
        }
    return rows


def _trials(path: Path) -> Mapping[str, str]:
    """Each trial of optuna's study: its state, score, settings and the scores on its way."""
    try:
        with using_study(path.parent):
            trials = open_study(path.parent, pruner=NopPruner()).trials
    except TutelageError as error:
        return {"content": str(error)}
    return {
        f"{what} {trial.number}": repr(value)
        for trial in trials
        for what, value in (
            ("trial", trial.state.name),
            ("score", trial.values),
            ("setting", trial.params),
            ("step", trial.intermediate_values),
        )
    }
