"""The preloaded library of faults (``fault.c``): compiled once, and switched on in a child."""

import ctypes
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = ["MODES", "Fault", "arm", "preload"]

SOURCE = Path(__file__).with_name("fault.c")
MODES = {
    "count": 0,
    "fail": 1,
    "fail from here on": 2,
    "killed before": 3,
    "killed inside": 4,
    "killed after": 5,
    "short": 6,
}
SPACE, OTHER, READING = 1, 2, 4


@dataclass(frozen=True)
class Fault:
    """What happens to the file operations of a child.

    Attributes:
        mode: A name of ``MODES``.
        number: Which operation it happens to, from 1 up.
        error: ``errno`` of a failure.
        kinds: ``SPACE`` for operations that need room, ``OTHER`` for other changes, ``READING``.
        shift: Seconds that the wall clock is shifted by.
        reading: Which reading of the clock is the first shifted one; 0 for none.
    """

    mode: str = "count"
    number: int = 0
    error: int = 0
    kinds: int = SPACE | OTHER
    shift: int = 0
    reading: int = 0


def preload() -> None:
    """Start this program again with the library preloaded, unless it already is."""
    library = _compiled()
    if os.environ.get("LD_PRELOAD") != str(library):
        os.environ |= {"LD_PRELOAD": str(library), "OMP_NUM_THREADS": "1"}
        os.execv(sys.executable, [sys.executable, *sys.argv])


def arm(folder: Path, fault: Fault) -> None:
    """Switch a fault on, for the operations of this process below a folder."""
    library = _loaded()
    library.fault_arm(
        f"{folder}/".encode(), MODES[fault.mode], fault.number, fault.error, fault.kinds
    )
    library.fault_clock(fault.shift, fault.reading)


def seen() -> tuple[int, int]:
    """Return how many operations, and readings of the clock, there were since ``arm``."""
    library = _loaded()
    return library.fault_count(), library.fault_readings()


def _compiled() -> Path:
    library = Path(tempfile.gettempdir()) / f"tutelage-fault-{os.getuid()}-{_stamp()}.so"
    if not library.exists():
        draft = library.with_suffix(f".{os.getpid()}")
        command = ["cc", "-O2", "-shared", "-fPIC", "-o", str(draft), str(SOURCE), "-ldl"]
        subprocess.run(command, check=True)
        draft.replace(library)
    return library


def _stamp() -> str:
    return f"{SOURCE.stat().st_mtime_ns:x}"


@cache
def _loaded() -> ctypes.CDLL:
    library = ctypes.CDLL(str(_compiled()))
    for name in ("fault_arm", "fault_clock"):
        getattr(library, name).restype = None
    library.fault_arm.argtypes = [
        ctypes.c_char_p,
        *[ctypes.c_int, ctypes.c_long],
        *[ctypes.c_int] * 2,
    ]
    library.fault_clock.argtypes = [ctypes.c_long, ctypes.c_long]
    library.fault_count.restype = library.fault_readings.restype = ctypes.c_long
    return library
