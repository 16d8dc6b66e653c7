"""The verbs of the command ``tutelage``."""

import os
import sys
import warnings
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.text import Text

from tutelage import __version__
from tutelage.cli.cache import cache_app
from tutelage.cli.choose import add_choose_verbs
from tutelage.cli.console import err, out
from tutelage.cli.encoding import print_to_any_terminal, refuse_paths_that_are_no_text
from tutelage.cli.interrupt import Interruptible, interruptible
from tutelage.cli.launched import let_the_first_speak
from tutelage.cli.options import (
    ConfigFile,
    DataArgument,
    DataOption,
    JobsOption,
    OutOption,
    SetOption,
    StudentOption,
    TeacherOption,
    config_of_data,
    resolved_config,
)
from tutelage.cli.plain_help import Command
from tutelage.cli.progress import for_console
from tutelage.cli.ship import add_ship_verbs
from tutelage.errors import WORKER_DIED, ConfigError, TutelageError, worker_died
from tutelage.files import is_of_the_disk

__all__ = ["app", "main"]

DO, LOOK, KEEP = "Do the job", "Look", "Keep house"

app = typer.Typer(
    cls=Interruptible,
    help="Train a small model with help from large, frozen foundation models.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(cache_app, name="cache", rich_help_panel=KEEP)


def _print_version(asked: bool | None) -> None:
    if asked:
        out.print(f"tutelage {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool | None,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = None,
) -> None:
    """Train a small model with help from large, frozen foundation models."""


@app.command(cls=Command, rich_help_panel=DO)
def train(
    config: ConfigFile = None,
    data: DataOption = None,
    student: StudentOption = None,
    teacher: TeacherOption = None,
    method: Annotated[
        str | None,
        typer.Option(help="Transfer method; see 'tutelage list methods'", metavar="NAME"),
    ] = None,
    beta: Annotated[
        float | None, typer.Option(help="Strength of the transfer term", metavar="NUMBER")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Random seed (new head, data order, dropout)", metavar="N")
    ] = None,
    out_dir: OutOption = None,
    settings: SetOption = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue from the last checkpoint")
    ] = False,
    auto: Annotated[
        bool,
        typer.Option(
            "--auto", help="Find the best method, rate and length on held-out training rows first"
        ),
    ] = False,
    budget: Annotated[
        str | None,
        typer.Option(
            help="With --auto: runs, such as 40, or a time, such as 30m", metavar="BUDGET"
        ),
    ] = None,
    jobs: JobsOption = 1,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Estimate time by phase, memory and disk; train nothing"),
    ] = False,
) -> None:
    """Extract missing teacher features, train a student, evaluate it and write a report.

    CONFIG may also be the folder of an interrupted run, with --resume. An interrupted --auto continues
    when the command is repeated.
    """
    from accelerate import PartialState

    from tutelage.experiment.run import run
    from tutelage.report import print_result, write_report

    if config is not None and (config / "config.toml").is_file():
        out_dir = out_dir or config
        config = config / "config.toml"
    resolved = resolved_config(
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
    if dry_run:
        from tutelage.cli.dry_run import print_training_estimate

        if auto or resume or budget is not None or jobs > 1:
            raise ConfigError(
                "--dry-run estimates one whole run; leave --auto, --budget, --jobs and --resume out"
            )
        if os.environ.get("RANK", "0") == "0":  # of several processes the first speaks
            with interruptible():
                print_training_estimate(resolved, console=out, progress=for_console(err))
        return
    if auto:
        if method is not None or beta is not None:
            raise ConfigError("--auto chooses method and beta; leave --method and --beta out")
        from tutelage.cli.auto import auto_and_print
        from tutelage.sweeps.auto import BUDGET

        if resume:
            err.print(
                "--resume is not needed: a search always continues in its folder", soft_wrap=True
            )
        with interruptible(several=resolved.output.dir):
            auto_and_print(
                resolved, budget=budget or BUDGET, jobs=jobs, console=out, progress=for_console(err)
            )
        return
    if budget is not None or jobs > 1:
        raise ConfigError("--budget and --jobs are for --auto; one run has neither")
    with interruptible(run=resolved.output.dir):
        run(resolved, resume=resume, progress=for_console(err))
    if not PartialState().is_main_process:
        return
    folder = resolved.output.dir
    page = write_report([folder])
    print_result([folder], console=out)
    out.print(f"student  {folder / 'student'}\nreport   {page}", soft_wrap=True)


@app.command(cls=Command, rich_help_panel=DO)
def demo(
    images: Annotated[
        bool, typer.Option("--images", help="Handwritten digits instead of texts")
    ] = False,
    out_dir: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="Folder of the runs and the report; by default demo, or demo-images",
            metavar="FOLDER",
        ),
    ] = None,
) -> None:
    """Fine-tune a small model with and without a teacher on packaged data."""
    from tutelage.demo.demos import IMAGES, TEXTS
    from tutelage.demo.run import run_demo

    folder = out_dir or Path("demo-images" if images else "demo")
    with interruptible(several=folder):
        run_demo(IMAGES if images else TEXTS, folder, console=out, progress=for_console(err))


@app.command(cls=Command, rich_help_panel=DO)
def init(
    data: Annotated[
        str,
        typer.Argument(
            help="Your data, for example folder:flowers/, or recipe:NAME", metavar="SOURCE"
        ),
    ],
    path: Annotated[
        Path, typer.Option("--out", help="The config file to write", metavar="FILE")
    ] = Path("tutelage.toml"),
    settings: SetOption = None,
) -> None:
    """Inspect your data, or take a recipe, and write a commented config.

    --set names what cannot be found in the data, such as --set data.label=sentiment.
    """
    from tutelage.cli.init import write_config

    out.print(write_config(data, path, settings=settings or ()), soft_wrap=True)


@app.command(cls=Command, rich_help_panel=DO)
def extract(
    config: ConfigFile = None,
    data: DataOption = None,
    teacher: TeacherOption = None,
    settings: SetOption = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Estimate rows, disk, time and memory; extract nothing"),
    ] = False,
) -> None:
    """Compute and cache the teachers' features of the training rows."""
    from tutelage.cli.extract import extract_all

    given = resolved_config(config, data=data, teacher=teacher, settings=settings)
    with interruptible():
        extract_all(given, dry_run=dry_run, console=out, progress=for_console(err))


add_choose_verbs(app)


@app.command(cls=Command, rich_help_panel=LOOK)
def check(
    data: DataArgument,
    teacher: TeacherOption = None,
    settings: SetOption = None,
    path: Annotated[
        Path | None,
        typer.Option("--out", help="The csv file of all findings to write", metavar="FILE"),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=0, help="Processes that decode; by default one a core", metavar="N"),
    ] = None,
) -> None:
    """List damaged, repeated, leaking and odd rows, and likely label errors.

    Ends with status 1 if rows are damaged, or are in two splits.
    """
    from tutelage.cli.check import check_and_print

    resolved = config_of_data(data, teacher=teacher, settings=settings)
    if not check_and_print(
        resolved, path=path, workers=workers, console=out, progress=for_console(err)
    ):
        raise typer.Exit(1)


@app.command(cls=Command, rich_help_panel=LOOK)
def rows(
    data: DataArgument,
    path: Annotated[
        Path, typer.Option("--out", help="The csv file to write", metavar="FILE")
    ] = Path("rows.csv"),
    settings: SetOption = None,
) -> None:
    """Write id, label, split and path of every row, to compute features elsewhere."""
    from tutelage.cli.rows import write_rows

    config = config_of_data(data, settings=settings)
    out.print(write_rows(config.data, path), soft_wrap=True, markup=False, highlight=False)


@app.command(cls=Command, rich_help_panel=LOOK)
def report(
    folders: Annotated[
        list[Path],
        typer.Argument(help="Folders of finished runs, or of a comparison", metavar="FOLDERS"),
    ],
    path: Annotated[
        Path | None, typer.Option("--out", help="The page to write", metavar="FILE")
    ] = None,
    latex: Annotated[
        bool, typer.Option("--latex", help="Also write the table for LaTeX, next to the page")
    ] = False,
) -> None:
    """Write a report page about one run, several runs or a comparison, and print the table."""
    from tutelage.cli.compare import report_and_print

    report_and_print(folders, path=path, latex=latex, console=out)


add_ship_verbs(app)


@app.command(cls=Command, rich_help_panel=KEEP)
def doctor() -> None:
    """Show installed versions, devices and the cache's location."""
    from tutelage.cli.doctor import examine

    examine(console=out)


def main() -> None:
    """Run the command; a user's mistake ends with one message and status 2, without a traceback."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    warnings.filterwarnings("ignore", "This DataLoader will create")  # two workers on one core
    print_to_any_terminal()
    try:
        _refuse_windows()
        refuse_paths_that_are_no_text(sys.argv[1:])
        app(prog_name="tutelage")
    except TutelageError as error:
        _refuse(str(error))
    except RuntimeError as error:
        if not worker_died(error):
            raise
        _refuse(WORKER_DIED)
    except OSError as error:
        if not is_of_the_disk(error):
            raise
        place = f" at {error.filename}" if error.filename else ""
        _refuse(
            f"the disk failed{place}: {error.strerror}; what was finished is kept, so repeat the command "
            "once the disk works and has room (train with --resume)"
        )


def _refuse_windows() -> None:
    if sys.platform == "win32":
        raise TutelageError(
            "the command runs on Linux and macOS, since the cache relies on their locks of files; on "
            "Windows run it in WSL (AFTLoss, FeatureTap and Objective work everywhere)"
        )


def _refuse(message: str) -> NoReturn:
    whose = let_the_first_speak()
    err.print(Text.assemble(("error:", "red"), f" {whose}{message}"), soft_wrap=True)
    sys.exit(2)
