"""Zeros that are padded in front of max pooling survive ONNX Runtime's optimizations."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from tutelage.deploy.onnx_files import halve
from tutelage.deploy.onnx_padding import keep_padding

PADS = [0, 0, 1, 1, 0, 0, 1, 1]


def padded(value: float | None, *, node: bool = False, mode: str = "constant", pool="MaxPool"):
    """A graph that pads by a value, then takes the largest of each window."""
    names = ["x", "pads"] + ([] if value is None else ["value"])
    nodes = [
        helper.make_node("Pad", names, ["padded"], mode=mode),
        helper.make_node(pool, ["padded"], ["y"], kernel_shape=[3, 3], strides=[2, 2]),
    ]
    initial = [helper.make_tensor("pads", TensorProto.INT64, [8], PADS)]
    if value is not None:
        tensor = helper.make_tensor("value", TensorProto.FLOAT, [], [value])
        if node:
            nodes.insert(0, helper.make_node("Constant", [], ["value"], value=tensor))
        else:
            initial.append(tensor)
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 1, 4, 4])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", 1, 2, 2])
    graph = helper.make_graph(nodes, "pooling", [x], [y], initial)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def pooled(model) -> list[float]:
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(None, {"x": np.full((1, 1, 4, 4), -3, np.float32)})[0].ravel().tolist()


@pytest.mark.parametrize("node", [False, True])
@pytest.mark.parametrize("value", [0.0, None])
def test_zeros_win_over_negative_numbers(value, node):
    model = padded(value, node=node)
    assert keep_padding(model) == 1
    onnx.checker.check_model(model)
    assert [one.name for one in model.graph.initializer] == ["pads", "padded_almost_zero"]
    assert pooled(model) == pytest.approx([0, 0, 0, -3], abs=1e-29)
    assert keep_padding(model) == 0


def test_also_in_float16(tmp_path):
    model = padded(0.0)
    keep_padding(model)
    onnx.save(model, tmp_path / "model.onnx")
    halve(tmp_path / "model.onnx", tmp_path / "half.onnx")
    assert pooled(onnx.load(tmp_path / "half.onnx")) == pytest.approx([0, 0, 0, -3], abs=1e-6)


def test_other_paddings_stay():
    for model in (padded(-1.0), padded(0.0, mode="edge"), padded(0.0, pool="AveragePool")):
        before = model.SerializeToString()
        assert keep_padding(model) == 0
        assert model.SerializeToString() == before
