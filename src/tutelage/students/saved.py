"""A trained student, rebuilt from the folder that it was saved to."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from tutelage.backbones.model_config import load_model_config
from tutelage.data import Modality, Side
from tutelage.errors import StudentError, first_line, whole_message
from tutelage.students.base import Student
from tutelage.students.build import open_student, two_towers
from tutelage.students.joining import SIDES, join_towers
from tutelage.students.pair import PairBackbone, PairStudent
from tutelage.tasks import Kind

__all__ = ["open_saved"]


def open_saved(
    folder: Path,
    source: str,
    *,
    output_names: tuple[str, ...],
    task: Kind,
    params: Mapping[str, Any],
    model_input: Mapping[str, Any] | None,
    tap: str | None,
) -> Student:
    """Rebuild a student from its folder; it computes what it computed when it was saved.

    Nothing else is read, except that a ``python:`` student's factory is called (its module must be
    importable), and that some OpenCLIP architectures take their tokenizer from the hub's cache.
    Random states are left as they are.

    Args:
        folder: Written by ``Student.save``.
        source: The student's string when it was trained, as for ``open_student``.
        output_names: Names of the outputs.
        task: Kind of task.
        params: Options of the scheme in training.
        model_input: Input of a ``python:`` student in training.
        tap: Path of the tapped layer.

    Returns:
        The student in evaluation mode, on the CPU.

    Raises:
        StudentError: If files are missing, or do not fit together.
        ConfigError: If a factory cannot be imported.
    """
    outputs: dict[str, Any] = {"output_names": output_names}
    # A head is found by gradients, so none of this may be in inference mode.
    with torch.random.fork_rng(devices=[]), torch.inference_mode(False), torch.enable_grad():
        if (pair := _pair(folder, source, params=params, model_input=model_input)) is not None:
            student: Student = PairStudent(pair, **outputs)
            _load_state(student.model.head, folder / "head.safetensors", of=source)  # type: ignore[arg-type]
        else:
            _refuse_other_outputs(source, folder, len(output_names))
            student = open_student(
                _saved_source(source, folder),
                **outputs,
                task=task,
                modality=_modality(source, folder, model_input),
                params=_params(source, params),
                model_input=_saved_input(model_input, folder),
                tap=tap,
            )
            if source.startswith("python:"):
                _load_state(student.model, folder / "model.safetensors", of=source)
    student.model.eval()
    return student


def _refuse_other_outputs(source: str, folder: Path, outputs: int) -> None:
    """Refuse a saved model with another number of outputs: libraries put in a random head without a word."""
    if source.startswith("python:"):
        return  # its weights are loaded strictly
    try:
        if source.startswith("timm:"):
            saved = json.loads((folder / "config.json").read_bytes())["num_classes"]
        else:
            saved = load_model_config(str(folder.absolute())).num_labels
    except (OSError, ValueError, KeyError) as error:
        raise StudentError(
            f"{folder / 'config.json'} cannot be read: {first_line(error)}"
        ) from error
    if saved != outputs:
        raise StudentError(f"its head has {saved} outputs, not the {outputs} of the run")


def _pair(
    folder: Path, source: str, *, params: Mapping[str, Any], model_input: Mapping[str, Any] | None
) -> PairBackbone | None:
    """The towers of a student of images and texts that has a head of ours; else None."""
    if towers := two_towers(source):
        return _joined(folder, towers, params=params, model_input=model_input)
    if source.startswith("openclip:"):
        from tutelage.students.openclip import saved_openclip_towers

        return saved_openclip_towers(folder, source.removeprefix("openclip:").partition("/")[0])
    if source.startswith("hf:") and (folder / "head.safetensors").is_file():
        from tutelage.students.clip import saved_clip_towers

        return saved_clip_towers(folder, max_length=params.get("max_length"))
    return None


def _joined(
    folder: Path,
    towers: list[str],
    *,
    params: Mapping[str, Any],
    model_input: Mapping[str, Any] | None,
) -> PairBackbone:
    image, text = (
        _saved_source(tower, folder / side) for side, tower in zip(SIDES, towers, strict=True)
    )
    joined = join_towers(
        image,
        text,
        params={
            side: _params(tower, params.get(side, {}))
            for side, tower in zip(SIDES, towers, strict=True)
        },
        model_input=_saved_input(model_input, folder / "text"),
    )
    for side, tower in zip(SIDES, towers, strict=True):
        if tower.startswith("python:"):
            module: nn.Module = getattr(joined.module, side)
            _load_state(module, folder / side / "model.safetensors", of=tower)
    return joined


def _saved_source(source: str, folder: Path) -> str:
    """The string that names the saved model; a factory stays, and its module's weights are loaded."""
    scheme = source.partition(":")[0]
    place = folder.absolute()
    return {"timm": f"timm:local-dir:{place}", "hf": f"hf:{place}"}.get(scheme, source)


def _params(source: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Those options that say more than the saved files."""
    scheme = source.partition(":")[0]
    if scheme == "python":
        return dict(params)
    kept = {"timm": ("image_size",), "hf": ("max_length", "trust_remote_code")}[scheme]
    return {name: value for name, value in params.items() if name in kept}


def _saved_input(model_input: Mapping[str, Any] | None, folder: Path) -> dict[str, Any] | None:
    """The input with the tokenizer that was saved with the student."""
    if model_input is None:
        return None
    given = dict(model_input)
    if given.get("tokenizer") is not None and (folder / "tokenizer_config.json").is_file():
        given["tokenizer"] = str(folder.absolute())
    return given


def _modality(source: str, folder: Path, model_input: Mapping[str, Any] | None) -> Modality:
    if model_input is not None:
        settings: dict[str, Side] = {"image_size": "image", "tokenizer": "text"}
        sides = [side for name, side in settings.items() if model_input.get(name) is not None]
        return sides[0] if len(sides) == 1 else "image+text"
    images = source.startswith("timm:") or (folder / "preprocessor_config.json").is_file()
    return "image" if images else "text"


def _load_state(module: nn.Module, path: Path, *, of: str) -> None:
    try:
        module.load_state_dict(load_file(path))
    except FileNotFoundError:
        raise StudentError(f"{path} is missing; it holds weights of {of}") from None
    except (OSError, SafetensorError) as error:
        raise StudentError(f"{path} cannot be read: {whole_message(error)}") from error
    except RuntimeError as error:
        raise StudentError(
            f"the weights in {path} do not fit {of}: {whole_message(error)}; its code must build the "
            "model that was trained"
        ) from error
