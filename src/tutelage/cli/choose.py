"""The verbs that choose: teachers, methods, settings."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from tutelage.cli.console import err, out
from tutelage.cli.interrupt import interruptible
from tutelage.cli.options import (
    ConfigFile,
    DataOption,
    DryRunOption,
    EngineOption,
    GpusOption,
    JobsOption,
    MethodsOption,
    OutOption,
    SetOption,
    StudentOption,
    TeacherOption,
    resolved_config,
)
from tutelage.cli.plain_help import Command
from tutelage.cli.progress import for_console

__all__ = ["CHOOSE", "add_choose_verbs"]

CHOOSE = "Choose"


def add_choose_verbs(app: typer.Typer) -> None:
    """Add the verbs to the command."""
    for verb in (rank, probe, tune, compare, study):
        app.command(cls=Command, rich_help_panel=CHOOSE)(verb)
    app.command(cls=Command, name="list", rich_help_panel=CHOOSE)(list_)


def rank(
    config: ConfigFile = None,
    data: DataOption = None,
    student: StudentOption = None,
    teacher: TeacherOption = None,
    settings: SetOption = None,
) -> None:
    """Rank teachers and estimate whether transfer will help, before training."""
    from tutelage.cli.rank import print_ranking
    from tutelage.sweeps.rank import rank as rank_teachers

    resolved = resolved_config(
        config, data=data, student=student, teacher=teacher, settings=settings
    )
    with interruptible():
        print_ranking(rank_teachers(resolved, progress=for_console(err)), console=out)


def probe(
    config: ConfigFile = None,
    data: DataOption = None,
    teacher: TeacherOption = None,
    weighted: Annotated[
        list[Path] | None,
        typer.Option(
            help="Folder of a run: also probe the features under its learned weights; repeat it for the "
            "mean over several",
            metavar="FOLDER",
        ),
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option(
            "--out", help="With --weighted: draw the probes, as SVG, PDF and PNG", metavar="FILE"
        ),
    ] = None,
    settings: SetOption = None,
) -> None:
    """Fit linear probes on the teachers' features and score them on the evaluated rows."""
    from tutelage.cli.probe import probe_and_print

    resolved = resolved_config(config, data=data, teacher=teacher, settings=settings)
    with interruptible():
        probe_and_print(
            resolved,
            weighted=weighted or (),
            out=picture,
            console=out,
            progress=for_console(err),
        )


def tune(
    config: ConfigFile = None,
    data: DataOption = None,
    student: StudentOption = None,
    teacher: TeacherOption = None,
    methods: MethodsOption = None,
    out_dir: OutOption = None,
    jobs: JobsOption = 1,
    engine: EngineOption = "local",
    gpus: GpusOption = None,
    dry_run: DryRunOption = False,
    settings: SetOption = None,
) -> None:
    """Choose beta and other settings on a hold-out, then train on all training rows.

    The config's section "tune" lists what is tried.
    """
    from tutelage.cli.dry_run_sweeps import print_search_estimate
    from tutelage.cli.tune import tune_and_print

    resolved = resolved_config(
        config,
        data=data,
        student=student,
        teacher=teacher,
        method="stl" if methods == "stl" else None,  # the one method that needs no teacher
        out_dir=out_dir,
        settings=settings,
    )
    do = print_search_estimate if dry_run else tune_and_print
    with interruptible(several=None if dry_run else resolved.output.dir):
        do(
            resolved,
            methods=methods,
            jobs=jobs,
            engine=engine,
            gpus=gpus,
            console=out,
            progress=for_console(err),
        )


def compare(
    config: ConfigFile = None,
    data: DataOption = None,
    student: StudentOption = None,
    teacher: TeacherOption = None,
    methods: MethodsOption = None,
    seeds: Annotated[
        int | None,
        typer.Option(
            min=1, help="Runs of each combination, counted from the config's seed", metavar="N"
        ),
    ] = None,
    choose: Annotated[
        bool | None,
        typer.Option(
            "--tune", help="Choose each method's settings on a hold-out first (section tune)"
        ),
    ] = None,
    out_dir: OutOption = None,
    jobs: JobsOption = 1,
    engine: EngineOption = "local",
    gpus: GpusOption = None,
    dry_run: DryRunOption = False,
    settings: SetOption = None,
) -> None:
    """Train several methods over several seeds and put them in one table.

    The config's section "compare" adds students, teacher sets and shares of the rows.

    Ends with status 1 if runs failed. Repeat the command to continue an interrupted comparison.
    """
    from tutelage.cli.compare import compare_and_print
    from tutelage.cli.dry_run_sweeps import print_comparison_estimate

    resolved = resolved_config(
        config, data=data, student=student, teacher=teacher, out_dir=out_dir, settings=settings
    )
    do = print_comparison_estimate if dry_run else compare_and_print
    with interruptible(several=None if dry_run else resolved.output.dir):
        passed = do(
            resolved,
            methods=methods,
            seeds=seeds,
            tune=choose,
            jobs=jobs,
            engine=engine,
            gpus=gpus,
            console=out,
            progress=for_console(err),
        )
    if not passed:
        raise typer.Exit(1)


def study(
    place: Annotated[
        str,
        typer.Argument(
            help="A study's file, or paper:NAME; 'tutelage list studies' lists these",
            metavar="STUDY",
        ),
    ],
    out_dir: Annotated[
        Path | None,
        typer.Option("--out", help="Folder of the study; by default runs/NAME", metavar="FOLDER"),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(min=1, help="Runs of each combination, in place of the study's", metavar="N"),
    ] = None,
    scale: Annotated[
        Literal["full", "tiny"],
        typer.Option(
            help="'tiny' puts small random models and generated rows in place of the study's, to try "
            "it in minutes on a CPU, offline; its numbers mean nothing"
        ),
    ] = "full",
    jobs: JobsOption = 1,
    engine: EngineOption = "local",
    gpus: GpusOption = None,
    dry_run: DryRunOption = False,
) -> None:
    """Compare methods on several data sets: each method's error over all of them, and its picture.

    Ends with status 1 if runs failed. Repeat the command to continue an interrupted study.
    """
    from tutelage.cli.dry_run_sweeps import print_study_estimate
    from tutelage.cli.study import default_folder, study_and_print

    do = print_study_estimate if dry_run else study_and_print
    several = None if dry_run else out_dir or default_folder(place, scale=scale)
    with interruptible(several=several):
        passed = do(
            place,
            out=out_dir,
            seeds=seeds,
            scale=scale,
            jobs=jobs,
            engine=engine,
            gpus=gpus,
            console=out,
            progress=for_console(err),
        )
    if not passed:
        raise typer.Exit(1)


def list_(
    what: Annotated[
        str | None,
        typer.Argument(
            help="methods, recipes, studies, models, schemes, families or settings",
            metavar="TOPIC",
        ),
    ] = None,
) -> None:
    """List methods, recipes, studies, the paper's models, source strings and model families.

    'tutelage list settings' lists every setting with its default and meaning.
    """
    from tutelage.cli.listing import print_listing

    print_listing(what, console=out)
