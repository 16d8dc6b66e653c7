"""The models whose speed is compared: a run's student, its teachers, and files exported from it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from tutelage.config import TeacherConfig
from tutelage.data import Modality, Side
from tutelage.deploy.flops import count_flops
from tutelage.errors import MissingExtraError, SourceError, whole_message
from tutelage.inputs import ModelInput
from tutelage.students import Student
from tutelage.teachers import Encoder, open_teacher
from tutelage.teachers.build import LOOKED_UP
from tutelage.teachers.sides import side_of

__all__ = ["Contender", "exported_file", "student_of", "teacher_of"]

Prepared = Mapping[str, Tensor]


@dataclass(frozen=True)
class Contender:
    """A model that is run on rows.

    Attributes:
        name: Its name in tables.
        role: The student, one of its teachers, or a file exported from the student.
        side: What it reads of rows with an image and a text; None if it reads all of a row.
        parameters: Number of parameters; None where it is not known.
        bytes: Size of its files; of a teacher, of its weights; None where it is not known.
        batched: Converts rows to a batch on the CPU.
        move: Moves it to a device; False if it cannot run there.
        forward: Runs it on a batch that is on the device.
        counts: Whether PyTorch can count its operations.
    """

    name: str
    role: Literal["student", "teacher", "export"]
    side: Side | None
    parameters: int | None
    bytes: int | None
    batched: Callable[[Sequence[Any]], Prepared]
    move: Callable[[torch.device], bool]
    forward: Callable[[Prepared], object]
    counts: bool = True

    def batch(self, rows: Sequence[Any]) -> dict[str, Tensor]:
        """Return the batch of some rows, still on the CPU."""
        mine = rows if self.side is None else [_part(row, self.side) for row in rows]
        return dict(self.batched(mine))

    def flops(self, rows: Sequence[Any]) -> int | None:
        """Return the floating-point operations of some rows; the model is on the CPU."""
        batch = self.batch(rows)
        return count_flops(lambda: self.forward(batch)) if self.counts else None


def student_of(student: Student, *, name: str, files: Path) -> Contender:
    """Return a run's student; its features are not read.

    Args:
        student: The student, in evaluation mode.
        name: Its name in tables.
        files: The folder that it was saved in.
    """
    student.tap.close()

    def move(device: torch.device) -> bool:
        student.model.to(device)
        return True

    return Contender(
        name=name,
        role="student",
        side=None,
        parameters=student.parameters,
        bytes=sum(path.stat().st_size for path in files.rglob("*.safetensors")),
        batched=_batches(student.input),
        move=move,
        forward=student.outputs,
    )


def teacher_of(config: TeacherConfig, *, name: str, rows: Modality) -> Contender:
    """Load a teacher, with its weights in float32.

    Args:
        config: The teacher's settings.
        name: Its name in tables.
        rows: Modality of the run's rows.

    Raises:
        TutelageError: If it cannot be opened, or is no model: its features were computed elsewhere.
    """
    model_input = None if config.input is None else config.input.model_dump()
    side = side_of(
        config.source,
        rows=rows,
        stated=config.modality,
        params=config.params,
        model_input=model_input,
    )
    if config.source.startswith(LOOKED_UP):
        raise SourceError("its features are looked up, so there is no model to run")
    teacher = open_teacher(
        config.source, modality=side, params=config.params, model_input=model_input
    )
    if not isinstance(teacher, Encoder):
        raise SourceError("it looks features up, so there is no model to run")
    module = getattr(teacher, "model", None)

    def move(device: torch.device) -> bool:
        teacher.to(device, torch.float32)
        return True

    return Contender(
        name=name,
        role="teacher",
        side=side if rows == "image+text" else None,
        parameters=teacher.parameters,
        bytes=_size(module) if isinstance(module, nn.Module) else _size_of_file(config),
        batched=_batches(teacher),
        move=move,
        forward=teacher.encode,
        counts=not config.source.startswith("onnx:"),
    )


def exported_file(path: Path, model_input: ModelInput, *, name: str, threads: int) -> Contender:
    """Open an ONNX file that was exported from the student.

    Args:
        path: The file. Its inputs have the names of the batch's tensors.
        model_input: The student's input.
        name: Its name in tables.
        threads: Threads of ONNX Runtime.

    Raises:
        MissingExtraError: If onnxruntime is not installed.
        SourceError: If ONNX Runtime cannot run the file, it has other inputs, or takes one picture.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtraError("onnxruntime", extra="onnx", purpose=path.name) from error
    session = _Session(onnxruntime, path, threads)

    def batched(rows: Sequence[Any]) -> Prepared:
        return model_input.collate([model_input.prepare(row) for row in rows])

    def forward(batch: Prepared) -> object:
        if session.normalizes:
            return session.run(batch)
        return session.run(model_input.finish(batch, dtype=torch.float32))

    return Contender(
        name=name,
        role="export",
        side=None,
        parameters=None,
        bytes=path.stat().st_size + sum(f.stat().st_size for f in _beside(path)),
        batched=batched,
        move=session.move,
        forward=forward,
        counts=False,
    )


class _Session:
    """A session of ONNX Runtime on one device."""

    def __init__(self, onnxruntime: Any, path: Path, threads: int) -> None:
        self._library, self._path, self._threads = onnxruntime, path, threads
        self._session = self._opened(["CPUExecutionProvider"])
        inputs = self._session.get_inputs()
        self._types = {given.name: _NUMPY.get(given.type) for given in inputs}
        if any(given.name == "image" and len(given.shape) == 3 for given in inputs):
            raise SourceError(
                f"{path} takes one picture of any size (--input picture), so it has no time for a batch"
            )

    @property
    def normalizes(self) -> bool:
        """Whether the graph takes pixels as they are, and normalizes them itself."""
        return self._types.get("image") is np.uint8

    def move(self, device: torch.device) -> bool:
        if device.type == "cpu":
            return True
        provider = "CUDAExecutionProvider"
        if device.type != "cuda" or provider not in self._library.get_available_providers():
            return False
        self._session = self._opened([provider, "CPUExecutionProvider"])
        return True

    def run(self, ready: Prepared) -> list[Any]:
        feeds: dict[str, Any] = {
            name: ready[name].cpu().numpy().astype(dtype or np.float32, copy=False)
            for name, dtype in self._types.items()
            if name in ready
        }
        if missing := sorted(set(self._types) - set(feeds)):
            raise SourceError(
                f"{self._path} has the input {missing[0]!r}, which the student has not"
            )
        outputs: list[Any] = self._session.run(None, feeds)
        return outputs

    def _opened(self, providers: list[str]) -> Any:
        options = self._library.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = self._threads
        try:
            return self._library.InferenceSession(str(self._path), options, providers=providers)
        except Exception as error:
            raise SourceError(
                f"ONNX Runtime cannot run {self._path}: {whole_message(error)}"
            ) from error


_NUMPY = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(uint8)": np.uint8,
    "tensor(bool)": np.bool_,
}


def _batches(model_input: Any) -> Callable[[Sequence[Any]], Prepared]:
    prepare, collate = model_input.prepare, model_input.collate

    def batched(rows: Sequence[Any]) -> Prepared:
        batch: Prepared = collate([prepare(row) for row in rows])
        return batch

    return batched


def _part(row: Any, side: Side) -> Any:
    image, text = row
    return image if side == "image" else text


def _size(module: nn.Module) -> int:
    tensors = [*module.parameters(), *module.buffers()]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def _size_of_file(config: TeacherConfig) -> int | None:
    scheme, _, name = config.source.partition(":")
    path = Path(name).expanduser()
    return path.stat().st_size if scheme == "onnx" and path.is_file() else None


def _beside(path: Path) -> list[Path]:
    """Files of weights that belong to an ONNX file."""
    return sorted(path.parent.glob(f"{path.name}.data")) + sorted(
        path.parent.glob(f"{path.name}_data")
    )
