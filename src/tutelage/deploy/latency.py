"""Speed and size of a finished run's student, next to its teachers and its exported files."""

import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from tutelage.deploy.contenders import Contender, exported_file, student_of, teacher_of
from tutelage.deploy.flops import COUNTED
from tutelage.deploy.sample_rows import SampleRows, sample_rows
from tutelage.deploy.saved import SavedRun
from tutelage.deploy.timing import Rounds, in_turn
from tutelage.errors import ConfigError, DataError, TutelageError, out_of_memory
from tutelage.progress import Progress, Silent
from tutelage.results.exports import read_export
from tutelage.results.latency import Latency, Spread, TimedModel, Timing, write_latency
from tutelage.training.accelerator import computing_device, device_name, versions

__all__ = ["latency"]

BATCH = {"cpu": 32}
"""Rows of the largest batch by kind of device, where the user does not say."""
ACCELERATOR_BATCH = 256


def latency(
    folder: Path | str,
    *,
    teachers: bool = True,
    batch_size: int | None = None,
    device: str | None = None,
    threads: int | None = None,
    rounds: Rounds | None = None,
    progress: Progress | None = None,
) -> Latency:
    """Measure a run's student next to its teachers and its ONNX files; write ``latency.json``.

    Each model is timed from a batch of decoded pixels or token ids in the device's memory to its
    outputs, in float32; normalization of pixels is included, decoding, resizing and tokenizing are not.
    The models take turns, round after round, so that a busy moment of the machine meets all of them;
    ratios are taken within a round.

    Args:
        folder: The folder of a finished run; of a published student, nothing is written.
        teachers: Whether the teachers are loaded and measured.
        batch_size: Rows of the largest batch: by default 32 on the CPU, 256 on other devices. It is
            halved until all models have room.
        device: ``"cpu"`` or ``"cuda"``; by default the CPU, then the accelerator that is there.
        threads: Threads of the CPU; by default as many as PyTorch uses.
        rounds: How long they are measured.
        progress: Receives progress reports. Silent by default.

    Returns:
        What was measured; it is also in ``latency.json``. What could not be is named in ``left_out``.

    Raises:
        TutelageError: If the folder holds no finished run, or the device is not there.
    """
    rounds, progress = rounds or Rounds(), progress or Silent()
    devices = _devices(device)
    _refuse_below_one(batch_size=batch_size, threads=threads)
    run = SavedRun.open(folder)
    started = datetime.now(UTC).isoformat(timespec="seconds")
    with _threads(threads) as count:
        contenders, left_out = _contenders(run, teachers=teachers, threads=count, progress=progress)
        most = max(batch_size or _default_batch(one) for one in devices)
        rows = sample_rows(run.config.data, run.student.input, modality=run.modality, most=most)
        flops = [contender.flops([rows.typical]) for contender in contenders]
        timings: dict[str, list[Timing]] = {one.name: [] for one in contenders}
        for place in devices:
            sizes = sorted({1, batch_size or _default_batch(place)})
            for size in sizes:
                measured = _measured(contenders, rows, place, size, rounds, progress)
                if size > 1 and measured["student"].batch_size == 1:
                    continue  # halved to the batch that was measured before
                for name, timing in measured.items():
                    timings[name].append(timing)
        measurement = Latency(
            models=tuple(
                TimedModel(
                    name=one.name,
                    role=one.role,
                    parameters=one.parameters,
                    bytes=one.bytes,
                    flops=operations,
                    timings=tuple(timings[one.name]),
                )
                for one, operations in zip(contenders, flops, strict=True)
            ),
            rows=rows.description,
            counted=COUNTED,
            left_out=tuple(left_out),
            threads=count,
            warm_up=rounds.warm_up,
            versions=versions(),
            machine=_processor(),
            started=started,
        )
    if not run.published:
        write_latency(run.folder, measurement)
    return measurement


def _contenders(
    run: SavedRun, *, teachers: bool, threads: int, progress: Progress
) -> tuple[list[Contender], list[str]]:
    """The student, its teachers and its exported files; and why others are left out."""
    contenders = [student_of(run.student, name="student", files=run.student_folder)]
    left_out = []

    def add(name: str, load: Callable[[], Contender]) -> None:
        try:
            contenders.append(load())
        except TutelageError as error:
            left_out.append(f"{name}: {error}")
            progress.note(f"not measured: {name}: {error}")

    if teachers:
        config = run.config
        for name, teacher in zip(config.teacher_names, config.teachers, strict=True):
            add(name, lambda n=name, t=teacher: teacher_of(t, name=n, rows=run.modality))  # type: ignore[misc]

    def of_this_student(path: Path, name: str) -> Contender:
        record = read_export(path.parent)
        if record is not None and not record.is_of(run.result):
            raise DataError(
                "it was exported from an earlier training in this folder; write it again by 'tutelage export'"
            )
        return exported_file(path, run.student.input, name=name, threads=threads)

    for path in sorted(run.folder.rglob("*.onnx")):
        name = path.relative_to(run.folder).as_posix()
        add(name, lambda p=path, n=name: of_this_student(p, n))  # type: ignore[misc]
    return contenders, left_out


def _measured(
    contenders: Sequence[Contender],
    rows: SampleRows,
    device: torch.device,
    size: int,
    rounds: Rounds,
    progress: Progress,
) -> dict[str, Timing]:
    """Time the models on one device; the batch is halved until it fits."""
    while True:
        try:
            return _timed(contenders, rows.batch(size), device, rounds, progress)
        except RuntimeError as error:
            if not out_of_memory(error) or size == 1:
                raise
            progress.note(f"{size} rows do not fit the memory of {device}; trying {size // 2}")
            size //= 2


@torch.inference_mode()
def _timed(
    contenders: Sequence[Contender],
    rows: Sequence[Any],
    device: torch.device,
    rounds: Rounds,
    progress: Progress,
) -> dict[str, Timing]:
    there = [one for one in contenders if one.move(device)]
    calls = {one.name: _call(one, rows, device) for one in there}
    label = f"{device.type}, batch {len(rows)}"
    with progress.track(label, rounds.most, unit="rounds") as tell:
        times = in_turn(calls, rounds=rounds, wait=_waiting(device), tell=tell)
    for one in there:
        one.move(torch.device("cpu"))
    student = times[there[0].name]
    return {
        name: Timing(
            device=device_name(device),
            batch_size=len(rows),
            rounds=len(seconds),
            milliseconds=Spread.of(1000 * second / len(rows) for second in seconds),
            ratio=Spread.of(mine / base for mine, base in zip(seconds, student, strict=True)),
        )
        for name, seconds in times.items()
    }


def _call(contender: Contender, rows: Sequence[Any], device: torch.device) -> Callable[[], object]:
    batch = {name: value.to(device) for name, value in contender.batch(rows).items()}
    return lambda: contender.forward(batch)


def _waiting(device: torch.device) -> Callable[[], object]:
    if device.type == "cpu":
        return lambda: None
    return lambda: torch.accelerator.synchronize(device)


def _devices(asked: str | None) -> list[torch.device]:
    """The CPU and the accelerator that is there, or the one that was asked for."""
    cpu, there = torch.device("cpu"), computing_device("auto")
    if asked is None:
        return [cpu] if there.type == "cpu" else [cpu, there]
    if asked not in ("cpu", there.type):
        known = "cpu" if there.type == "cpu" else f"cpu and {there.type}"
        raise ConfigError(f"there is no device {asked!r} here; this machine has {known}")
    return [cpu if asked == "cpu" else there]


def _default_batch(device: torch.device) -> int:
    return BATCH.get(device.type, ACCELERATOR_BATCH)


def _refuse_below_one(**numbers: int | None) -> None:
    for name, number in numbers.items():
        if number is not None and number < 1:
            raise ConfigError(f"{name} = {number}; give at least 1")


@contextmanager
def _threads(asked: int | None) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(asked or before)
    try:
        yield asked or before
    finally:
        torch.set_num_threads(before)


def _processor() -> str:
    """Name of the processor, as Linux has it; else what Python knows."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()
