"""ONNX files as teachers: declared and inner values, layouts, and graphs of a fixed batch."""

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from small_models import TEXTS, word_tokenizer

from tutelage.errors import ConfigError, SourceError
from tutelage.teachers import open_teacher

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


def test_a_fixed_batch_that_does_not_divide_is_named(tmp_path, photos):
    save_image_model(tmp_path / "m.onnx", batch=2)
    with pytest.raises(SourceError, match="batches of exactly 2 rows"):
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
    with pytest.raises(SourceError, match="cannot be called with the input"):
        opened(path, output="logits", layout="nhwc")
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
