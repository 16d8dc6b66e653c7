"""The verbs that put a finished run to use."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from tutelage.cli.console import err, out
from tutelage.cli.plain_help import Command
from tutelage.cli.progress import for_console

__all__ = ["SHIP", "add_ship_verbs"]

SHIP = "Ship"

RunArgument = Annotated[
    Path, typer.Argument(help="Folder of a finished run, such as runs/flowers", metavar="RUN")
]
SplitOption = Annotated[
    str | None,
    typer.Option(help="Split to read; of a folder of pictures, a folder in it", metavar="NAME"),
]
SkipOption = Annotated[
    bool, typer.Option("--skip-unreadable", help="Leave out rows that cannot be read")
]
BatchOption = Annotated[
    int | None, typer.Option(min=1, help="Rows at once; by default as in training", metavar="N")
]
DeviceOption = Annotated[
    str | None,
    typer.Option(help="auto, cpu or a device such as cuda:1; by default as in training"),
]
WorkersOption = Annotated[
    int | None,
    typer.Option(min=0, help="Processes that prepare rows; by default as in training", metavar="N"),
]
DataSetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", help="A setting of the data, such as data.text=review", metavar="PATH=VALUE"
    ),
]


def add_ship_verbs(app: typer.Typer) -> None:
    """Add the verbs to the command."""
    for verb in VERBS:
        app.command(cls=Command, rich_help_panel=SHIP)(verb)


def predict(
    run: RunArgument,
    data: Annotated[
        str,
        typer.Argument(
            help="Data as in training, with labels or none; a folder of pictures, a table, a text "
            "file, a picture, or a sentence",
            metavar="DATA",
        ),
    ],
    path: Annotated[
        Path | None,
        typer.Option("--out", help="The file to write: .csv, .jsonl or .parquet", metavar="FILE"),
    ] = None,
    split: SplitOption = None,
    top: Annotated[int, typer.Option(min=1, help="Give the N likeliest classes", metavar="N")] = 1,
    every: Annotated[
        bool, typer.Option("--probabilities", help="Give the probability of every class")
    ] = False,
    skip_unreadable: SkipOption = False,
    batch_size: BatchOption = None,
    device: DeviceOption = None,
    workers: WorkersOption = None,
    settings: DataSetOption = None,
) -> None:
    """Predict rows by the student of a finished run.

    Without --out, the predictions of up to 20 rows are printed.
    """
    from tutelage.cli.predict import predict_and_print

    predict_and_print(
        run,
        data,
        path=path,
        split=split,
        top=top,
        every=every,
        skip_unreadable=skip_unreadable,
        batch_size=batch_size,
        device=device,
        workers=workers,
        settings=settings or (),
        console=out,
        progress=for_console(err),
    )


def evaluate(
    run: RunArgument,
    data: Annotated[
        str | None,
        typer.Argument(
            help="Labelled data; by default the rows that the run reported", metavar="[DATA]"
        ),
    ] = None,
    paths: Annotated[
        list[Path] | None,
        typer.Option(
            "--out", help="A file to write: .json or .html; repeat it for both", metavar="FILE"
        ),
    ] = None,
    split: SplitOption = None,
    teachers: Annotated[
        bool, typer.Option("--teachers", help="Compare with a linear probe on the teachers")
    ] = False,
    skip_unreadable: SkipOption = False,
    draws: Annotated[
        int | None,
        typer.Option(min=2, help="Draws of the bootstrap; by default 100 to 500", metavar="N"),
    ] = None,
    batch_size: BatchOption = None,
    device: DeviceOption = None,
    workers: WorkersOption = None,
    settings: DataSetOption = None,
) -> None:
    """Measure the student of a finished run: metrics, classes, confusion, calibration."""
    from tutelage.cli.evaluate import evaluate_and_print

    evaluate_and_print(
        run,
        data,
        paths=paths or (),
        split=split,
        teachers=teachers,
        skip_unreadable=skip_unreadable,
        draws=draws,
        batch_size=batch_size,
        device=device,
        workers=workers,
        settings=settings or (),
        console=out,
        progress=for_console(err),
    )


def latency(
    run: RunArgument,
    teachers: Annotated[
        bool, typer.Option("--teachers/--no-teachers", help="Load and measure the teachers, too")
    ] = True,
    batch_size: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Rows of the largest batch; by default 32 on the CPU, 256 on other devices",
            metavar="N",
        ),
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="cpu, cuda or mps; by default all that are there")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads of the CPU", metavar="N")
    ] = None,
) -> None:
    """Measure size and speed of a student, next to its teachers and its exported files.

    The table is also in latency.json in the run's folder, and in its report.
    """
    from tutelage.cli.latency import latency_and_print

    latency_and_print(
        run,
        teachers=teachers,
        batch_size=batch_size,
        device=device,
        threads=threads,
        console=out,
        progress=for_console(err),
    )


def export(
    run: RunArgument,
    to: Annotated[
        str, typer.Option(help="onnx, torch-export or executorch", metavar="FORMAT")
    ] = "onnx",
    out_dir: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Folder to write; by default exported/FORMAT in the run's", metavar="DIR"
        ),
    ] = None,
    form: Annotated[
        str,
        typer.Option(
            "--input",
            help="Of an image: pixels (uint8 of the student's size), normalized (float32), or picture "
            "(one of any size)",
            metavar="FORM",
        ),
    ] = "pixels",
    half: Annotated[bool, typer.Option("--half", help="Write and measure float16, too")] = False,
    int8: Annotated[bool, typer.Option("--int8", help="Write and measure 8 bits, too")] = False,
    temperature: Annotated[
        float, typer.Option(help="Divide logits by it; see 'tutelage evaluate'", metavar="NUMBER")
    ] = 1.0,
    rows: Annotated[
        int, typer.Option(min=1, help="Evaluated rows to compare on", metavar="N")
    ] = 500,
    tolerance: Annotated[
        float, typer.Option(help="Allowed difference of outputs", metavar="NUMBER")
    ] = 1e-4,
) -> None:
    """Write the student for another runtime, and compare it with the student on real rows."""
    from tutelage.cli.export import export_and_print

    export_and_print(
        run,
        to=to,
        out=out_dir,
        form=form,
        half=half,
        int8=int8,
        temperature=temperature,
        rows=rows,
        tolerance=tolerance,
        console=out,
        progress=for_console(err),
    )


LicenceOption = Annotated[
    str | None,
    typer.Option(
        "--license", help="The student's, as the hub names it: apache-2.0, mit", metavar="NAME"
    ),
]


def card(
    run: RunArgument,
    name: Annotated[
        str | None,
        typer.Option(
            help="The student's name on the hub, for the lines that load it", metavar="USER/NAME"
        ),
    ] = None,
    license: LicenceOption = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a card that was changed by hand")
    ] = False,
) -> None:
    """Write the model card: README.md in the student's folder."""
    from tutelage.cli.publish import write_card_and_print

    write_card_and_print(run, name=name, license=license, overwrite=overwrite, console=out)


def push(
    run: RunArgument,
    name: Annotated[str, typer.Argument(help="USER/NAME on the hub", metavar="NAME")],
    private: Annotated[
        bool, typer.Option("--private", help="Create a repository that only its owner sees")
    ] = False,
    exports: Annotated[
        bool, typer.Option("--exports", help="Upload the run's exported files, too")
    ] = False,
    license: LicenceOption = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace whatever is in the repository")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be uploaded, and upload nothing")
    ] = False,
) -> None:
    """Publish the student and its model card on the Hugging Face hub."""
    from tutelage.cli.publish import push_and_print

    push_and_print(
        run,
        name,
        private=private,
        exports=exports,
        license=license,
        overwrite=overwrite,
        dry_run=dry_run,
        console=out,
        progress=for_console(err),
    )


VERBS: tuple[Callable[..., Any], ...] = (
    predict,
    evaluate,
    export,
    latency,
    card,
    push,
)
