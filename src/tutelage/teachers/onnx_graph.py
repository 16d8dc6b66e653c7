"""What an ONNX file states: its outputs, the inputs that an output needs, files of weights, axes."""

import copy
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath, PureWindowsPath
from typing import Any, Literal

from tutelage.errors import MissingExtraError, SourceError, did_you_mean, whole_message
from tutelage.files import missing_content

try:
    import onnx
    from onnx.external_data_helper import load_external_data_for_model, uses_external_data
except ImportError as error:
    raise MissingExtraError("onnxruntime and onnx", extra="onnx", purpose="onnx:") from error

__all__ = ["Axes", "Layout", "axes_of", "external_files", "image_layout", "reach", "read_graph"]

Layout = Literal["nchw", "nhwc"]
Axes = Literal["nchw", "nhwc", "ntc", "nct"]


def read_graph(path: Path) -> Any:
    """Read a model without the weights that are in files of their own.

    Raises:
        SourceError: If there is no such file, or it is no ONNX model.
    """
    if not path.is_file():
        raise SourceError(f"there is no ONNX file {path}")
    try:
        graph = onnx.load(str(path), load_external_data=False)
    except Exception as error:
        reason = missing_content(path) or whole_message(error)
        raise SourceError(f"{path} is not an ONNX model: {reason}") from error
    if not graph.graph.output:  # true of an empty file
        raise SourceError(f"{path} is not an ONNX model: it has no outputs; export it again")
    return graph


def reach(model: Any, path: Path, output: str | None) -> tuple[str, Any]:
    """Return the output's name, and a changed model if an inner value or fewer inputs are needed.

    Raises:
        SourceError: If the file has no such value, or several outputs and none is named.
    """
    declared = [value.name for value in model.graph.output]
    if output is None:
        if len(declared) > 1:
            raise SourceError(f"{path} has the outputs {', '.join(declared)}; choose one by output")
        return declared[0], None
    inner = [name for node in model.graph.node for name in node.output]
    if output not in (*declared, *inner):
        raise SourceError(
            f"{path} has no value {output!r}{did_you_mean(output, [*declared, *inner])}; "
            f"its outputs are: {', '.join(declared)}"
        )
    nodes = _needed(model.graph, output)
    names = {name for node in nodes for name in _reads(node)} | {output}
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in weights]
    if output in declared and all(value.name in names for value in inputs):
        return output, None
    changed = copy.deepcopy(model)
    load_external_data_for_model(changed, str(path.parent))
    graph = changed.graph
    if output not in declared:
        graph.output.append(onnx.helper.make_empty_tensor_value_info(output))
    parts = ((graph.output, {output}), (graph.input, names), (graph.initializer, names))
    for values, wanted in parts:
        kept = [copy.deepcopy(value) for value in values if value.name in wanted]
        del values[:]
        values.extend(kept)
    kept = [copy.deepcopy(node) for node in _needed(graph, output)]
    del graph.node[:]
    graph.node.extend(kept)
    return output, changed


def external_files(model: Any, path: Path) -> list[Path]:
    """Return the external files with the model's weights.

    Raises:
        SourceError: If a file is named that is not in the model's folder.
    """
    names = {
        entry.value
        for tensor in _tensors(model)
        if uses_external_data(tensor)
        for entry in tensor.external_data
        if entry.key == "location"
    }
    for name in names:
        inner = PurePath(name.replace("\\", "/"))
        if PureWindowsPath(name).anchor or inner.is_absolute() or ".." in inner.parts:
            raise SourceError(
                f"{path} names {name!r} for its weights, a file outside of its own folder, which is not read; "
                "save the model again with its weights beside it"
            )
    return [path.parent / name for name in sorted(names)]


def _tensors(model: Any) -> Iterator[Any]:
    """Yield all tensors of a model, those of branches, loops and functions too."""
    yield from _of_graph(model.graph)
    for function in model.functions:
        yield from _of_nodes(function.node)


def _of_graph(graph: Any) -> Iterator[Any]:
    yield from graph.initializer
    yield from _of_nodes(graph.node)


def _of_nodes(nodes: Iterable[Any]) -> Iterator[Any]:
    for node in nodes:
        for attribute in node.attribute:
            yield from [attribute.t] if attribute.HasField("t") else attribute.tensors
            inner = [attribute.g] if attribute.HasField("g") else attribute.graphs
            for graph in inner:
                yield from _of_graph(graph)


def image_layout(shape: list[Any]) -> Layout | None:
    """Return the order of an image input's axes as its shape states it; None if it does not.

    Example:
        >>> image_layout(["batch", 224, 224, 3]), image_layout([1, 3, "height", "width"])
        ('nhwc', 'nchw')
    """
    channels = [axis for axis in (1, 3) if len(shape) == 4 and shape[axis] == 3]
    if len(channels) != 1:
        return None
    return "nchw" if channels == [1] else "nhwc"


def axes_of(shape: tuple[int, ...], *, tokens: int | None) -> Axes | None:
    """Return the order of the axes of one row's features as their shape shows it.

    Images are square, so that the two equal axes of a map are its height and width.

    Args:
        shape: Shape of the features, of three or four axes.
        tokens: Number of tokens of the row; None for an image.

    Returns:
        None if the shape does not show it.

    Example:
        >>> axes_of((1, 512, 7, 7), tokens=None), axes_of((1, 7, 7, 512), tokens=None)
        ('nchw', 'nhwc')
        >>> axes_of((1, 9, 384), tokens=9)
        'ntc'
    """
    if len(shape) == 4:
        _, one, two, three = shape
        if (one == two) == (two == three):
            return None
        return "nhwc" if one == two else "nchw"
    return "nct" if tokens is not None and shape[2] == tokens != shape[1] else "ntc"


def _needed(graph: Any, output: str) -> list[Any]:
    """Return the nodes that an output depends on, in their order."""
    names, nodes = {output}, []
    for node in reversed(graph.node):
        if names & set(node.output):
            nodes.append(node)
            names |= set(_reads(node))
    return nodes[::-1]


def _reads(node: Any) -> Iterator[str]:
    """Yield the names that a node reads, or that the graphs inside it read."""
    yield from node.input
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            for inner in graph.node:
                yield from _reads(inner)
            yield from (value.name for value in graph.output)
