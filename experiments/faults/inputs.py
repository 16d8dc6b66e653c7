"""Damaged files of users: one message, or the rows and numbers that other programs read."""

import io
import random
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import formats
from bench import Bench
from mutations import mutated
from scenarios import PICTURES, set_words
from server import run

__all__ = ["CASES", "inputs"]

LIMIT = 60.0


@dataclass(frozen=True)
class Reader:
    """A kind of file, and the command that reads it.

    Attributes:
        name: Of the kind.
        file: The file that is damaged.
        words: The command.
        tokens: Pieces that mean something in this kind of file.
    """

    name: str
    file: str
    words: list[str]
    tokens: tuple[bytes, ...]
    share: int = 1


SEPARATED = (
    b",",
    b'"',
    b'""',
    b";",
    b"\t",
    b"'",
    b"\r",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b",,",
    b"a,b\n",
)
BRACES = (b"{", b"}", b'"', b"\\", b"null", b"[]", b"{}\n", b'"id":', b"\\ud800", b"true", b"[1]\n")
SETTINGS = (
    b"[",
    b"]",
    b"=",
    b'"',
    b"[[teachers]]\n",
    b"#",
    b"true",
    b"data.",
    b"\n[train]\nlr = 'x'\n",
)
EMB = ["extract", "--data", "table:texts", "--teacher"]
SMALL = set_words(teachers__0__input__image_size=8, cache__workers=0)

PNG = (b"IHDR", b"IDAT", b"\xff\xd9", b"\xff\xc0", b"\xff\xff\xff\xff")
ONNX = [*("extract", "--data", "folder:pictures", "--teacher", "onnx:model.onnx"), *SMALL]

CASES = (
    Reader("images", "pictures/train/across/00", ["extract", *PICTURES], PNG),
    Reader("csv", "texts/train.csv", ["rows", "table:texts"], SEPARATED),
    Reader("jsonl", "lines/train.jsonl", ["rows", "table:lines"], BRACES),
    Reader("parquet", "columns/train.parquet", ["rows", "table:columns"], (b"PAR1",)),
    Reader("npy", "emb_train.npy", [*EMB, "features:emb_{split}.npy"], (b"<f8", b"True", b"|O")),
    Reader(
        "safetensors",
        "emb_train.safetensors",
        [*EMB, "features:emb_{split}.safetensors"],
        (b"F64", b"BF16", b'"', b"{", b"[0,"),
    ),
    Reader(
        "parquet features", "emb_train.parquet", [*EMB, "features:emb_{split}.parquet"], (b"PAR1",)
    ),
    Reader("onnx", "model.onnx", ONNX, (b"MatMul", b"pixels", b"\x08", b"\xff\xff\xff\xff\x0f")),
    Reader("toml", "config.toml", ["rows", "config.toml"], SETTINGS),
)


def inputs(bench: Bench, reader: Reader, draw: random.Random) -> dict[str, Any]:
    """Damage a file, run the command that reads it, and compare with what other programs read."""
    formats.write(bench.inputs)
    work = bench.fresh()
    path = _own_copy(work, reader.file, draw)
    content = mutated(path.read_bytes(), draw, tokens=reader.tokens)
    path.write_bytes(content)
    ended = run(reader.words, folder=work, limit=LIMIT)
    lost = wrong = 0
    first, outcome = "", "refused" if ended.refused else "other"
    if ended.status == 0:
        lost, wrong, first, outcome = _compared(reader, work)
    crashed = ended.status is not None and ended.status not in (0, 2)
    bad = lost or wrong or crashed or outcome == "other"
    return {
        "moments": [f"{reader.name}: {path.name}, {len(content)} bytes"],
        "landed": 1,
        "outcome": outcome,
        "status": 0 if ended.refused else ended.status,
        "lost": lost,
        "wrong": wrong,
        "tracebacks": int(ended.traceback or crashed),
        "hangs": int(ended.status is None),
        "litter": (),
        "first": first,
        "said": ended.said[-1500:] if bad or ended.refused else "",
        "others": [],
        "content": content.hex() if bad else "",
    }


def _compared(reader: Reader, work: Path) -> tuple[int, int, str, str]:
    """Count rows that another program reads, and the command has not, or has differently."""
    taken = (formats.rows if reader.words[0] == "rows" else formats.features)(work)
    try:
        expected = formats.EXPECTED[reader.name](work)
    except formats.UNREADABLE as error:
        return 0, 1, f"others cannot read it: {type(error).__name__}: {error}"[:300], "taken alone"
    missing = expected.keys() - taken.keys()
    differing = [
        name
        for name, row in taken.items()
        if name not in expected or (expected[name] and not formats.same(row, expected[name]))
    ]
    odd = [*missing, *differing][:1]
    first = "".join(f"{name}: {taken.get(name)}, not {expected.get(name)}" for name in odd)
    return len(missing), len(differing), first[:400], "differs" if odd else "taken"


def _own_copy(work: Path, file: str, draw: random.Random) -> Path:
    """Replace the link to a file, or to its folder, by a copy; pictures get one of several formats."""
    top = work / Path(file).parts[0]
    source = top.resolve()
    top.unlink() if top.is_symlink() else None
    if source.is_dir():
        shutil.copytree(source, top)
    elif source.exists():
        shutil.copy(source, top)
    path = work / file
    if path.suffix:
        return path
    from PIL import Image

    ending = draw.choice(["png", "jpg", "gif", "bmp", "tiff", "webp"])
    plain = path.with_suffix(".png")
    buffer = io.BytesIO()
    with Image.open(plain) as image:
        image.save(buffer, "jpeg" if ending == "jpg" else ending)
    plain.unlink()
    path.with_suffix(f".{ending}").write_bytes(buffer.getvalue())
    return path.with_suffix(f".{ending}")
