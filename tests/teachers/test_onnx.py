"""ONNX files as teachers: declared and inner values, layouts, and graphs of a fixed batch."""

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from small_models import TEXTS, word_tokenizer

from tutelage.cache.precision import refuse_loss
from tutelage.errors import ConfigError, PrecisionError, SourceError
from tutelage.teachers import open_teacher
from tutelage.teachers.onnx_graph import external_files

SIDE = 8
IMAGE = {"image_size": SIDE, "mean": (0.1, 0.2, 0.3), "std": (0.5, 0.25, 1.0)}


def constant(name: str, value: np.ndarray) -> onnx.TensorProto:
    return numpy_helper.from_array(value.astype(np.float32), name)


def save_image_model(path, *, batch="batch", layout="nchw", outputs=("logits",), external=False):
    """Mean over places, then two linear layers; the inner value is ``hidden``."""
    draw = np.random.default_rng(0)
    first, second = draw.normal(size=(3, 5)), draw.normal(size=(5, 2))
    axes = [2, 3] if layout == "nchw" else [1, 2]
    shape = [batch, 3, SIDE, SIDE] if layout == "nchw" else [batch, SIDE, SIDE, 3]
    nodes = [
        helper.make_node("ReduceMean", ["pixels", "axes"], ["means"], keepdims=0),
        helper.make_node("MatMul", ["means", "first"], ["hidden"]),
        helper.make_node("MatMul", ["hidden", "second"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [
            numpy_helper.from_array(np.array(axes, dtype=np.int64), "axes"),
            constant("first", first),
            constant("second", second),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, str(path), save_as_external_data=external, size_threshold=0)
    return torch.tensor(first).float(), torch.tensor(second).float()


def opened(path, modality="image", model_input=IMAGE, **params):
    return open_teacher(f"onnx:{path}", modality=modality, params=params, model_input=model_input)


def encoded(teacher, rows):
    with torch.inference_mode():
        return teacher.encode(teacher.collate([teacher.prepare(row) for row in rows]))


@pytest.fixture(scope="module")
def photos():
    draw = np.random.default_rng(1)
    pixels = draw.integers(0, 256, (3, SIDE, SIDE, 3), dtype=np.uint8)
    return [Image.fromarray(one) for one in pixels], torch.from_numpy(pixels).float() / 255


@pytest.mark.parametrize("batch", ["batch", 1])
@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
@pytest.mark.parametrize("channels", ["rgb", "bgr"])
def test_images(batch, layout, channels, tmp_path, photos):
    first, second = save_image_model(tmp_path / "m.onnx", batch=batch, layout=layout)
    images, pixels = photos
    normal = (pixels - torch.tensor(IMAGE["mean"])) / torch.tensor(IMAGE["std"])
    means = normal.mean((1, 2))
    hidden = (means if channels == "rgb" else means.flip(1)) @ first
    options = {"layout": layout, "channels": channels}
    logits = encoded(opened(tmp_path / "m.onnx", **options), images)
    inner = opened(tmp_path / "m.onnx", output="hidden", **options)
    torch.testing.assert_close(logits, hidden @ second, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(encoded(inner, images), hidden, rtol=1e-4, atol=1e-5)
    assert inner.width == 5
    assert inner.parameters == 3 * 5 + 5 * 2 + 2


def test_inner_values_of_files_with_weights_beside_them(tmp_path, photos):
    first, _ = save_image_model(tmp_path / "m.onnx", external=True)
    teacher = opened(tmp_path / "m.onnx", output="hidden")
    normal = (photos[1] - torch.tensor(IMAGE["mean"])) / torch.tensor(IMAGE["std"])
    expected = normal.mean((1, 2)) @ first
    torch.testing.assert_close(encoded(teacher, photos[0]), expected, rtol=1e-4, atol=1e-5)
    before = teacher.identity()
    (weights,) = (path for path in tmp_path.iterdir() if path.suffix != ".onnx")
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert opened(tmp_path / "m.onnx", output="hidden").identity() != before


def save_graph(path, nodes, inputs, *, weights=(), output="features", kind=TensorProto.FLOAT):
    """A graph of one output; inputs are shapes by name, float if the name does not say else."""
    types = {"ids": TensorProto.INT64, "mask": TensorProto.INT64, "flag": TensorProto.BOOL}
    graph = helper.make_graph(
        nodes,
        "small",
        [
            helper.make_tensor_value_info(n, types.get(n, kind), shape)
            for n, shape in inputs.items()
        ],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
        list(weights),
    )
    opset = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), str(path))


@pytest.mark.parametrize("batch", [2, 4])
def test_a_fixed_batch_is_padded(batch, tmp_path, photos):
    first, second = save_image_model(tmp_path / "m.onnx", batch=batch)
    normal = (photos[1] - torch.tensor(IMAGE["mean"])) / torch.tensor(IMAGE["std"])
    expected = normal.mean((1, 2)) @ first @ second
    teacher = opened(tmp_path / "m.onnx")
    torch.testing.assert_close(encoded(teacher, photos[0]), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("mixing", ["shape", "mean"])
def test_rows_that_would_change_each_other_run_alone(mixing, tmp_path, photos):
    """A graph may state any number of rows, but hold one row inside (onnx/models#255)."""
    whole = lambda name, values: numpy_helper.from_array(np.array(values, np.int64), name)  # noqa: E731
    node = helper.make_node
    if mixing == "shape":
        nodes = [
            node("Reshape", ["pixels", "shape"], ["flat"]),
            node("ReduceMean", ["flat", "last"], ["out"], keepdims=0),
        ]
        weights = [whole("shape", [1, 3, -1]), whole("last", [2])]
    else:  # as batch normalization that was exported in training mode
        nodes = [
            node("ReduceMean", ["pixels", "places"], ["means"], keepdims=0),
            node("ReduceMean", ["means", "first"], ["common"], keepdims=1),
            node("Add", ["means", "common"], ["out"]),
        ]
        weights = [whole("places", [2, 3]), whole("first", [0])]
    pixels = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 3, SIDE, SIDE])
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "mixing", [pixels], [out], weights)
    opset = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), tmp_path / "m.onnx")
    teacher = opened(tmp_path / "m.onnx")
    means = ((photos[1] - torch.tensor(IMAGE["mean"])) / torch.tensor(IMAGE["std"])).mean((1, 2))
    expected = means if mixing == "shape" else 2 * means
    torch.testing.assert_close(encoded(teacher, photos[0]), expected, rtol=1e-4, atol=1e-5)
    assert teacher.identity()["rows"] == "alone"
    save_image_model(tmp_path / "usual.onnx")
    assert "rows" not in opened(tmp_path / "usual.onnx").identity()


def test_texts_that_would_change_each_other_run_alone(tmp_path):
    """Rows that are compared with each other: two equal ones would not show it."""
    ids = helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["n", "t"])
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, None)
    table = np.random.default_rng(4).normal(size=(80, 5)).astype(np.float32)
    node = helper.make_node
    nodes = [
        node("Gather", ["table", "input_ids"], ["states"]),
        node("ReduceMean", ["states", "tokens"], ["means"], keepdims=0),
        node("Transpose", ["means"], ["turned"], perm=[1, 0]),
        node("MatMul", ["means", "turned"], ["likeness"]),
        node("Softmax", ["likeness"], ["weights"], axis=1),
        node("MatMul", ["weights", "means"], ["out"]),
    ]
    weights = [constant("table", table), numpy_helper.from_array(np.array([1]), "tokens")]
    graph = helper.make_graph(nodes, "attention", [ids], [out], weights)
    opset = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), tmp_path / "m.onnx")
    word_tokenizer().save_pretrained(tmp_path / "tokenizer")
    reads = {"tokenizer": str(tmp_path / "tokenizer"), "max_length": 16}
    teacher = opened(tmp_path / "m.onnx", "text", reads)
    assert teacher.identity()["rows"] == "alone"


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
def test_a_map_is_averaged_over_its_own_places(layout, tmp_path, photos):
    """A graph may turn its axes inside, as one converted from TensorFlow does."""
    turn = helper.make_node("Transpose", ["pixels"], ["features"], perm=[0, 2, 3, 1])
    back = helper.make_node("Transpose", ["pixels"], ["features"], perm=[0, 3, 1, 2])
    shape = ["batch", 3, SIDE, SIDE] if layout == "nchw" else ["batch", SIDE, SIDE, 3]
    save_graph(tmp_path / "m.onnx", [turn if layout == "nchw" else back], {"pixels": shape})
    normal = (photos[1] - torch.tensor(IMAGE["mean"])) / torch.tensor(IMAGE["std"])
    teacher = opened(tmp_path / "m.onnx")
    torch.testing.assert_close(encoded(teacher, photos[0]), normal.mean((1, 2)))
    assert teacher.width == 3
    assert teacher.identity()["axes"] == ("nhwc" if layout == "nchw" else "nchw")


def test_a_map_whose_shape_does_not_tell_its_axes(tmp_path, photos):
    weights = constant("weight", np.random.default_rng(0).normal(size=(SIDE, 3, 1, 1)))
    nodes = [helper.make_node("Conv", ["pixels", "weight"], ["features"])]
    shape = ["batch", 3, SIDE, SIDE]
    save_graph(tmp_path / "m.onnx", nodes, {"pixels": shape}, weights=[weights])
    with pytest.raises(SourceError, match=r"map of shape \(1, 8, 8, 8\).*teachers.params.axes"):
        opened(tmp_path / "m.onnx")
    normal = (photos[1] - torch.tensor(IMAGE["mean"])) / torch.tensor(IMAGE["std"])
    kernel = torch.tensor(numpy_helper.to_array(weights))[:, :, 0, 0]
    teacher = opened(tmp_path / "m.onnx", axes="nchw")
    expected = normal.mean((1, 2)) @ kernel.T
    torch.testing.assert_close(encoded(teacher, photos[0]), expected, rtol=1e-4, atol=1e-5)
    assert "axes" not in teacher.identity()


def test_states_in_columns(tmp_path, photos):
    """Positions of a flattened map are averaged, not its channels."""
    shape = numpy_helper.from_array(np.array([0, 3, -1], dtype=np.int64), "shape")
    nodes = [helper.make_node("Reshape", ["pixels", "shape"], ["features"])]
    save_graph(tmp_path / "m.onnx", nodes, {"pixels": ["b", 3, SIDE, SIDE]}, weights=[shape])
    normal = (photos[1] - torch.tensor(IMAGE["mean"])) / torch.tensor(IMAGE["std"])
    teacher = opened(tmp_path / "m.onnx", axes="nct")
    torch.testing.assert_close(encoded(teacher, photos[0]), normal.mean((1, 2)))


def test_several_inputs(tmp_path, photos):
    """An inner value needs fewer inputs; constants and their meaning are settings."""
    nodes = [
        helper.make_node("ReduceMean", ["pixels", "axes"], ["means"], keepdims=0),
        helper.make_node("Mul", ["means", "scale"], ["scaled"]),
        helper.make_node("Where", ["flag", "scaled", "means"], ["features"]),
    ]
    axes = numpy_helper.from_array(np.array([2, 3], dtype=np.int64), "axes")
    inputs = {"pixels": ["b", 3, SIDE, SIDE], "scale": ["b", 3], "flag": []}
    save_graph(tmp_path / "m.onnx", nodes, inputs, weights=[axes])
    with pytest.raises(SourceError, match=r"not known what 'scale' is; set teachers.params.inputs"):
        opened(tmp_path / "m.onnx")
    with pytest.raises(SourceError, match=r"no such input; did you mean 'flag'"):
        opened(tmp_path / "m.onnx", inputs={"flags": True})
    means = ((photos[1] - torch.tensor(IMAGE["mean"])) / torch.tensor(IMAGE["std"])).mean((1, 2))
    values = {"scale": [1.0, 2.0, 3.0], "flag": True}
    teacher = opened(tmp_path / "m.onnx", inputs=values)
    torch.testing.assert_close(encoded(teacher, photos[0]), means * torch.tensor([1.0, 2, 3]))
    plain = opened(tmp_path / "m.onnx", inputs=values | {"flag": False})
    torch.testing.assert_close(encoded(plain, photos[0]), means)
    assert plain.identity() != teacher.identity()
    inner = opened(tmp_path / "m.onnx", output="means")
    torch.testing.assert_close(encoded(inner, photos[0]), means)


def test_pixels_that_the_graph_normalizes_itself(tmp_path, photos):
    nodes = [
        helper.make_node("Cast", ["pixels"], ["values"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["values", "axes"], ["features"], keepdims=0),
    ]
    axes = numpy_helper.from_array(np.array([1, 2], dtype=np.int64), "axes")
    shape = {"pixels": [1, SIDE, SIDE, 3]}
    save_graph(tmp_path / "m.onnx", nodes, shape, weights=[axes], kind=TensorProto.UINT8)
    teacher = opened(tmp_path / "m.onnx", model_input={"image_size": SIDE})
    expected = 255 * photos[1].mean((1, 2))
    torch.testing.assert_close(encoded(teacher, photos[0]), expected, rtol=1e-4, atol=1e-4)
    with pytest.raises(SourceError, match=r"normalizes them itself; leave teachers.input.mean out"):
        opened(tmp_path / "m.onnx")


def test_the_shape_that_a_graph_states_is_checked(tmp_path):
    save_image_model(tmp_path / "m.onnx")
    with pytest.raises(SourceError, match=r"8 x 8 pixels, but teachers.input.image_size = 16"):
        opened(tmp_path / "m.onnx", model_input=IMAGE | {"image_size": 16})
    with pytest.raises(SourceError, match="which is layout = 'nchw', not 'nhwc'"):
        opened(tmp_path / "m.onnx", layout="nhwc")


def test_texts_of_a_fixed_length(tmp_path):
    """Texts are padded to the graph's length; the padding is not part of the mean."""
    table = np.random.default_rng(0).normal(size=(20, 6))
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["features"]),
        helper.make_node("Identity", ["mask"], ["unused"]),
    ]
    inputs = {"ids": [2, 14], "mask": [2, 14]}
    save_graph(tmp_path / "m.onnx", nodes, inputs, weights=[constant("table", table)])
    word_tokenizer().save_pretrained(tmp_path / "tokenizer")
    settings = {"tokenizer": str(tmp_path / "tokenizer")}
    teacher = opened(tmp_path / "m.onnx", "text", settings)
    states = torch.tensor(table).float()
    expected = [states[word_tokenizer()(text)["input_ids"]].mean(0) for (text,) in TEXTS]
    torch.testing.assert_close(encoded(teacher, TEXTS), torch.stack(expected))
    with pytest.raises(SourceError, match=r"takes 14 tokens, but .*max_length = 20; set it to 14"):
        opened(tmp_path / "m.onnx", "text", settings | {"max_length": 20})


def test_the_whole_message_of_onnx_runtime(tmp_path):
    """The line that says what came and what was expected is its second."""
    size = numpy_helper.from_array(np.array([0, 77], dtype=np.int64), "size")
    nodes = [helper.make_node("Reshape", ["pixels", "size"], ["features"])]
    save_graph(tmp_path / "m.onnx", nodes, {"pixels": ["b", 3, "h", "w"]}, weights=[size])
    with pytest.raises(SourceError, match=r"cannot be called .*\{1,3,8,8\}.*\{.*77\}"):
        opened(tmp_path / "m.onnx")


def save_text_model(path, *names):
    """An embedding of tokens, one state each."""
    table = np.random.default_rng(0).normal(size=(20, 6))
    graph = helper.make_graph(
        [
            helper.make_node("Gather", ["table", "input_ids"], ["states"]),
            *(helper.make_node("Identity", [name], [f"unused {name}"]) for name in names[1:]),
        ],
        "small",
        [helper.make_tensor_value_info(n, TensorProto.INT64, ["batch", "tokens"]) for n in names],
        [helper.make_tensor_value_info("states", TensorProto.FLOAT, None)],
        [constant("table", table)],
    )
    opset = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), str(path))
    return torch.tensor(table).float()


@pytest.mark.parametrize(
    "names", [("input_ids",), ("input_ids", "attention_mask", "token_type_ids")]
)
def test_texts_are_averaged_over_tokens(names, tmp_path):
    table = save_text_model(tmp_path / "m.onnx", *names)
    word_tokenizer().save_pretrained(tmp_path / "tokenizer")
    settings = {"tokenizer": str(tmp_path / "tokenizer"), "max_length": 20}
    teacher = opened(tmp_path / "m.onnx", "text", settings)
    expected = [table[word_tokenizer()(text)["input_ids"]].mean(0) for (text,) in TEXTS]
    torch.testing.assert_close(encoded(teacher, TEXTS), torch.stack(expected))


def test_doubles_reach_the_cache_unrounded(tmp_path, photos):
    path = tmp_path / "m.onnx"
    save_image_model(path)
    model = onnx.load(path)
    model.graph.initializer.append(numpy_helper.from_array(np.array([1e9]), "far"))
    model.graph.node.extend(
        [
            helper.make_node("Cast", ["logits"], ["wide"], to=TensorProto.DOUBLE),
            helper.make_node("Add", ["wide", "far"], ["shifted"]),
        ]
    )
    model.graph.output.append(helper.make_tensor_value_info("shifted", TensorProto.DOUBLE, None))
    onnx.save(model, path)
    images, _ = photos
    plain, shifted = (encoded(opened(path, output=name), images) for name in ("logits", "shifted"))
    assert shifted.dtype == torch.float64
    torch.testing.assert_close((shifted - 1e9).float(), plain, rtol=0, atol=1e-5)
    with pytest.raises(PrecisionError, match="do not survive float32"):
        refuse_loss(shifted, shifted.float(), ids=["a", "b", "c"], total=3)


def test_identity(tmp_path):
    save_image_model(tmp_path / "m.onnx")
    (tmp_path / "copy.onnx").write_bytes((tmp_path / "m.onnx").read_bytes())
    one, copy = opened(tmp_path / "m.onnx"), opened(tmp_path / "copy.onnx")
    assert one.identity() == copy.identity()
    others = [
        opened(tmp_path / "m.onnx", output="hidden"),
        opened(tmp_path / "m.onnx", channels="bgr"),
        opened(tmp_path / "m.onnx", model_input=IMAGE | {"std": (1.0, 1.0, 1.0)}),
    ]
    assert len({str(one.identity()) for one in [one, *others]}) == 4


def test_mistakes_are_named(tmp_path):
    path = tmp_path / "m.onnx"
    save_image_model(path, outputs=("logits", "hidden"))
    with pytest.raises(SourceError, match="has the outputs logits, hidden; choose one"):
        opened(path)
    with pytest.raises(SourceError, match="no value 'hiden'; did you mean 'hidden'"):
        opened(path, output="hiden")
    with pytest.raises(ConfigError, match=r"layout = 'hwc': input should be 'nchw' or 'nhwc'"):
        opened(path, layout="hwc")
    with pytest.raises(ConfigError, match=r"teachers.input is missing"):
        opened(path, output="logits", model_input=None)
    with pytest.raises(SourceError, match="no ONNX file"):
        opened(tmp_path / "none.onnx")
    (tmp_path / "text.onnx").write_text("not a model")
    with pytest.raises(SourceError, match="not an ONNX model"):
        opened(tmp_path / "text.onnx")
    save_text_model(tmp_path / "words.onnx", "words")
    word_tokenizer().save_pretrained(tmp_path / "tokenizer")
    with pytest.raises(SourceError, match="ONNX Runtime cannot run"):
        opened(tmp_path / "words.onnx", "text", {"tokenizer": str(tmp_path / "tokenizer")})


def test_a_pointer_in_place_of_a_model_is_named(tmp_path):
    """huggingface/transformers#8497, of an ONNX file."""
    (tmp_path / "m.onnx").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:1\n")
    with pytest.raises(SourceError, match=r"m.onnx is not an ONNX model: it is a Git LFS pointer"):
        opened(tmp_path / "m.onnx")


@pytest.mark.parametrize("location", ["inner.bin", "../secret.bin"])
def test_external_weights_of_branches_are_known(location, tmp_path):
    """They decide the features, and may lie no more outside of the folder than others."""
    weights = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[3])
    weights.data_location = TensorProto.EXTERNAL
    weights.external_data.add(key="location", value=location)
    value = helper.make_tensor_value_info("v", TensorProto.FLOAT, [3])
    inner = helper.make_node("Identity", ["w"], ["v"])
    branch = helper.make_graph([inner], "branch", [], [value], [weights])
    choice = helper.make_node("If", ["c"], ["v"], then_branch=branch, else_branch=branch)
    condition = helper.make_tensor_value_info("c", TensorProto.BOOL, [])
    model = helper.make_model(helper.make_graph([choice], "outer", [condition], [value]))
    if location == "inner.bin":
        assert external_files(model, tmp_path / "m.onnx") == [tmp_path / "inner.bin"]
    else:
        with pytest.raises(SourceError, match="outside of its own folder"):
            external_files(model, tmp_path / "m.onnx")
