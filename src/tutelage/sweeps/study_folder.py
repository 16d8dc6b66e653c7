"""The folder of a study: what is studied there, and the refusal of another study."""

import json
from collections.abc import Iterable
from pathlib import Path

import tomli_w

from tutelage.config import ExperimentConfig, StudyConfig, load_study, read_toml
from tutelage.errors import ConfigError
from tutelage.files import write_atomically, writing_to
from tutelage.files.locks import hold_file
from tutelage.sweeps.comparison_folder import refuse_other_settings
from tutelage.sweeps.kept_settings import reading_kept_settings

__all__ = ["begin_study", "refuse_edited", "refuse_other_study"]

FILE = "study.toml"
OTHERS = {
    "compare.toml": "a comparison",
    "trials": "a search",
    "result.json": "a run",
    "checkpoint.safetensors": "a run",
}
"""What lies in a folder of something else, and what it is then."""


def begin_study(config: StudyConfig, folder: Path) -> None:
    """Take the folder, and keep there what is studied.

    Args:
        config: The study.
        folder: Its folder; it is created.

    Raises:
        ConfigError: If the folder holds another study, or a comparison, a search or a run.
        OutputError: If the folder cannot be written.
    """
    with writing_to(folder, name="the study's folder", advice="choose another one (--out)"):
        folder.mkdir(parents=True, exist_ok=True)
        with hold_file(folder / ".lock", doing="begins this study", briefly=True):
            refuse_other_study(config, folder)
            write_atomically(folder / FILE, tomli_w.dumps(config.model_dump(mode="json")))


def refuse_other_study(config: StudyConfig, folder: Path) -> None:
    """Refuse what ``begin_study`` refuses; nothing is written.

    Args:
        config: The study.
        folder: Its folder.

    Raises:
        ConfigError: If the folder holds another study, or a comparison, a search or a run.
    """
    path = folder / FILE
    if not path.is_file():
        for name, what in OTHERS.items():
            if (folder / name).exists():
                raise ConfigError(
                    f"{folder} holds {what} ({name}), and a study has a folder of its own; choose another one "
                    "(--out)"
                )
        return
    with reading_kept_settings(path):
        before = load_study(read_toml(path))
    if _about(before) != _about(config):
        raise ConfigError(
            f"{folder} holds another study, that in {path}; choose another folder (--out), or remove "
            "that one"
        )


def refuse_edited(configs: Iterable[ExperimentConfig]) -> None:
    """Refuse data sets whose settings were changed since their comparison began.

    Args:
        configs: The comparison of each data set.

    Raises:
        ConfigError: If there are some, all at once.
    """
    mistakes = []
    for config in configs:
        try:
            refuse_other_settings(config)
        except ConfigError as error:
            mistakes.append(str(error))
    if mistakes:
        raise ConfigError("\n".join(mistakes))


def _about(config: StudyConfig) -> str:
    """All that decides numbers; data sets, methods and seeds may be added."""
    settings = config.model_dump(mode="json", include={"experiment", "each", "tiny", "scale"})
    if config.scale == "full":
        del settings["tiny"]
    for table in (settings["experiment"], *settings["each"].values()):
        for name in ("methods", "seeds"):
            table.get("compare", {}).pop(name, None)
    return json.dumps(settings, sort_keys=True)
