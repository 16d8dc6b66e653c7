"""What a program without tutelage must do before and after an exported student: ``preprocess.json``."""

from collections.abc import Sequence
from typing import Any

from tutelage import __version__
from tutelage.deploy.graph import Form, image_of
from tutelage.deploy.picture_steps import PictureSteps
from tutelage.deploy.predict import columns_of
from tutelage.deploy.saved import SavedRun
from tutelage.inputs import ImageInput, PairInput, TextInput, padding_id

__all__ = ["describe_preprocessing"]


def describe_preprocessing(
    run: SavedRun, *, names: Sequence[str], form: Form, temperature: float
) -> dict[str, Any]:
    """Return the content of ``preprocess.json``.

    Keys:

    - ``task``, ``names`` of the outputs, ``activation`` that gives probabilities (``softmax``, ``sigmoid`` or
      ``none``), ``temperature`` that is in the graph already;
    - ``image``: how a picture becomes the tensor ``image``, for students that read images;
    - ``text``: how a text becomes tokens, for students that read texts. The tokenizer lies beside.

    Args:
        run: The run.
        names: Names of the graph's tensors.
        form: What the graph takes of an image.
        temperature: By which logits are divided in the graph.
    """
    task, reads = run.task, run.student.input
    activation = "softmax" if task.labels_are_classes else "sigmoid"
    described: dict[str, Any] = {
        "tutelage": __version__,
        "task": task.kind,
        "names": list(task.names),
        "activation": activation if task.has_classes else "none",
        "temperature": temperature,
    }
    if (image := image_of(reads)) is not None:
        described["image"] = _image(image, run, form)
    text = reads.text if isinstance(reads, PairInput) else reads
    if isinstance(text, TextInput):
        described["text"] = _text(text, run, names=[name for name in names if name != "image"])
    return described


def _image(reads: ImageInput, run: SavedRun, form: Form) -> dict[str, Any]:
    inside = {"pixels": ["normalize"], "picture": ["resize", "crop", "normalize"], "normalized": []}
    height, width = reads.size
    shapes = {"pixels": ["rows", 3, height, width], "picture": ["height", "width", 3]}
    steps = PictureSteps.of(reads)
    return {
        "takes": form,
        "shape": shapes.get(form, shapes["pixels"]),
        "type": "float32" if form == "normalized" else "uint8",
        "in_the_graph": inside[form],
        "decode": {
            "mode": "RGB",
            "upright": "turned as EXIF says",
            "background": run.config.data.background,
        },
        "resize_and_crop": None if steps is None else steps.described(),
        "settings": {name: _plain(value) for name, value in reads.preparation.items()},
        "normalize": {"of": "pixels / 255", "mean": list(reads.mean), "std": list(reads.std)},
    }


def _text(reads: TextInput, run: SavedRun, *, names: list[str]) -> dict[str, Any]:
    columns = columns_of(run)
    return {
        "tensors": names,
        "max_length": reads.max_length,
        "cut_at": "start" if reads.tokenizer.truncation_side == "left" else "end",
        "pad_at": "end",
        "pad_id": padding_id(reads.tokenizer, vocabulary=reads.vocabulary),
        "fixed_length": reads.fixed_length,
        "special_tokens_in_texts": "ordinary text" if reads.literal else "special tokens",
        "columns": list(columns.text or ()),
        "template": run.config.data.template,
        "too_long_in_template": "the longest field is cut at its end; the words around stay",
    }


def _plain(value: Any) -> Any:
    simple = (str, int, float, bool, type(None))
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value if isinstance(value, simple) else str(value)
