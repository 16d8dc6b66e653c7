"""The folder of a comparison: what is compared there, and the refusal of another comparison."""

import json
from collections.abc import Mapping

import tomli_w

from tutelage.config import ExperimentConfig
from tutelage.errors import ConfigError
from tutelage.files import write_atomically, writing_to
from tutelage.files.locks import hold_file
from tutelage.sweeps.kept_settings import refuse_other_config
from tutelage.sweeps.same_rows import keep_rows, refuse_kept_rows

__all__ = [
    "begin_comparison",
    "is_begun",
    "refuse_other_comparison",
    "refuse_other_settings",
]

FILE = "compare.toml"
WHAT = "a comparison"


def begin_comparison(config: ExperimentConfig, rows: Mapping[str, str]) -> None:
    """Take the folder, and keep there what is compared.

    Args:
        config: What is compared; ``output.dir`` is the folder.
        rows: Digests of the rows, by split.

    Raises:
        ConfigError: If the folder holds another comparison, or one on other rows.
        OutputError: If the folder cannot be written.
    """
    folder = config.output.dir
    with writing_to(folder, name="output.dir"):
        folder.mkdir(parents=True, exist_ok=True)
        with hold_file(folder / ".lock", doing="writes this comparison", briefly=True):
            refuse_other_settings(config)
            keep_rows(folder, rows, what=WHAT)
            text = tomli_w.dumps(config.model_dump(mode="json", exclude_none=True))
            write_atomically(folder / FILE, text)


def is_begun(config: ExperimentConfig) -> bool:
    """Whether ``output.dir`` holds a comparison."""
    return (config.output.dir / FILE).is_file()


def refuse_other_comparison(config: ExperimentConfig, rows: Mapping[str, str]) -> None:
    """Refuse what ``begin_comparison`` refuses; nothing is written.

    Args:
        config: What is compared.
        rows: Digests of the rows, by split.

    Raises:
        ConfigError: If the folder holds another comparison, or one on other rows.
    """
    refuse_other_settings(config)
    refuse_kept_rows(config.output.dir, rows, what=WHAT)


def refuse_other_settings(config: ExperimentConfig) -> None:
    """Refuse a folder that holds a study, or a comparison with other settings; no rows are read.

    Args:
        config: What is compared; ``output.dir`` is the folder.

    Raises:
        ConfigError: If it does.
    """
    folder = config.output.dir
    path = folder / FILE
    if not is_begun(config):
        if (folder / "study.toml").is_file():
            raise ConfigError(
                f"{folder} holds a study (study.toml), whose data sets have folders of their own in it; choose "
                "another output.dir (--out)"
            )
        return
    refuse_other_config(path, config, about=_about, what=WHAT)


def _about(config: ExperimentConfig) -> str:
    """All that decides a row's numbers; methods and seeds may be added."""
    asked = config.compare.model_dump(mode="json", exclude={"methods", "seeds"})
    tried = config.tune.model_dump(mode="json") if config.compare.tune else None
    return json.dumps([config.digest(), asked, tried], sort_keys=True)
