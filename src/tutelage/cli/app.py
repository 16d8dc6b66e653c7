"""The verbs of the command ``tutelage``."""

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from tutelage.cli.cache import cache_app
from tutelage.cli.console import err, out
from tutelage.cli.progress import for_console
from tutelage.errors import ConfigError, TutelageError

__all__ = ["app", "main"]

app = typer.Typer(
    help="Make a small model better by letting it learn under large foundation models.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(cache_app, name="cache")

ConfigFile = Annotated[
    Path | None, typer.Argument(help="A config file (TOML), or recipe:NAME", metavar="[CONFIG]")
]
DataOption = Annotated[
    str | None,
    typer.Option("--data", help="folder:DIR, table:FILE_OR_DIR, hub:NAME, python:module:function"),
]
StudentOption = Annotated[
    str | None, typer.Option("--student", help="timm:NAME, hf:NAME_OR_DIR, python:module:factory")
]
TeacherOption = Annotated[
    list[str] | None,
    typer.Option(
        "--teacher",
        help="timm:NAME, hf:NAME_OR_DIR, openclip:ARCH/WEIGHTS, onnx:FILE, features:FILE, "
        "python:module:factory; may be given several times",
    ),
]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", help="Any setting by its path, as in train.lr=1e-3")
]
MethodsOption = Annotated[
    str | None,
    typer.Option(help="Methods between commas, as in stl,kd,aft+probe; auto: those worth trying"),
]
JobsOption = Annotated[int, typer.Option(min=1, help="Processes that train beside each other")]
OutOption = Annotated[Path | None, typer.Option("--out", help="The run's folder (output.dir)")]


@app.command()
def train(
    config: ConfigFile = None,
    data: DataOption = None,
    student: StudentOption = None,
    teacher: TeacherOption = None,
    method: Annotated[str | None, typer.Option(help="See 'tutelage list methods'")] = None,
    beta: Annotated[float | None, typer.Option(help="Strength of the transfer")] = None,
    seed: Annotated[int | None, typer.Option(help="Decides head, order and dropout")] = None,
    out_dir: OutOption = None,
    settings: SetOption = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the last checkpoint")
    ] = False,
    auto: Annotated[
        bool, typer.Option("--auto", help="Choose method and strength on a hold-out first")
    ] = False,
) -> None:
    """Train a student under teachers: extract what is not cached, train, evaluate, report."""
    from accelerate import PartialState

    from tutelage.experiment.run import run
    from tutelage.report import print_result, write_report

    resolved = _resolve(
        config,
        data=data,
        student=student,
        teacher=teacher,
        method=method,
        beta=beta,
        seed=seed,
        out_dir=out_dir,
        settings=settings,
    )
    if auto:
        if method is not None or beta is not None:
            raise ConfigError("--auto chooses method and beta; leave --method and --beta out")
        from tutelage.cli.tune import tune_and_print

        tune_and_print(resolved, methods="auto", jobs=1, console=out, progress=for_console(err))
        return
    run(resolved, resume=resume, progress=for_console(err))
    if not PartialState().is_main_process:
        return
    folder = resolved.output.dir
    page = write_report([folder])
    print_result([folder], console=out)
    out.print(f"student  {folder / 'student'}\nreport   {page}", soft_wrap=True)


@app.command()
def tune(
    config: ConfigFile = None,
    data: DataOption = None,
    student: StudentOption = None,
    teacher: TeacherOption = None,
    methods: MethodsOption = None,
    out_dir: OutOption = None,
    jobs: JobsOption = 1,
    settings: SetOption = None,
) -> None:
    """Choose beta (and more, see [tune]) on a hold-out, then train on all training rows with it."""
    from tutelage.cli.tune import tune_and_print

    resolved = _resolve(
        config, data=data, student=student, teacher=teacher, out_dir=out_dir, settings=settings
    )
    tune_and_print(resolved, methods=methods, jobs=jobs, console=out, progress=for_console(err))


@app.command()
def rank(
    config: ConfigFile = None,
    data: DataOption = None,
    student: StudentOption = None,
    teacher: TeacherOption = None,
    settings: SetOption = None,
) -> None:
    """Say before spending which teachers are worth it, and whether transfer is likely to help."""
    from tutelage.cli.rank import print_ranking
    from tutelage.sweeps.rank import rank as rank_teachers

    resolved = _resolve(config, data=data, student=student, teacher=teacher, settings=settings)
    print_ranking(rank_teachers(resolved, progress=for_console(err)), console=out)


@app.command()
def probe(
    config: ConfigFile = None,
    data: DataOption = None,
    teacher: TeacherOption = None,
    weighted: Annotated[
        Path | None, typer.Option(help="A run's folder: probe the columns under its weights too")
    ] = None,
    settings: SetOption = None,
) -> None:
    """Fit linear probes on the teachers' features and score them on the evaluated rows."""
    from tutelage.cli.probe import probe_and_print

    resolved = _resolve(config, data=data, teacher=teacher, settings=settings)
    probe_and_print(resolved, weighted=weighted, console=out, progress=for_console(err))


@app.command()
def compare(
    config: ConfigFile = None,
    data: DataOption = None,
    student: StudentOption = None,
    teacher: TeacherOption = None,
    methods: MethodsOption = None,
    seeds: Annotated[
        int | None, typer.Option(min=1, help="Runs of each combination, from the config's seed up")
    ] = None,
    choose: Annotated[
        bool | None,
        typer.Option(
            "--tune", help="Choose each method's settings (see [tune]) on a hold-out first"
        ),
    ] = None,
    out_dir: OutOption = None,
    jobs: JobsOption = 1,
    settings: SetOption = None,
) -> None:
    """Methods x seeds (and what [compare] lists) as one table, resumed where it was stopped."""
    from tutelage.cli.compare import compare_and_print

    resolved = _resolve(
        config, data=data, student=student, teacher=teacher, out_dir=out_dir, settings=settings
    )
    compare_and_print(
        resolved,
        methods=methods,
        seeds=seeds,
        tune=choose,
        jobs=jobs,
        console=out,
        progress=for_console(err),
    )


@app.command()
def extract(
    config: ConfigFile = None,
    data: DataOption = None,
    teacher: TeacherOption = None,
    settings: SetOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what it would take: rows, disk, time")
    ] = False,
) -> None:
    """Compute and cache the teachers' features of the training rows."""
    from tutelage.cli.extract import extract_all

    given = _resolve(config, data=data, teacher=teacher, settings=settings)
    extract_all(given, dry_run=dry_run, console=out, progress=for_console(err))


@app.command()
def report(
    folders: Annotated[list[Path], typer.Argument(help="Folders of finished runs")],
    path: Annotated[Path | None, typer.Option("--out", help="Where the page goes")] = None,
) -> None:
    """Write one page about one run, or about several beside each other."""
    from tutelage.report import write_report

    out.print(str(write_report(folders, path=path)), soft_wrap=True)


@app.command()
def init(
    data: Annotated[
        str, typer.Argument(help="Your data, for example folder:flowers/, or recipe:NAME")
    ],
    path: Annotated[Path, typer.Option("--out", help="The config file to write")] = Path(
        "tutelage.toml"
    ),
) -> None:
    """Look at your data, or take a recipe, and write a commented config for it."""
    from tutelage.cli.init import write_config

    out.print(write_config(data, path), soft_wrap=True)


@app.command()
def demo(
    out_dir: Annotated[Path, typer.Option("--out", help="Where the runs and the report go")] = Path(
        "demo"
    ),
) -> None:
    """Fine-tune a small model with and without a teacher on packaged data, and report."""
    from tutelage.demo.run import run_demo

    run_demo(out_dir, console=out, progress=for_console(err))


@app.command(name="list")
def list_(
    what: Annotated[
        str | None, typer.Argument(help="methods, recipes, schemes or families", metavar="[WHAT]")
    ] = None,
) -> None:
    """List the methods, the recipes, the schemes of strings, and the families of models."""
    from tutelage.cli.listing import print_listing

    print_listing(what, console=out)


@app.command()
def doctor() -> None:
    """Say what is installed, which devices there are, and where the cache lies."""
    from tutelage.cli.doctor import examine

    examine(console=out)


def main() -> None:
    """Run the command; a user's mistake ends with one message and status 2, and no traceback."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        app()
    except TutelageError as error:
        err.print(Text.assemble(("error:", "red"), f" {error}"), soft_wrap=True)
        sys.exit(2)


def _resolve(
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
    """The config of a file or recipe, the options beside it, and the settings, in this order."""
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
    tables = [] if config is None else [config_table(config)]
    return load_config([*tables, options], assignments=settings or ())
