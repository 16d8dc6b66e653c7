"""Undamaged files of each kind, what the command took from one, and what other programs read.

The other programs are Pillow, pandas, json, pyarrow, NumPy, safetensors' and ONNX's own readers.
"""

import json
import tomllib
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import small

__all__ = ["EXPECTED", "UNREADABLE", "features", "rows", "same", "write"]

Rows = Mapping[str, tuple[Any, ...]]
UNREADABLE = (Exception,)
SIDE, WIDTH = 8, 12
MEAN, STD = np.array((0.485, 0.456, 0.406)), np.array((0.229, 0.224, 0.225))


def write(folder: Path) -> None:
    """Write the inputs that scenarios have not: once."""
    if (folder / "config.toml").exists():
        return
    import pandas
    from safetensors.numpy import save_file

    draw = np.random.default_rng(3)
    for split, count in (("train", 48), ("test", 24)):
        table = pandas.read_csv(folder / "texts" / f"{split}.csv")
        (folder / "lines").mkdir(exist_ok=True)
        (folder / "columns").mkdir(exist_ok=True)
        table.to_json(folder / "lines" / f"{split}.jsonl", orient="records", lines=True)
        table.to_parquet(folder / "columns" / f"{split}.parquet")
        numbers = draw.normal(size=(count, WIDTH)).astype(np.float32)
        np.save(folder / f"emb_{split}.npy", numbers)
        save_file({"features": numbers}, folder / f"emb_{split}.safetensors")
        ids = [f"{split}-{row}" for row in range(count)]
        emb = pandas.DataFrame({"id": ids, "features": list(numbers)})
        emb.to_parquet(folder / f"emb_{split}.parquet")
    _write_onnx(folder / "model.onnx")
    (folder / "config.toml").write_text(
        '# A small config.\n[data]\nsource = "table:texts"\nlabel = "label"\ntext = "text"\n'
        'id = "id"\n\n[train]\nsteps = 20\nlr = 1e-3\nbatch_size = 12\n\n[transfer]\n'
        'method = "aft"\nbeta = 3.0\n\n[[teachers]]\nsource = "features:emb_{split}.parquet"\n'
    )


def _write_onnx(path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    draw = np.random.default_rng(4)
    nodes = [
        helper.make_node("ReduceMean", ["pixels", "axes"], ["means"], keepdims=0),
        helper.make_node("MatMul", ["means", "first"], ["hidden"]),
        helper.make_node("Relu", ["hidden"], ["positive"]),
        helper.make_node("MatMul", ["positive", "second"], ["features"]),
    ]
    shape = ["batch", 3, SIDE, SIDE]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", WIDTH])],
        [
            numpy_helper.from_array(np.array([2, 3], dtype=np.int64), "axes"),
            numpy_helper.from_array(draw.normal(size=(3, 6)).astype(np.float32), "first"),
            numpy_helper.from_array(draw.normal(size=(6, WIDTH)).astype(np.float32), "second"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, str(path))


def features(work: Path) -> Rows:
    """Return the features that ``extract`` stored, by id."""
    from safetensors.numpy import load_file

    (ids,) = (work / "cache").glob("*/ids.jsonl")
    blocks = [load_file(path)["features"] for path in sorted(ids.parent.glob("features-*"))]
    numbers = np.concatenate(blocks).astype(np.float64)
    return {
        json.loads(name): tuple(row)
        for name, row in zip(ids.read_text().splitlines(), numbers.tolist(), strict=True)
    }


def rows(work: Path) -> Rows:
    """Return the training rows that ``rows`` listed, by id."""
    import csv

    with (work / "rows.csv").open(newline="", encoding="utf-8") as lines:
        return {
            line["id"]: (line.get("text"), line["label"])
            for line in csv.DictReader(lines)
            if line["split"] == "train"
        }


def same(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    """Whether two rows hold the same, but for half-precision rounding."""
    if one and isinstance(one[0], float):
        a, b = np.array(one), np.array(other)
        return a.shape == b.shape and bool(np.allclose(a, b, rtol=2e-3, atol=1e-5, equal_nan=True))
    return one == other


def _pixels(path: Path) -> np.ndarray[Any, Any] | None:
    """Decode a picture with Pillow; None for one that has more to it than 8 x 8 colors."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(path) as image:
            image.load()
            odd = image.size != (SIDE, SIDE) or "transparency" in image.info
            odd |= image.mode not in ("RGB", "L", "P") or image.getexif().get(274, 1) != 1
            if odd or image.has_transparency_data:
                return None
            pixels = np.asarray(image.convert("RGB"), dtype=np.float32) / 255
    return ((pixels - MEAN) / STD).astype(np.float32).transpose(2, 0, 1)


def _pictures(work: Path) -> Mapping[str, np.ndarray[Any, Any] | None]:
    folder = work / "pictures"
    paths = [path for path in (folder / "train").rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): _pixels(path) for path in paths}


def expected_picture(work: Path) -> Rows:
    """Return the teacher's features of what Pillow decodes."""
    import torch

    teacher = small.teacher()
    with torch.inference_mode():
        return {
            name: ()
            if pixels is None
            else tuple(teacher(torch.from_numpy(pixels)[None])[0].double().tolist())
            for name, pixels in _pictures(work).items()
        }


def expected_onnx(work: Path) -> Rows:
    """Return what onnxruntime computes."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(work / "model.onnx", options)
    (feed,), (output, *_) = session.get_inputs(), session.get_outputs()
    return {
        name: tuple(session.run([output.name], {feed.name: pixels[None]})[0][0].tolist())
        for name, pixels in _pictures(work).items()
        if pixels is not None
    }


def _table(lines: Sequence[Mapping[str, Any]]) -> Rows:
    if len({str(line["id"]) for line in lines}) < len(lines):
        raise ValueError("ids are repeated")
    return {str(line["id"]): (line["text"], line.get("label") or "") for line in lines}


def expected_csv(work: Path) -> Rows:
    """Return what pandas reads."""
    import pandas

    path = work / "texts/train.csv"
    frame = pandas.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    return _table(frame.to_dict(orient="records"))


def expected_jsonl(work: Path) -> Rows:
    """Return what json reads, object by object."""
    text = (work / "lines/train.jsonl").read_text("utf-8-sig").strip()
    decoder, lines = json.JSONDecoder(), []
    while text:
        line, end = decoder.raw_decode(text)
        lines.append(line)
        text = text[end:].lstrip()
    return _table(lines)


def expected_parquet(work: Path) -> Rows:
    """Return what pyarrow reads."""
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(work / "columns/train.parquet")
    table.validate(full=True)
    return _table(table.to_pylist())


def _numbered(numbers: Any) -> Rows:
    matrix = np.asarray(numbers).astype(np.float64)
    return {f"train-{row}": tuple(values) for row, values in enumerate(matrix.tolist())}


def expected_npy(work: Path) -> Rows:
    """Return what NumPy reads."""
    return _numbered(np.load(work / "emb_train.npy", allow_pickle=False))


def expected_safetensors(work: Path) -> Rows:
    """Return what safetensors reads."""
    from safetensors.torch import load_file

    (matrix,) = load_file(work / "emb_train.safetensors").values()
    return _numbered(matrix.double().numpy())


def expected_embedded(work: Path) -> Rows:
    """Return the features in a parquet file, as pyarrow reads them."""
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(work / "emb_train.parquet")
    table.validate(full=True)
    known = {f"train-{row}" for row in range(48)}
    return {
        name: tuple(map(float, values))
        for name, values in zip(table["id"].to_pylist(), table["features"].to_pylist(), strict=True)
        if name in known
    }


def expected_toml(work: Path) -> Rows:
    """Return the rows of the data that the config names, as tomllib and pandas read them."""
    import pandas

    config = tomllib.loads((work / "config.toml").read_text("utf-8"))
    data = config["data"]
    scheme, _, folder = data["source"].partition(":")
    if scheme != "table":
        raise ValueError(f"no table: {scheme}")
    path = work / folder / "train.csv"
    frame = pandas.read_csv(path, dtype=str, keep_default_na=False)
    chosen = {name: data.get(name, name) for name in ("id", "text", "label")}
    lines = frame.to_dict(orient="records")
    return _table([{name: line[column] for name, column in chosen.items()} for line in lines])


EXPECTED = {
    "images": expected_picture,
    "csv": expected_csv,
    "jsonl": expected_jsonl,
    "parquet": expected_parquet,
    "npy": expected_npy,
    "safetensors": expected_safetensors,
    "parquet features": expected_embedded,
    "onnx": expected_onnx,
    "toml": expected_toml,
}
