"""Predict, export and latency of every kind of student, and how near ONNX outputs are to PyTorch's.

Each student is small, has random weights, and is trained for a few steps by ``tutelage.run`` on made
pictures and packaged texts, so that a run's folder is there as after any training. Then, by the public
functions: it is predicted, exported (which compares it on the evaluated rows), and timed next to the
exported file. Last, ONNX Runtime alone runs the file on batches of 1, 3 and 17 rows, of texts with
three lengths each, and the largest difference from the student's outputs is noted. A row that fails
says why.

    python benchmarks/ship.py [--only WORD] [--to FORMAT] [--json FILE]
"""

import argparse
import json
import logging
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from PIL import Image
from torch import Tensor

import tutelage
from tutelage.config import load_config
from tutelage.demo.data import minilm, snippets
from tutelage.deploy.export import FORMATS
from tutelage.deploy.timing import Rounds

ROWS = (1, 3, 17)
WORDS = (1, 12, 60)
"""Words of the texts of a batch; the first row has all of them, others fewer."""
LONGEST = 48
"""Tokens that texts are cut to, so that the third length is the greatest one possible."""
WITHIN = 1e-4
TRAIN = {"steps": 8, "batch_size": 16, "lr": 1e-3, "workers": 0, "device": "cpu"}
TIMED = Rounds(most=5, least=3, seconds=5.0, turn=0.01, warm_up=2)

SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
}
TOKENS = {"vocab_size": 30522, "pad_token_id": 0, "bos_token_id": 101, "eos_token_id": 102}
T5 = {"d_model": 32, "d_kv": 16, "d_ff": 64, "num_layers": 2, "num_heads": 2}
CONFIGS: Mapping[str, Callable[[], Any]] = {
    "bert": lambda: transformers.BertConfig(**SIZES, **TOKENS),
    "distilbert": lambda: transformers.DistilBertConfig(
        dim=32, n_layers=2, n_heads=2, hidden_dim=64, **TOKENS
    ),
    "roberta": lambda: transformers.RobertaConfig(**SIZES, **TOKENS),
    "modernbert": lambda: transformers.ModernBertConfig(
        **SIZES, **TOKENS, cls_token_id=101, sep_token_id=102
    ),
    "t5": lambda: transformers.T5Config(**T5, **TOKENS, decoder_start_token_id=0),
    "gpt2": lambda: transformers.GPT2Config(n_embd=32, n_layer=2, n_head=2, **TOKENS),
    "llama": lambda: transformers.LlamaConfig(**SIZES, num_key_value_heads=1, **TOKENS),
    "qwen2": lambda: transformers.Qwen2Config(**SIZES, num_key_value_heads=1, **TOKENS),
    "clip": lambda: transformers.CLIPConfig(
        text_config={**SIZES, **TOKENS, "max_position_embeddings": LONGEST},
        vision_config={**SIZES, "image_size": 32, "patch_size": 8},
        projection_dim=16,
    ),
}
"""Configs of transformers' small models, by their folder's name."""


@dataclass(frozen=True)
class Student:
    """A student to try.

    Attributes:
        name: Its name in the table.
        data: Which rows it reads: images, texts or pairs.
        source: As the run's settings name it; ``{hf}`` is the folder of the small models.
        params: Its options.
        more: Further settings of the student.
    """

    name: str
    data: str
    source: str
    params: Mapping[str, Any]
    more: Mapping[str, Any]


def of_timm(name: str, size: int = 64, **more: Any) -> Student:
    """A model of timm with random weights."""
    label = f"timm {name}" + (f", {next(iter(more))}" if more else "")
    return Student(label, "images", f"timm:{name}", {"weights": "random", "image_size": size}, more)


def of_hf(name: str, **more: Any) -> Student:
    """A model of transformers for texts, with random weights."""
    label = f"transformers {name}" + (f", {next(iter(more))}" if more else "")
    return Student(label, "texts", f"hf:{{hf}}/{name}", {"max_length": LONGEST}, more)


LORA = {"rank": 4}
TWO = {"image": {"weights": "random", "image_size": 64}, "text": {"max_length": LONGEST}}
READER = {"tokenizer": "{hf}/bert", "max_length": LONGEST}
STUDENTS = (
    of_timm("resnet18"),
    of_timm("resnet50"),
    of_timm("mobilenetv3_small_100"),
    of_timm("efficientnet_b0"),
    of_timm("convnext_atto"),
    of_timm("regnety_002"),
    of_timm("resnetv2_50x1_bit"),
    of_timm("vit_tiny_patch16_224"),
    of_timm("deit3_small_patch16_224"),
    of_timm("swin_tiny_patch4_window7_224", 224),
    of_hf("bert"),
    of_hf("distilbert"),
    of_hf("roberta"),
    of_hf("modernbert"),
    of_hf("t5"),
    of_hf("gpt2"),
    of_hf("llama"),
    of_hf("qwen2"),
    Student("two towers: transformers clip", "pairs", "hf:{hf}/clip", {"max_length": LONGEST}, {}),
    Student("two towers: resnet18 + bert", "pairs", "timm:resnet18+hf:{hf}/bert", TWO, {}),
    Student(
        "python: reader", "texts", "python:tutelage.demo.student:reader", {}, {"input": READER}
    ),
    of_timm("vit_tiny_patch16_224", lora=LORA),
    of_timm("resnet18", frozen=True),
    of_hf("bert", lora=LORA),
    of_hf("gpt2", lora=LORA),
    of_hf("distilbert", frozen=True),
)


@dataclass
class Shown:
    """What came of a student.

    Attributes:
        name: The student.
        predicts: Whether predictions of the first evaluated rows are those of the exported file.
        exported: Largest difference that the export itself found, on the evaluated rows.
        differences: Largest difference of an output by batch, and of texts by words too.
        largest: Largest output, which the differences are to be seen against.
        milliseconds: A row at the largest batch: of the student, and of the exported file.
        seconds: Time of everything.
        why: Why it failed, if it did.
    """

    name: str
    predicts: bool = False
    exported: float | None = None
    differences: dict[str, float] | None = None
    largest: float | None = None
    milliseconds: tuple[float, float] | None = None
    seconds: float = 0.0
    why: str = ""

    @property
    def works(self) -> bool:
        """Whether everything was done and is within the tolerance."""
        return not self.why


def write_data(folder: Path) -> None:
    """Write pictures of two classes with texts about films, in two tables."""
    draw = np.random.default_rng(0)
    for split, rows in snippets(48, test=20).items():
        lines = []
        for number, row in enumerate(rows):
            name = f"{split}-{number}.png"
            shade = 60 if row["label"] == "fresh" else 150
            pixels = draw.integers(0, 100, (9, 9, 3)) + shade
            picture = Image.fromarray(pixels.astype(np.uint8)).resize(
                (80, 72), Image.Resampling.BICUBIC
            )
            picture.save(folder / name)
            lines.append(json.dumps({**row, "file": name}) + "\n")
        (folder / f"{split}.jsonl").write_text("".join(lines), encoding="utf-8")


def write_models(folder: Path) -> None:
    """Save the small models of transformers with random weights and MiniLM's tokenizer."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(minilm())
    tokenizer.eos_token = tokenizer.sep_token
    for name, config in CONFIGS.items():
        torch.manual_seed(1)
        transformers.AutoModel.from_config(config()).save_pretrained(folder / name)
        tokenizer.save_pretrained(folder / name)
    transformers.CLIPImageProcessor(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
    ).save_pretrained(folder / "clip")


def filled(value: Any, models: Path) -> Any:
    """Put the folder of the models where settings name it."""
    if isinstance(value, str):
        return value.replace("{hf}", str(models))
    if isinstance(value, Mapping):
        return {key: filled(one, models) for key, one in value.items()}
    return value


def trained(student: Student, data: Path, models: Path, out: Path) -> Path:
    """Train a student for some steps; return the run's folder."""
    columns = {"images": {"image": "file"}, "texts": {"text": "text"}}
    columns["pairs"] = columns["images"] | columns["texts"]
    one = {"source": student.source, "params": student.params, **student.more}
    settings = {
        "data": {"source": f"table:{data}", "label": "label", **columns[student.data]},
        "student": filled(one, models),
        "transfer": {"method": "stl"},
        "train": TRAIN,
        "output": {"dir": str(out)},
    }
    tutelage.run(load_config([settings]))
    return out


def texts(count: int, words: int) -> list[str]:
    """Texts of which the first has as many words, the others at most as many."""
    story = "the plot is thin but every actor was fine and nobody left before the end"
    told = story.split()
    return [
        " ".join(told[(row + place) % len(told)] for place in range(max(1, words - row)))
        for row in range(count)
    ]


def pictures(count: int) -> list[Image.Image]:
    """Pictures of several sizes."""
    draw = np.random.default_rng(count)
    return [
        Image.fromarray(draw.integers(0, 256, (70 + row, 90, 3), np.uint8)) for row in range(count)
    ]


def batches(kind: str) -> Iterator[tuple[str, list[Any]]]:
    """The rows of each batch, with its name."""
    for count in ROWS:
        if kind == "images":
            yield f"{count}", pictures(count)
            continue
        for words in WORDS:
            rows: list[Any] = [(text,) for text in texts(count, words)]
            if kind == "pairs":
                rows = list(zip(pictures(count), rows, strict=True))
            yield f"{count} x {words} words", rows


def opened(path: Path) -> Callable[[Mapping[str, Tensor]], Tensor]:
    """Open an exported file with its own runtime alone."""
    if path.suffix == ".onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(str(path))
        return lambda batch: torch.from_numpy(
            session.run(None, {name: value.numpy() for name, value in batch.items()})[0]
        )
    if path.suffix == ".pte":
        from executorch.runtime import Runtime

        loaded = Runtime.get().load_program(path)
        method = loaded.load_method("forward")
        return lambda batch, _held=loaded: method.execute(list(batch.values()))[0].clone()  # type: ignore[misc]
    program = torch.export.load(path).module()
    return lambda batch: program(*batch.values())


def shown(student: Student, data: Path, models: Path, out: Path, *, to: str) -> Shown:
    """Do everything with a student; what is wrong is noted."""
    came, began = Shown(student.name), time.perf_counter()
    try:
        run = trained(student, data, models, out)
        exported = tutelage.export(run, to=to)
        came.exported = exported.difference
        predictor = tutelage.load(run)
        model, run_file = predictor.run.student, opened(exported.file)
        came.differences, came.largest = {}, 0.0
        for name, rows in batches(student.data):
            batch = dict(model.input.collate([model.input.prepare(row) for row in rows]))
            with torch.inference_mode():
                expected, found = model.outputs(batch), run_file(batch)
            came.differences[name] = float((found - expected).abs().max())
            came.largest = max(came.largest, float(expected.abs().max()))
        given = [row[0] if student.data == "texts" else row for row in rows]
        given = [(image, text[0]) for image, text in given] if student.data == "pairs" else given
        answers = [one.answer for one in predictor.predict(given, batch_size=len(given))]
        came.predicts = answers == [predictor.classes[int(one)] for one in found.argmax(1)]
        if to == "onnx":
            timed = tutelage.latency(run, teachers=False, threads=1, rounds=TIMED)
            first, second = (one.timings[-1].milliseconds.median for one in timed.models)
            came.milliseconds = (first, second)
        if max(came.differences.values()) > WITHIN * max(1.0, came.largest):
            came.why = "differs by more than the tolerance"
        elif not came.predicts:
            came.why = "predict gives other classes than the exported file"
    except Exception as error:  # noqa: BLE001 - a row says why it failed, and the others go on
        came.why = f"{type(error).__name__}: {error}"
        if not isinstance(error, tutelage.errors.TutelageError):  # type: ignore[attr-defined]
            traceback.print_exc()
    came.seconds = time.perf_counter() - began
    return came


def line(came: Shown) -> str:
    """A row of the table."""
    numbers = list((came.differences or {}).values())
    by_rows = [numbers[i * len(numbers) // 3 : (i + 1) * len(numbers) // 3] for i in range(3)]
    cells = [f"{max(part):.0e}" if part else "" for part in by_rows]
    largest = "" if came.largest is None else f"{came.largest:.2g}"
    speed = [
        "" if came.milliseconds is None else f"{one:.3g}" for one in came.milliseconds or (0, 0)
    ]
    answers = "yes" if came.predicts else "no"
    return " | ".join(
        ["", came.name, answers, *cells, largest, *speed, came.why or "works", ""]
    ).strip()


def main() -> None:
    """Try all students, print the table and write the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="", help="students with this word in their name")
    parser.add_argument("--to", default="onnx", choices=list(FORMATS))
    parser.add_argument("--json", type=Path, default=None)
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    head = ["student", "same answers", *(f"batch {count}" for count in ROWS), "largest output"]
    head += ["ms a row", "exported", "outcome"]
    done = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data, models = folder / "data", folder / "models"
        data.mkdir()
        write_data(data)
        write_models(models)
        print("| " + " | ".join(head) + " |\n|" + "---|" * len(head), flush=True)
        for number, student in enumerate(STUDENTS):
            if options.only not in student.name:
                continue
            done.append(shown(student, data, models, folder / f"run-{number}", to=options.to))
            print(line(done[-1]), flush=True)
    seconds = sum(one.seconds for one in done)
    works = sum(one.works for one in done)
    print(f"\n{works} of {len(done)} work, in {seconds:.0f} s; torch {torch.__version__}")
    if options.json is not None:
        options.json.write_text(json.dumps([asdict(one) for one in done], indent=2) + "\n")


if __name__ == "__main__":
    main()
