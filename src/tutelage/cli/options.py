"""Options that several verbs share, and the config that they, a file and settings come to."""

from pathlib import Path
from typing import Annotated, Any

import typer

from tutelage.errors import ConfigError

__all__ = [
    "ConfigFile",
    "DataOption",
    "JobsOption",
    "MethodsOption",
    "OutOption",
    "SetOption",
    "StudentOption",
    "TeacherOption",
    "resolved_config",
]

ConfigFile = Annotated[
    Path | None, typer.Argument(help="Config file (TOML) or recipe:NAME", metavar="CONFIG")
]
DataOption = Annotated[
    str | None,
    typer.Option(
        "--data",
        help="folder:DIR, table:FILE_OR_DIR, hub:NAME or python:module:function",
        metavar="SOURCE",
    ),
]
StudentOption = Annotated[
    str | None,
    typer.Option(
        "--student",
        help="timm:NAME, hf:NAME_OR_DIR or python:module:factory",
        metavar="SOURCE",
    ),
]
TeacherOption = Annotated[
    list[str] | None,
    typer.Option(
        "--teacher",
        help="timm:NAME, hf:NAME_OR_DIR, openclip:ARCH/WEIGHTS, onnx:FILE, features:FILE or "
        "python:module:factory; repeat it for several teachers",
        metavar="SOURCE",
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", help="Any setting by its path, such as train.lr=1e-3", metavar="PATH=VALUE"
    ),
]
MethodsOption = Annotated[
    str | None,
    typer.Option(
        help="Comma-separated methods, such as stl,kd,aft+probe, or auto", metavar="NAMES"
    ),
]
JobsOption = Annotated[int, typer.Option(min=1, help="Runs trained in parallel", metavar="N")]
OutOption = Annotated[
    Path | None, typer.Option("--out", help="Output folder (output.dir)", metavar="FOLDER")
]


def resolved_config(
    config: Path | None,
    *,
    data: str | None = None,
    student: str | None = None,
    teacher: list[str] | None = None,
    method: str | None = None,
    beta: float | None = None,
    seed: int | None = None,
    out_dir: Path | None = None,
    settings: list[str] | None = None,
) -> Any:
    """Merge the config file or recipe, the options and the ``--set`` settings, in this order."""
    from tutelage.config import load_config
    from tutelage.recipes import config_table

    options: dict[str, Any] = {}
    if data is not None:
        options["data"] = {"source": data}
    if student is not None:
        options["student"] = {"source": student}
    if teacher:
        options["teachers"] = [{"source": source} for source in teacher]
    if seed is not None:
        options["seed"] = seed
    transfer = {k: v for k, v in {"method": method, "beta": beta}.items() if v is not None}
    if transfer:
        options["transfer"] = transfer
    if out_dir is not None:
        options["output"] = {"dir": str(out_dir)}
    if config is None and data is None:
        raise ConfigError(
            "give a config file or recipe:NAME, or at least --data and --student; 'tutelage init' writes a "
            "config, and 'tutelage list recipes' lists recipes"
        )
    if config is not None and config.is_dir():
        raise ConfigError(
            f"{config} is a folder, not a config file; 'tutelage train FOLDER --resume' continues a "
            "run whose folder has a config.toml"
        )
    tables = [] if config is None else [config_table(config)]
    return load_config([*tables, options], assignments=settings or ())
