"""``tutelage init``: inspect the data and write a commented config."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from tutelage.config import DataConfig, TrainConfig, load_config
from tutelage.data import Data, Splits, open_data, summarize
from tutelage.errors import ConfigError
from tutelage.files import write_atomically, writing_to
from tutelage.recipes import SCHEME, recipe, recipe_text
from tutelage.results.shell import command_line
from tutelage.tasks import TASKS
from tutelage.training.lengths import length_of

__all__ = ["write_config"]

MODELS = {
    "image": (
        "timm:vit_small_patch16_224.augreg_in1k",
        ("timm:vit_giant_patch14_dinov2.lvd142m", "hf:openai/clip-vit-large-patch14"),
    ),
    "text": (
        "hf:distilbert/distilbert-base-uncased",
        ("hf:google/flan-t5-large", "hf:sentence-transformers/all-mpnet-base-v2"),
    ),
    "image+text": (
        "timm:resnet50.a1_in1k+hf:distilbert/distilbert-base-uncased",
        ("timm:vit_giant_patch14_dinov2.lvd142m", "hf:google/flan-t5-large"),
    ),
}


def write_config(source: str, path: Path, *, settings: Sequence[str] = ()) -> str:
    """Write a commented config for some data; return what was read and chosen of the data.

    Args:
        source: A value of ``data.source``, or ``recipe:NAME``, whose config is written unchanged, with
            a student and teachers to choose.
        path: The file to write. An existing file is an error.
        settings: Settings of the data, such as ``data.label=sentiment``; they are written, too.

    Raises:
        ConfigError: If the file exists already, or a setting is wrong or not one of the data.
        OutputError: If the file cannot be written.
        DataError: If the data cannot be read.
    """
    if path.exists():
        raise ConfigError(f"{path} exists already; choose another name with --out")
    if others := [each for each in settings if not each.strip().startswith("data.")]:
        raise ConfigError(
            f"init takes settings of the data alone, such as data.label=NAME, not {others[0]!r}; write "
            "others into the file, or give them to train"
        )
    if source.startswith(SCHEME):
        if settings:
            raise ConfigError("a recipe is written unchanged; give --set to train instead")
        _write(path, _completed(source.removeprefix(SCHEME)))
        return f"wrote {path}; next: {command_line('tutelage', 'train', path)}"
    given = {"data": {"source": source}, "transfer": {"method": "stl"}}
    options = load_config([given], assignments=settings).data
    data, splits = open_data(options)
    _write(path, _config(data, splits, options, path))
    told = summarize(data, splits, options)
    return "\n".join((*told, f"wrote {path}; next: {command_line('tutelage', 'train', path)}"))


def _write(path: Path, text: str) -> None:
    with writing_to(path, advice="choose another file with --out"):
        write_atomically(path, text)


def _completed(name: str) -> str:
    """A recipe with a student and teachers."""
    data = recipe(name)["data"]
    student, teachers = MODELS["text" if "template" in data or "text" in data else "image"]
    text = recipe_text(name).replace("[student]\n", f"[student]\nsource = {_quoted(student)}\n", 1)
    return f"""{text}
# Teachers; see 'tutelage list schemes' for other kinds, of students too.
[[teachers]]
source = {_quoted(teachers[0])}

# [[teachers]]
# source = {_quoted(teachers[1])}
"""


def _config(data: Data, splits: Splits, options: DataConfig, path: Path) -> str:
    student, teachers = MODELS[data.modality]
    source = options.source
    rows, classes = len(splits.training), len(data.classes)
    drawn = (
        "" if "test" in data.splits else " (drawn from the training rows: there is no test split)"
    )
    batch = min(128 if data.modality == "image" else 64, max(2, rows // 4))
    more = "" if data.modality == "image+text" else "# "  # AFT needs a teacher of each
    without = sum(map(len, splits.unlabelled))
    train = TrainConfig(batch_size=batch)
    steps = length_of(train, labelled=rows, unlabelled=without, taught=True).settings.steps
    held = (
        "not used: the validation split is the hold-out"
        if options.validation in data.splits
        else "share of the training rows set aside to choose settings"
    )
    name = Path(source.partition(":")[2].rstrip("/")).stem or "run"
    return f"""# {rows} training and {len(splits.evaluated)} test rows{drawn} of {classes} {_word(data)}.
# Change any line here, or on the command line: {command_line("tutelage", "train", path, "--set", "train.lr=3e-4")}

name = {_quoted(name)}
seed = 0                          # random seed: new head, data order, dropout

[data]
source = {_quoted(source)}
task = {_quoted(options.task):<27}# or {_other_tasks(options.task)}: see docs/tasks.md
{_columns(data, options)}holdout = {options.holdout:<24}# {held}
evaluate = {_quoted(options.evaluate):<23}# "holdout" scores the hold-out and never reads the test rows

# Teachers: frozen models, run once over the training rows; their features are cached. The better a
# teacher does on your task, the more it helps: {command_line("tutelage", "rank", path)}
# compares them.
# 'tutelage list schemes' shows other kinds, such as features computed elsewhere (features:FILE).
[[teachers]]
source = {_quoted(teachers[0])}

{more}[[teachers]]
{more}source = {_quoted(teachers[1])}

# The student: the small model that you deploy.
[student]
source = {_quoted(student)}
head = "auto"                     # from a linear probe on the student's own features; or "random"

# {command_line("tutelage", "train", path, "--auto", "--budget", "30m")}
# finds the best of method, strength, learning rate and length instead.
[transfer]
method = "aft"                    # "stl" is fine-tuning without teachers: run it too, to compare
beta = 10.0                       # strength; {command_line("tutelage", "tune", path)} chooses it
standardize = "auto"              # true: scale each teacher feature to mean 0, deviation 1; "auto":
                                  # only where there are several teachers, so that each counts

[train]
steps = "auto"                    # by the number of rows, here about {steps:,}; or a number
patience = 1.0                    # multiplies the automatic number
batch_size = {batch:<21}# larger is better: the kernel compares the rows of a batch
lr = 1e-4
optimizer = "adam"                # adam, adamw or sgd
warmup = 0                        # steps of linear warm-up
mixed_precision = "auto"          # bf16 on a GPU that has it
augment = "none"                  # "invariant": the student sees augmented images

[output]
dir = {_quoted("runs/" + name)}
"""


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _columns(data: Data, options: DataConfig) -> str:
    """The columns that are read, named or detected, and all other settings that were given."""
    lines: dict[str, object] = {}
    if columns := data.columns:
        lines |= {"image": columns.image, "label": columns.label, "id": columns.id}
        if columns.template is None and columns.text:
            lines["text"] = columns.text[0] if len(columns.text) == 1 else list(columns.text)
    written = {"source", "task", "holdout", "evaluate"}
    given = options.model_dump(mode="json", exclude_unset=True, exclude_none=True)
    lines |= {name: value for name, value in given.items() if name not in written}
    text = "".join(f"{key} = {_toml(value)}\n" for key, value in lines.items() if value is not None)
    unread = f"# texts and images not read: {', '.join(data.unread)}\n" if data.unread else ""
    return text + unread


def _toml(value: object) -> str:
    """A value as TOML in one line."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_quoted(k)} = {_toml(v)}" for k, v in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)


def _word(data: Data) -> str:
    return str(TASKS[data.task].outputs_word)


def _other_tasks(task: str) -> str:
    return ", ".join(f'"{name}"' for name in TASKS if name != task)
