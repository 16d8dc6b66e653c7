"""Zeros in front of max pooling, written so that ONNX Runtime keeps them."""

from typing import Any

import numpy as np
import onnx

__all__ = ["keep_padding"]

ALMOST_ZERO = -1e-30
"""Value of the padding in place of 0, too small to change a float32 output."""


def keep_padding(model: Any) -> int:
    """Replace the zeros that are padded in front of max pooling by ``-1e-30``; return how many paddings.

    ONNX Runtime moves a padding with zeros into the max pooling behind it, whose own padding never
    wins (it is minus infinity), so that outputs differ wherever a window at the edge has negative
    values alone. It leaves paddings with other values as they are. A model that pads with zeros before
    pooling is timm's ``resnetv2_50x1_bit``.

    Args:
        model: An ONNX model, changed in place.

    Source:
        ``PadFusion`` in ``onnxruntime/core/optimizer/pad_fusion.cc``.
    """
    graph = model.graph
    makers = {output: node for node in graph.node for output in node.output}
    pads = {
        pad.output[0]: pad
        for pool in graph.node
        if pool.op_type == "MaxPool"
        and (pad := makers.get(pool.input[0])) is not None
        and pad.op_type == "Pad"
        and _constant_value(graph, makers, pad) == 0
    }
    replaced = {pad.input[2] for pad in pads.values() if len(pad.input) > 2}
    for name, pad in pads.items():
        value = f"{name}_almost_zero"
        graph.initializer.append(onnx.numpy_helper.from_array(np.float32(ALMOST_ZERO), value))
        rest = list(pad.input[3:])
        given = [pad.input[0], pad.input[1], value, *rest]
        del pad.input[:]
        pad.input.extend(given)
    used = {name for node in graph.node for name in node.input}
    for one in [one for one in graph.initializer if one.name in replaced - used]:
        graph.initializer.remove(one)
    return len(pads)


def _constant_value(graph: Any, makers: dict[str, Any], pad: Any) -> float | None:
    """The value that a node pads with; None if it is not constant."""
    modes = [one.s for one in pad.attribute if one.name == "mode"]
    if modes not in ([], [b"constant"]):
        return None
    name = pad.input[2] if len(pad.input) > 2 else ""
    if not name:
        return 0.0
    tensors = [one for one in graph.initializer if one.name == name]
    maker = makers.get(name)
    if maker is not None and maker.op_type == "Constant":
        tensors += [one.t for one in maker.attribute if one.name == "value"]
    return float(onnx.numpy_helper.to_array(tensors[0])) if tensors else None
