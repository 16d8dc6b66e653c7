"""Throughput of extraction over the bare model's forward loop on the same batches.

Run it from the repository with

    python benchmarks/extraction.py            # CPU: one thread computes, one process decodes
    python benchmarks/extraction.py --device cuda --workers 15 --rows 1 4 --repeats 1 \
        --teachers clip_vit_l14 dinov2_vit_g14 t5_large llama_7b

Extraction is everything from the split to the finished folder: digest of the rows, decoding or
tokenizing in a worker, batches, forward, checks, files, digests, statistics. The bare loop has
its batches ready in memory, on the device's side of decoding, and does nothing but the forward.
Both run in turns; the ratio of each turn is printed. On a CPU ``forward_share`` is the share of the
forward in the processor seconds of the extracting process (not of its worker): what other
programs on the machine take moves the ratio, but hardly the share. Weights are random: speed does
not care. With several ``--rows`` the last line of a teacher gives the rate between the first and the
last size: what is left of the ratio once the start of the workers is paid.
"""

import argparse
import functools
import io
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import timm
import torch
from PIL import Image
from tokenizers import Tokenizer, models, pre_tokenizers
from torch import Tensor, nn
from transformers import (
    BertConfig,
    BertModel,
    LlamaConfig,
    LlamaModel,
    PreTrainedTokenizerFast,
    T5Config,
    T5EncoderModel,
)

from tutelage.cache import FeatureStore
from tutelage.data.base import Split
from tutelage.extraction import ExtractionSettings, extract_split
from tutelage.extraction.batching import choose_budget, cut
from tutelage.extraction.parts import part_rows
from tutelage.extraction.settings import compute_dtype
from tutelage.inputs import ImageInput, TextInput
from tutelage.teachers.module import ModuleEncoder


class Photos:
    """JPEG files of 256 x 256 pixels, in memory."""

    modality = "image"

    def __init__(self, files: Sequence[bytes]) -> None:
        self.files = list(files)

    @classmethod
    def draw(cls, count: int) -> "Photos":
        """Make smooth pictures, which compress as photos do."""
        draw = np.random.default_rng(0)
        files = []
        for _ in range(64):
            small = Image.fromarray(draw.integers(0, 256, (16, 16, 3), dtype=np.uint8))
            buffer = io.BytesIO()
            small.resize((256, 256), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=90)
            files.append(buffer.getvalue())
        return cls([files[i % 64] for i in range(count)])

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Image.Image:
        return Image.open(io.BytesIO(self.files[index])).convert("RGB")

    def content(self, index: int) -> bytes:
        """The file."""
        return self.files[index]

    def select(self, indices: Sequence[int]) -> "Photos":
        """Some of the rows."""
        return type(self)([self.files[i] for i in indices])


class Sentences(Photos):
    """Texts of 5 to 120 words."""

    modality = "text"
    shortest, longest = 5, 120

    @classmethod
    def draw(cls, count: int) -> "Sentences":
        """Make texts whose lengths spread as those of reviews do."""
        draw = np.random.default_rng(0)
        made = []
        for _ in range(count):
            length = int(np.clip(draw.lognormal(3.3, 0.6), cls.shortest, cls.longest))
            made.append(" ".join(f"w{n}" for n in draw.integers(0, 5000, length)).encode())
        return cls(made)

    def __getitem__(self, index: int) -> Any:
        return (self.files[index].decode(),)


class LongTexts(Sentences):
    """Texts of 128 words."""

    shortest = longest = 128


def image_teacher(name: str, **options: Any) -> ModuleEncoder:
    """A model of timm, with random weights."""
    model = timm.create_model(name, num_classes=0, **options)
    return ModuleEncoder(
        model,
        ImageInput.from_timm(model),
        features=lambda ready: model(ready["image"]),
        identity={"source": name},
    )


def text_teacher(name: str, model: nn.Module) -> ModuleEncoder:
    """A model of transformers, and a tokenizer of whole words."""
    words = Tokenizer(
        models.WordLevel({"[PAD]": 0, "[UNK]": 1} | {f"w{n}": n + 2 for n in range(5000)}, "[UNK]")
    )
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words,
        pad_token="[PAD]",
        unk_token="[UNK]",
        model_max_length=128,
    )
    return ModuleEncoder(
        model,
        TextInput.from_tokenizer(tokenizer, accepts=("input_ids", "attention_mask")),
        features=lambda ready: model(**ready).last_hidden_state[:, 0],
        identity={"source": name},
    )


def small_bert() -> ModuleEncoder:
    """BERT with 4 layers of 256."""
    config = BertConfig(
        vocab_size=5002,
        hidden_size=256,
        num_hidden_layers=4,
        num_attention_heads=4,
        intermediate_size=1024,
    )
    return text_teacher("bert", BertModel(config))


def t5_large() -> ModuleEncoder:
    """The encoder of T5 Large."""
    sizes = {"d_model": 1024, "d_kv": 64, "d_ff": 2816, "num_layers": 24, "num_heads": 16}
    config = T5Config(**sizes, feed_forward_proj="gated-gelu")
    return text_teacher("t5", T5EncoderModel(config))


def llama_7b() -> ModuleEncoder:
    """Llama 2 7B, in half precision from the start."""
    usual = torch.get_default_dtype()
    torch.set_default_dtype(torch.float16)
    try:
        with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
            return text_teacher("llama", LlamaModel(LlamaConfig(use_cache=False)))
    finally:
        torch.set_default_dtype(usual)


class Workload(NamedTuple):
    """A teacher, its rows, and how many of them are one size."""

    build: Callable[[], ModuleEncoder]
    rows: type[Photos]
    count: int


TEACHERS = {
    "vit_tiny_patch16_224": Workload(lambda: image_teacher("vit_tiny_patch16_224"), Photos, 768),
    "resnet50": Workload(lambda: image_teacher("resnet50"), Photos, 256),
    "bert_4x256": Workload(small_bert, Sentences, 4096),
    "clip_vit_l14": Workload(lambda: image_teacher("vit_large_patch14_clip_224"), Photos, 8192),
    "dinov2_vit_g14": Workload(
        lambda: image_teacher("vit_giant_patch14_dinov2", img_size=224), Photos, 2048
    ),
    "t5_large": Workload(t5_large, LongTexts, 8192),
    "llama_7b": Workload(llama_7b, LongTexts, 2048),
}
"""By default the first three are measured; the others are meant for a GPU."""


def split_of(rows: Photos) -> Split:
    """Rows with ids, without labels."""
    return Split(
        name="train",
        rows=rows,  # type: ignore[arg-type]
        ids=[str(i) for i in range(len(rows))],
        labels=torch.full((len(rows),), -100),
    )


def batches_of(
    source: ModuleEncoder, split: Split, device: torch.device, dtype: torch.dtype
) -> list[dict[str, Tensor]]:
    """The batches that extraction makes, decoded and normalized."""
    budget = choose_budget(source, split.rows, batch_size="auto", device=device)
    size, found = part_rows(source), []
    prepare = functools.cache(lambda content: source.prepare(type(split.rows)([content])[0]))
    for start in range(0, len(split), size):
        prepared = [
            prepare(split.rows.content(i)) for i in range(start, min(start + size, len(split)))
        ]
        step = budget.rows if source.modality == "image" else len(prepared)
        for first in range(0, len(prepared), step):
            piece = prepared[first : first + step]
            for group in cut([source.cost(one) for one in piece], budget):
                batch = {
                    k: v.to(device) for k, v in source.collate([piece[i] for i in group]).items()
                }
                found.append(source.input.finish(batch, dtype=dtype))
    return found


@torch.inference_mode()
def bare(
    source: ModuleEncoder, batches: Sequence[dict[str, Tensor]], device: torch.device
) -> float:
    """Seconds of the forward loop."""
    start = time.perf_counter()
    for ready in batches:
        source.model(**ready) if "input_ids" in ready else source.model(ready["image"])
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


class Extraction(NamedTuple):
    """Seconds by the clock, and the forward's share of the process's processor seconds."""

    seconds: float
    forward_share: float


def full(source: ModuleEncoder, split: Split, device: torch.device, workers: int) -> Extraction:
    """Time the extraction, and inside it the forward."""
    inside, began = [0.0], [0.0]

    def before(*_: object) -> None:
        began[0] = time.process_time()

    def after(*_: object) -> None:
        inside[0] += time.process_time() - began[0]

    hooks = (
        source.model.register_forward_pre_hook(before),
        source.model.register_forward_hook(after),
    )
    with tempfile.TemporaryDirectory() as folder:
        processor, start = time.process_time(), time.perf_counter()
        settings = ExtractionSettings(device=device, workers=workers)
        extract_split(source, split, store=FeatureStore(Path(folder)), settings=settings)
        found = Extraction(
            time.perf_counter() - start, inside[0] / (time.process_time() - processor)
        )
    for hook in hooks:
        hook.remove()
    return found


def measure(
    source: ModuleEncoder, rows: Photos, device: torch.device, *, workers: int, repeats: int
) -> dict[str, Any]:
    """Rows a second of both, and the ratio of each turn."""
    dtype = compute_dtype(device, "float16")
    source.to(device, dtype)
    split = split_of(rows)
    batches = batches_of(source, split, device, dtype)
    bare(source, batches[:3], device)
    # A new split each time: its rows are digested anew.
    turns = [
        (bare(source, batches, device), full(source, split_of(rows), device, workers))
        for _ in range(repeats)
    ]
    ratios = sorted(loop / whole.seconds for loop, whole in turns)
    return {
        "rows": len(rows),
        "batches": len(batches),
        "bare_rows_per_second": round(len(rows) / statistics.median(t[0] for t in turns), 1),
        "extract_rows_per_second": round(
            len(rows) / statistics.median(t[1].seconds for t in turns), 1
        ),
        "ratio": round(statistics.median(ratios), 3),
        "ratios": [round(ratio, 3) for ratio in ratios],
        "forward_share": round(statistics.median(t[1].forward_share for t in turns), 3),
    }


def main() -> None:
    """Measure the teachers, and print a JSON object of each size."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--rows", type=float, nargs="+", default=[1.0], help="times as many rows")
    parser.add_argument("--teachers", nargs="+", choices=TEACHERS, default=list(TEACHERS)[:3])
    options = parser.parse_args()
    device = torch.device(options.device)
    if device.type == "cpu":
        # The worker needs a processor of its own, or decoding would be the limit.
        torch.set_num_threads(1)
    for name in options.teachers:
        workload = TEACHERS[name]
        source = workload.build()
        measured = []
        for times in options.rows:
            rows = workload.rows.draw(int(workload.count * times))
            figures = measure(
                source, rows, device, workers=options.workers, repeats=options.repeats
            )
            print(json.dumps({name: figures}), flush=True)
            measured.append(figures)
        if len(measured) > 1:
            print(json.dumps({f"{name}, from size to size": marginal(measured)}), flush=True)


def marginal(measured: Sequence[dict[str, Any]]) -> dict[str, float]:
    """The rates of the rows that the last size has more than the first."""
    more = measured[-1]["rows"] - measured[0]["rows"]
    rates = {
        side: more
        / (
            measured[-1]["rows"] / measured[-1][f"{side}_rows_per_second"]
            - measured[0]["rows"] / measured[0][f"{side}_rows_per_second"]
        )
        for side in ("bare", "extract")
    }
    return {
        **{f"{side}_rows_per_second": round(rate, 1) for side, rate in rates.items()},
        "ratio": round(rates["extract"] / rates["bare"], 3),
    }


if __name__ == "__main__":
    main()
