"""Removal of what exporters write of the machine into a file: lines of code with the paths of their files."""

from typing import Any

import torch
from torch.export import ExportedProgram

__all__ = ["strip_onnx", "strip_program"]


def strip_onnx(model: Any) -> None:
    """Remove notes on nodes and values of an ONNX model, in place; the model's own metadata stay.

    PyTorch's exporter notes the lines of Python, with the files' paths, from which each node came.
    """
    for graph in (model.graph, *model.functions):
        _strip_graph(graph)


def _strip_graph(graph: Any) -> None:
    lists = ("input", "output", "initializer", "value_info")  # a function's inputs are names
    values = [one for name in lists for one in getattr(graph, name, ())]
    for part in (graph, *graph.node, *(one for one in values if not isinstance(one, str))):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    for node in graph.node:
        for attribute in node.attribute:
            attribute.ClearField("doc_string")
            for inner in (attribute.g, *attribute.graphs):
                if inner.node:
                    _strip_graph(inner)


def strip_program(program: ExportedProgram) -> None:
    """Remove the lines of code from which each node of a program came, in place."""
    for module in program.graph_module.modules():
        if isinstance(module, torch.fx.GraphModule):
            for node in module.graph.nodes:
                node.meta.pop("stack_trace", None)
