"""The rules by which the prints of rows become findings."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Int64

from tutelage.data.check import pictures, wording
from tutelage.data.check.findings import Finding, Kind, sorted_findings
from tutelage.data.check.rows import RowsToCheck, single_rows
from tutelage.data.check.scan import Scan, texts_of
from tutelage.data.check.similar import Nearest, Pairs, candidates

__all__ = ["find_faults"]

TINY = 16
"""Pixels that the shorter side of a picture should have."""
LONG = 10
"""A text this many times as long as the median text is very long, if it also has ``CHARACTERS``."""
CHARACTERS = 2000
NEAR_HASH = 6
"""Bits in which the hashes of near-duplicate pictures differ at most."""
NEAR_VIEW = 0.1
"""How unlike the views of near-duplicate pictures are at most: root mean square over contrast."""
NEAR_TEXT = 0.8
"""Share of pieces of five characters that near-duplicate texts have in common at least."""
SKETCH_MARGIN = 0.1
"""How far a sketch may err before the texts themselves are compared."""


def find_faults(rows: RowsToCheck, scan: Scan) -> list[Finding]:
    """Return everything that is wrong with the rows, the gravest first.

    Args:
        rows: The rows.
        scan: Their prints.
    """
    return sorted_findings([*_single(rows, scan), *_similar(rows, scan)])


def _single(rows: RowsToCheck, scan: Scan) -> Iterator[Finding]:
    """Yield what is wrong with rows by themselves."""
    empty = np.flatnonzero(scan.lengths == 0).tolist()
    refused = {**dict.fromkeys(empty, "the text is empty"), **scan.damage, **rows.faults}
    for row, reason in sorted(refused.items()):
        yield _finding(rows, "damaged" if row in scan.damage else "blank", row, detail=reason)
    for row, (width, height) in enumerate(scan.sizes.tolist()):
        if 0 < min(width, height) < TINY:
            yield _finding(rows, "tiny", row, detail=f"{width} x {height} pixels")
    for row in np.flatnonzero(scan.flat).tolist():
        red, green, blue = scan.views[row, 0, 0].tolist()
        yield _finding(rows, "one-coloured", row, detail=f"#{red:02x}{green:02x}{blue:02x}")
    if len(scan.lengths):
        most = max(LONG * float(np.median(scan.lengths)), CHARACTERS)
        for row in np.flatnonzero(scan.lengths > most).tolist():
            yield _finding(rows, "long", row, detail=f"{scan.lengths[row]} characters")
    for row in single_rows(rows):
        yield _finding(rows, "rare class", row)


def _similar(rows: RowsToCheck, scan: Scan) -> Iterator[Finding]:
    """Yield copies: in another split, with another label, or neither."""
    usable = np.ones(len(rows), dtype=bool)
    usable[[*scan.damage, *rows.faults]] = False
    firsts, equal = _equal(scan, np.flatnonzero(usable))
    relations = {kind: Nearest(len(rows)) for kind in _RELATIONS}
    nothing = np.zeros(len(equal[0]))
    for kind, where in _related(rows, equal).items():
        relations[kind].add(equal, nothing, where=where)
    for pairs, unlike in _near(scan, firsts):
        for kind, where in _related(rows, pairs).items():
            relations[kind].add(pairs, unlike, where=where)
    for kind, nearest in relations.items():
        for row, other, distance in nearest.each():
            if distance == 0 or _confirmed(rows, row, other):
                yield _copy(rows, kind, row, other, exact=distance == 0)
    if rows.inputs.modality == "image+text":
        yield from _shared_pictures(rows, scan, firsts)


_RELATIONS: tuple[Kind, ...] = ("leak", "contradiction", "duplicate")


def _related(rows: RowsToCheck, pairs: Pairs) -> dict[Kind, Bool[np.ndarray, " pairs"]]:
    apart = rows.sides[pairs[0]] != rows.sides[pairs[1]]
    differ = rows.labels_differ(*pairs)
    return {"leak": apart, "contradiction": differ, "duplicate": ~apart & ~differ}


def _equal(
    scan: Scan, usable: Int64[np.ndarray, " usable"]
) -> tuple[Int64[np.ndarray, " distinct"], Pairs]:
    """Return the first row of each content, and pairs of rows of equal content.

    Of many equal rows each is paired with the first and with those next to it, which is enough to
    find one of another split and one with another label where there are any.
    """
    _, inverse = np.unique(scan.digests[usable], axis=0, return_inverse=True)
    order = np.argsort(inverse.ravel(), kind="stable")
    group, number = inverse.ravel()[order], usable[order]
    is_first = np.diff(group, prepend=-1) != 0
    start = np.maximum.accumulate(np.where(is_first, np.arange(len(group)), 0))
    again = np.flatnonzero(~is_first)
    earlier = np.concatenate([number[start[again]], number[again - 1]])
    return np.sort(number[is_first]), (earlier, np.concatenate([number[again]] * 2))


def _near(scan: Scan, firsts: Int64[np.ndarray, " some"]) -> Iterator[tuple[Pairs, np.ndarray]]:
    """Yield pairs of nearly equal rows, with how unlike they are: above 0."""
    has_pictures, has_texts = len(scan.flat) > 0, len(scan.lengths) > 0
    if has_pictures:
        firsts = firsts[~scan.flat[firsts]]
        keys = pictures.bands(scan.bits[firsts])
    else:
        firsts = firsts[scan.lengths[firsts] > 0]
        keys = wording.bands(scan.sketches[firsts])
    for first, second in candidates(keys):
        pairs = firsts[first], firsts[second]
        unlike = np.full(len(first), 1e-6)
        if has_pictures:
            pairs, unlike = _like_pictures(scan, pairs)
        if has_texts and len(pairs[0]):
            pairs, unlike = _like_texts(scan, pairs, unlike)
        if len(pairs[0]):
            yield pairs, unlike


def _like_pictures(scan: Scan, pairs: Pairs) -> tuple[Pairs, np.ndarray]:
    close = pictures.hash_distance(scan.bits[pairs[0]], scan.bits[pairs[1]]) <= NEAR_HASH
    first, second = pairs[0][close], pairs[1][close]
    unlike = pictures.unlike(scan.views[first], scan.views[second])
    close = unlike <= NEAR_VIEW
    return (first[close], second[close]), unlike[close].astype(float) + 1e-6


def _like_texts(scan: Scan, pairs: Pairs, unlike: np.ndarray) -> tuple[Pairs, np.ndarray]:
    alike = wording.similarity(scan.sketches[pairs[0]], scan.sketches[pairs[1]])
    close = alike >= NEAR_TEXT - SKETCH_MARGIN
    return (pairs[0][close], pairs[1][close]), (unlike + 1 - alike)[close]


def _shared_pictures(
    rows: RowsToCheck, scan: Scan, firsts: Int64[np.ndarray, " some"]
) -> Iterator[Finding]:
    """Yield rows whose picture is in another split with other texts."""
    firsts = firsts[~scan.flat[firsts]]
    nearest = Nearest(len(rows))
    for first, second in candidates(pictures.bands(scan.bits[firsts])):
        pairs, unlike = _like_pictures(scan, (firsts[first], firsts[second]))
        alike = wording.similarity(scan.sketches[pairs[0]], scan.sketches[pairs[1]])
        apart = rows.sides[pairs[0]] != rows.sides[pairs[1]]
        nearest.add(pairs, unlike, where=apart & (alike < NEAR_TEXT - SKETCH_MARGIN))
    for row, other, _ in nearest.each():
        yield _copy(rows, "shared picture", row, other, exact=False)


def _confirmed(rows: RowsToCheck, row: int, other: int) -> bool:
    """Whether two rows' texts, if they have any, are as similar as their sketches say."""
    if rows.inputs.modality == "image":
        return True
    return wording.overlap(texts_of(rows.inputs, row), texts_of(rows.inputs, other)) >= NEAR_TEXT


def _finding(rows: RowsToCheck, kind: Kind, row: int, *, detail: str = "") -> Finding:
    split, name = rows.name(row)
    return Finding(kind, split, name, rows.label(row), detail=detail)


def _copy(rows: RowsToCheck, kind: Kind, row: int, other: int, *, exact: bool) -> Finding:
    split, name = rows.name(row)
    other_split, other_name = rows.name(other)
    if kind == "duplicate" and not exact:
        kind = "near-duplicate"
    return Finding(
        kind,
        split,
        name,
        rows.label(row),
        other_split,
        other_name,
        rows.label(other),
        "equal" if exact else "nearly equal",
    )
