"""How a published student is used: with tutelage, and with its own library."""

from tutelage.deploy.saved import SavedRun
from tutelage.students.build import two_towers

__all__ = ["library", "pipeline_tag", "usage"]


def library(run: SavedRun) -> str:
    """Return the library that loads the student's files without tutelage, else ``"tutelage"``."""
    source = run.result.student.source
    scheme = source.partition(":")[0]
    if two_towers(source) or run.modality == "image+text" or scheme == "python":
        return "tutelage"
    return {"timm": "timm", "hf": "transformers"}.get(scheme, "tutelage")


def pipeline_tag(run: SavedRun) -> str | None:
    """Return the hub's name of the task; None where it has none."""
    if run.modality == "image+text":
        return None
    if run.modality == "image":
        return "image-classification" if run.task.has_classes else None
    return "text-classification"


def usage(run: SavedRun, name: str | None) -> str:
    """Return Markdown that shows how to load and use the student.

    Args:
        run: The run.
        name: The student's name on the hub; None before it is published.
    """
    place = f"hf:{name}" if name else "path/to/run"
    parts = [_with_tutelage(run, place)]
    if library(run) == "timm":
        parts.append(_with_timm(run, f"hf_hub:{name}" if name else "local-dir:path/to/student"))
    if library(run) == "transformers":
        parts.append(_with_transformers(run, name or "path/to/student"))
    towers = run.result.student.source.split("+")
    if own := [f"`{one.removeprefix('python:')}`" for one in towers if one.startswith("python:")]:
        parts.append(
            f"The model's code is not part of these files: {' and '.join(own)} must be importable."
        )
    return "\n\n".join(parts)


def _with_tutelage(run: SavedRun, place: str) -> str:
    several = "[" + ", ".join(f'"text {one}"' for one in range(1, _texts(run) + 1)) + "]"
    text = '"a sentence"' if _texts(run) == 1 else several
    example = {"image": '"photo.jpg"', "text": text}.get(run.modality, f'("photo.jpg", {text})')
    return (
        "Preprocessing, columns and class names come with it:\n\n"
        "```python\n"
        "import tutelage\n\n"
        f'student = tutelage.load("{place}")\n'
        f"prediction = student.predict([{example}])[0]\n"
        "print(prediction.answer, prediction.scores)\n"
        "```"
    )


def _texts(run: SavedRun) -> int:
    given = run.config.data.text
    read = run.result.inputs.text if run.result.inputs else None
    names = read or (given if isinstance(given, tuple) else (given,))
    return len(names)


def _with_timm(run: SavedRun, place: str) -> str:
    return (
        "With timm alone (the images' size, mean and standard deviation are in `config.json`):\n\n"
        "```python\n"
        "import timm\n\n"
        f'model = timm.create_model("{place}", pretrained=True).eval()\n'
        "data = timm.data.resolve_model_data_config(model)\n"
        "transform = timm.data.create_transform(**data, is_training=False)\n"
        "```\n\n" + _meaning(run)
    )


def _with_transformers(run: SavedRun, place: str) -> str:
    auto = (
        "AutoModelForImageClassification"
        if run.modality == "image"
        else "AutoModelForSequenceClassification"
    )
    reader = "AutoImageProcessor" if run.modality == "image" else "AutoTokenizer"
    template = run.config.data.template
    within = (
        f"Texts are put into the template `{_one_line(template)}` first.\n\n" if template else ""
    )
    return (
        "With transformers alone:\n\n"
        "```python\n"
        f"from transformers import {auto}, {reader}\n\n"
        f'model = {auto}.from_pretrained("{place}").eval()\n'
        f'reader = {reader}.from_pretrained("{place}")\n'
        "```\n\n" + within + _meaning(run)
    )


def _one_line(text: str) -> str:
    return repr(text)[1:-1].replace("`", "'")


def _meaning(run: SavedRun) -> str:
    return f"Its outputs are {run.task.outputs_are}."
