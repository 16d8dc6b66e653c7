"""Options that several verbs share, and the config that they, a file and settings come to."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from tutelage.errors import ConfigError

__all__ = [
    "ConfigFile",
    "DataArgument",
    "DataOption",
    "DryRunOption",
    "EngineOption",
    "GpusOption",
    "JobsOption",
    "MethodsOption",
    "OutOption",
    "SetOption",
    "StudentOption",
    "TeacherOption",
    "config_of_data",
    "resolved_config",
]

ConfigFile = Annotated[
    Path | None, typer.Argument(help="Config file (TOML) or recipe:NAME", metavar="CONFIG")
]
DataArgument = Annotated[
    str,
    typer.Argument(
        help="Your data, for example folder:flowers/; or a config file, or recipe:NAME",
        metavar="DATA",
    ),
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
EngineOption = Annotated[
    Literal["local", "ray"],
    typer.Option(help="'ray': one task a run on the cluster at $RAY_ADDRESS, or on this machine"),
]
GpusOption = Annotated[
    float | None,
    typer.Option(
        help="With --engine ray: GPUs that a run takes, such as 0.5; by default 1 where there are some",
        metavar="NUMBER",
    ),
]
DryRunOption = Annotated[
    bool,
    typer.Option("--dry-run", help="Estimate the runs and their time; train nothing"),
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


def config_of_data(
    data: str, *, teacher: list[str] | None = None, settings: list[str] | None = None
) -> Any:
    """Return the config that a data source, a config file or a recipe stands for.

    Raises:
        ConfigError: If it is none of them.
    """
    from tutelage.recipes import SCHEME, config_table

    path = Path(data)
    if path.is_dir():
        raise ConfigError(
            f"{data} is a folder; write folder:{data} for images in class folders, or table:{data} for "
            "tables named after their splits"
        )
    if path.is_file() and path.suffix.lower() != ".toml":
        raise ConfigError(f"{data} is no config file (.toml); write table:{data} for a table")
    if ":" in data and not data.startswith(SCHEME) and not path.is_file():
        source, config, teachers = data, None, teacher
    else:
        source, config = None, path
        teachers = teacher or config_table(data).get("teachers")
    method = None if teachers else "stl"  # the method does not matter, but must be possible
    return resolved_config(config, data=source, teacher=teacher, method=method, settings=settings)
