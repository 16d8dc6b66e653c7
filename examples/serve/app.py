"""Serve a finished run on a page: drop a picture or write a text, and see the classes.

    pip install -r examples/serve/requirements.txt
    python examples/serve/app.py runs/flowers

The numbers are those of `tutelage predict`, and so are the rows: a picture, a text, or all columns
that the run was trained on. RUN may also be a published student, `hf:USER/NAME`. Programs ask the
same address with gradio_client, by the name "/predict".
"""

import argparse
import os
import sys
from collections.abc import Mapping
from typing import Any

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # before the import, which would report itself
try:
    import gradio as gr
except ImportError:
    sys.exit("this example needs gradio: pip install -r examples/serve/requirements.txt")

import tutelage
from tutelage.deploy.predict import Predictor, columns_of
from tutelage.errors import TutelageError


def page(student: Predictor) -> gr.Interface:
    """A field for each column that the student reads, and the scores of its answer."""
    run = student.run
    columns = columns_of(run)
    fields: dict[str, Any] = {}
    if run.modality != "text":
        name = columns.image or "image"
        # The file itself, because gradio's own conversion would turn transparent pixels black.
        fields[name] = gr.Image(label=name, type="filepath", image_mode=None)
    if run.modality != "image":
        for name in dict.fromkeys(columns.text or ("text",)):
            fields[name] = gr.Textbox(label=name, lines=3)

    def predict(*values: str | None) -> Mapping[str, float]:
        row = dict(zip(fields, values, strict=True))
        if missing := [name for name, value in row.items() if not value]:
            raise gr.Error(f"give {' and '.join(missing)} first", print_exception=False)
        try:
            return student.predict(row)[0].scores
        except TutelageError as error:
            raise gr.Error(str(error), print_exception=False) from None

    scores = gr.Label(
        label="probability", num_top_classes=5, show_heading=run.task.labels_are_classes
    )
    return gr.Interface(
        predict,
        list(fields.values()),
        scores if run.task.has_classes else gr.JSON(label="prediction"),
        title=run.folder.resolve().name,
        flagging_mode="never",
        delete_cache=(600, 3600),  # uploaded files, an hour after they came
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Serve a finished run on a page.")
    parser.add_argument("run", help="folder of a finished run, or hf:USER/NAME")
    parser.add_argument("--port", type=int, help="by default the first free one from 7860")
    given = parser.parse_args()
    try:
        served = tutelage.load(given.run)
    except TutelageError as error:
        parser.error(str(error))
    page(served).launch(server_port=given.port, show_error=True)
