"""Exported files name no file of the machine that wrote them."""

import zipfile
from pathlib import Path

import onnx
import pytest
import torch

import tutelage
from tutelage.deploy.export import export
from tutelage.deploy.traces import strip_onnx

PLACES = [str(Path(one.__file__).parents[1]).encode() for one in (tutelage, torch)]


def contents(folder: Path) -> bytes:
    """All bytes of the folder's files; of programs, which are archives, those inside."""
    parts = []
    for path in sorted(folder.iterdir()):
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                parts += [archive.read(name) for name in archive.namelist()]
        parts.append(path.read_bytes())
    return b"".join(parts)


@pytest.mark.parametrize("to", ["onnx", "torch-export"])
def test_exports_tell_nothing_of_the_machine(digit_run, tmp_path, to):
    done = export(digit_run, out=tmp_path / "out", to=to, half=to == "onnx", rows=3)
    told = contents(done.folder)
    assert [place for place in PLACES if place in told] == []


def test_subgraphs_are_stripped_and_the_models_own_words_stay():
    text = "agraph (float[1] x, bool c) => (float[1] y) { y = If (c) <then_branch = g () => (float[1] a) "
    text += "{ a = Abs (x) }, else_branch = h () => (float[1] b) { b = Neg (x) }> }"
    graph = onnx.parser.parse_graph(text)
    model = onnx.helper.make_model(graph)
    onnx.helper.set_model_props(model, {"names": "[]"})
    outer = model.graph.node[0]
    inner = outer.attribute[0].g.node[0]
    for node in (outer, inner, model.graph.output[0], model.graph):
        node.doc_string = "/home/ada/model.py"
        node.metadata_props.add(key="trace", value="/home/ada/model.py")
    strip_onnx(model)
    assert b"ada" not in model.SerializeToString()
    assert model.metadata_props[0].key == "names"
    onnx.checker.check_model(model)
