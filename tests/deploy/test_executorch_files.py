"""ExecuTorch programs give the student's outputs, by ExecuTorch's own runtime."""

import importlib.util
import json

import numpy as np
import pytest
import torch
from PIL import Image

from tutelage.deploy.export import export
from tutelage.deploy.graph import StudentGraph
from tutelage.deploy.saved import SavedRun
from tutelage.errors import MissingExtraError, StudentError

installed = importlib.util.find_spec("executorch") is not None
needs = pytest.mark.skipif(not installed, reason="needs executorch, an extra")


def rows_of(name: str, count: int) -> list:
    draw = np.random.default_rng(count)
    if name == "digit_run":
        pixels = draw.integers(0, 256, (count, 40, 57, 3), np.uint8)
        return [Image.fromarray(one) for one in pixels]
    return [(" ".join(["fine", "film", "dull"][: 1 + n % 3] * (1 + n % 9)),) for n in range(count)]


@needs
@pytest.mark.parametrize("name", ["digit_run", "review_run"])
def test_outputs_are_the_students(name, request, tmp_path):
    from tutelage.deploy.executorch_files import ExecutorchFile

    run = request.getfixturevalue(name)
    done = export(run, to="executorch", out=tmp_path / "out", rows=24)
    assert (done.file.name, done.difference <= 1e-4) == ("model.pte", True)
    assert json.loads((done.folder / "preprocess.json").read_text())["most_rows"] == 32
    student = SavedRun.open(run).student
    graph = StudentGraph(student, form="pixels")
    program = ExecutorchFile(done.file, graph.names)
    for count in (1, 3, 17, 32):
        batch = graph.batch(rows_of(name, count))
        with torch.inference_mode():
            expected = student.outputs(batch)
        torch.testing.assert_close(program.outputs(batch), expected, rtol=0, atol=1e-4)
    with pytest.raises(StudentError, match=r"runtime cannot run \w+ \[33, .*; export --to onnx"):
        program.outputs(graph.batch(rows_of(name, 33)))


@pytest.mark.skipif(installed, reason="executorch is installed")
def test_the_package_is_named(digit_run, tmp_path):
    with pytest.raises(MissingExtraError, match=r"needs executorch.*pip install '.\[executorch\]'"):
        export(digit_run, to="executorch", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
