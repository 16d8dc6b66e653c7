"""Extraction shared among the processes of one job, as torchrun and accelerate start them.

One process leads: it holds the entry's lock, computes parts and writes all. The others compute parts
and hand them over as files. They need the cache's folder alone, no connection: the processes of each
machine share the work if every machine has a cache of its own, and all do if it is shared. If the
leader dies, another process takes its place.
"""

import os
import time
from collections.abc import Callable, Generator, Sequence
from pathlib import Path

from tutelage.cache.claims import PartClaims
from tutelage.cache.handover import Handover
from tutelage.cache.journal import Journal
from tutelage.cache.layout import Layout
from tutelage.cache.locks import try_lock
from tutelage.cache.manifest import MANIFEST
from tutelage.cache.writer import FeatureWriter
from tutelage.errors import TutelageError
from tutelage.extraction.parts import ComputedPart, PartComputer
from tutelage.files.locks import LongWait
from tutelage.inputs import Cuts

__all__ = ["computed_by_all", "help_leader", "processes", "rank"]

_LARGEST_CLAIM = 64
"""Parts that a process claims at once."""
_POLL = 0.05
_LEADER_STARTS = 5.0
"""Seconds that the others give the first process to start."""
_TOLD_AFTER = 60.0
"""Seconds without a part of the others after which that is told."""


def processes() -> int:
    """Return how many processes the job has; 1 if no launcher started this one."""
    return int(os.environ.get("WORLD_SIZE") or 1)


def rank() -> int:
    """Return the number of this process in its job, from 0."""
    return int(os.environ.get("RANK") or 0)


def computed_by_all(
    computer: PartComputer, writer: FeatureWriter, *, advance: Callable[[int], None]
) -> Generator[ComputedPart, None, None]:
    """Yield the missing parts, in any order, for the process that writes them.

    Args:
        computer: Computes the parts that this process claims.
        writer: The entry's writer. A part that is in it is deleted from the handover.
        advance: Receives numbers of rows as they are done, by any process.
    """
    layout, handover, claims = computer.layout, Handover(writer.folder), PartClaims(writer.folder)
    remaining = set(writer.missing)
    wait = LongWait(after=_TOLD_AFTER)

    def waited_for() -> str:
        return (
            f"waiting for other processes of this job, whose last parts ({len(remaining)}) do not come: for "
            f"{_TOLD_AFTER:g} s they have held {claims.path}. If one hangs or was stopped (Ctrl-Z), end the "
            "job and start it again: what is done is kept"
        )

    def handed_over() -> Generator[ComputedPart, None, None]:
        for part in sorted(handover.parts()):
            if part not in remaining:
                if part not in writer.missing:  # it is on disk
                    handover.remove(part)
                continue
            given = handover.read(part)
            if given is None or given[0].shape != (len(layout.part(part)), layout.width):
                handover.remove(part)
                continue
            remaining.discard(part)
            advance(len(layout.part(part)))
            yield ComputedPart(part, given[0], Cuts(**given[1]))

    try:
        while remaining:
            yield from handed_over()
            own = claims.take(sorted(remaining), at_most=_share(len(remaining)))
            own = _still(own, handover.parts(), claims)
            for done in computer.compute(own, advance=advance):
                remaining.discard(done.part)
                yield done
                yield from handed_over()
            if not own and remaining and not handover.parts() & remaining:
                wait.goes_on(waited_for)
                time.sleep(_POLL)  # others compute the last parts
            else:
                wait.ends()
    finally:
        claims.close()


def help_leader(
    computer: PartComputer, folder: Path, *, ended: Callable[[], None] = lambda: None
) -> None:
    """Compute parts that no process has claimed, and hand them over, until none is left.

    Args:
        computer: Computes the parts.
        folder: The entry's folder.
        ended: Called before each claim; may raise where the leader gave the entry up.
    """
    layout, handover, claims = computer.layout, Handover(folder), PartClaims(folder)
    try:
        while not (folder / MANIFEST).exists():
            ended()
            waiting = _waiting(folder, layout, handover)
            own = claims.take(waiting, at_most=_share(len(waiting)))
            done = set(range(layout.parts)) - set(_waiting(folder, layout, handover))
            own = _still(own, done, claims)
            if not own:
                break
            for part in computer.compute(own):
                handover.put(part.part, part.features, notes=vars(part.cuts))
                claims.drop(part.part)
                if (folder / MANIFEST).exists():
                    handover.clear()
                    break
                ended()
    except TutelageError:  # what this process handed over serves nobody
        handover.clear()
        raise
    finally:
        claims.close()
    _let_the_first_lead(folder)


def _let_the_first_lead(folder: Path) -> None:
    """Wait until another process holds the entry's lock, or long enough for one to start."""
    until = time.monotonic() + _LEADER_STARTS
    while time.monotonic() < until and not (folder / MANIFEST).exists():
        with try_lock(folder, create=False) as free:
            if not free:
                return
        time.sleep(_POLL)


def _waiting(folder: Path, layout: Layout, handover: Handover) -> list[int]:
    """Return the parts that are neither written nor handed over, by the files that say so."""
    handed = handover.parts()  # first: a part is in the journal before its file is deleted
    done = handed | (Journal(folder, layout).read() or {}).keys()
    return [part for part in range(layout.parts) if part not in done]


def _share(parts: int) -> int:
    """Return how many of the waiting parts to claim: fewer and fewer, so that all end together."""
    return max(1, min(_LARGEST_CLAIM, parts // (2 * processes())))


def _still(own: Sequence[int], done: set[int], claims: PartClaims) -> list[int]:
    """Return the claimed parts that no other process did in the meantime."""
    for part in set(own) & done:
        claims.drop(part)
    return [part for part in own if part not in done]
