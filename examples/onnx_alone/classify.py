"""Classify pictures or texts by an exported student with ONNX Runtime alone: no PyTorch, no tutelage.

    tutelage export runs/flowers
    pip install onnxruntime pillow tokenizers    # tokenizers for texts only
    python classify.py runs/flowers/exported/onnx rose.jpg tulip.jpg
    python classify.py runs/reviews/exported/onnx "a fine film"

It prints a JSON line a row: the class and the probability of each, equal to those of `tutelage predict`.
For students of one image or of one column of texts; what it does is what preprocess.json says.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from PIL import Image, ImageOps


def main(folder: Path, rows: list[str]) -> None:
    """Print the predictions of all rows."""
    about = json.loads((folder / "preprocess.json").read_text(encoding="utf-8"))
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    if "image" in about:
        one_by_one = about["image"]["takes"] == "picture"
        pictures = [picture_tensor(Path(row), about["image"]) for row in rows]
        batches = pictures if one_by_one else [np.stack(pictures)]
        outputs = [session.run(["logits"], {"image": batch})[0] for batch in batches]
    else:
        outputs = [session.run(["logits"], token_tensors(rows, about["text"], folder))[0]]
    for row, logits in zip(rows, np.concatenate(outputs), strict=True):
        scores = probabilities(logits, about["activation"])
        by_name = dict(zip(about["names"], map(float, scores), strict=True))
        answer = max(by_name, key=by_name.__getitem__)
        print(json.dumps({"row": row, "prediction": answer, "scores": by_name}))


def picture_tensor(path: Path, about: dict) -> np.ndarray:
    """A picture as the graph takes it: upright, RGB, resized and cropped unless the graph does that."""
    picture = ImageOps.exif_transpose(Image.open(path))
    if picture.has_transparency_data:
        seen = picture.convert("RGBA")
        behind = Image.new("RGBA", picture.size, about["decode"]["background"])
        picture = Image.alpha_composite(behind, seen)
    picture = picture.convert("RGB")
    if about["takes"] == "picture":
        return np.asarray(picture)
    picture = resized_and_cropped(picture, about["resize_and_crop"])
    pixels = np.asarray(picture).transpose(2, 0, 1)
    if about["takes"] == "pixels":
        return pixels
    mean, std = (np.float32(about["normalize"][name])[:, None, None] for name in ("mean", "std"))
    return ((pixels / np.float32(255) - mean) / std).astype(np.float32)


def resized_and_cropped(picture: Image.Image, steps: dict) -> Image.Image:
    """The middle of the resized picture."""
    if "size" in steps:
        height, width = steps["size"]
    else:
        shorter = min(picture.size)
        height, width = (steps["shorter_side"] * side // shorter for side in picture.size[::-1])
    resampling = Image.Resampling[steps["interpolation"].upper()]
    resized = picture.resize((width, height), resampling)
    kept_height, kept_width = steps["crop"]
    top, left = round((height - kept_height) / 2), round((width - kept_width) / 2)
    return resized.crop((left, top, left + kept_width, top + kept_height))


def token_tensors(texts: list[str], about: dict, folder: Path) -> dict[str, np.ndarray]:
    """Texts as tokens, in the words around them, cut and padded."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    if about["template"]:
        texts = [in_template(text, about, tokenizer) for text in texts]
    tokenizer.enable_truncation(
        about["max_length"], direction={"start": "left", "end": "right"}[about["cut_at"]]
    )
    tokenizer.enable_padding(
        pad_id=about["pad_id"], length=about["max_length"] if about["fixed_length"] else None
    )
    encoded = tokenizer.encode_batch(texts)
    tensors = {
        "input_ids": [one.ids for one in encoded],
        "attention_mask": [one.attention_mask for one in encoded],
        "token_type_ids": [one.type_ids for one in encoded],
    }
    return {name: np.array(tensors[name], dtype=np.int64) for name in about["tensors"]}


def in_template(text: str, about: dict, tokenizer: Any) -> str:
    """The text within the template; if that is too long, the text is cut at its end, not the template."""
    (column,) = about["columns"]
    begin = about["template"].index(f"{{{column}}}")
    end, kept = begin + len(text), len(text)
    filled = about["template"].replace(f"{{{column}}}", text)
    offsets = tokenizer.encode(filled, add_special_tokens=False).offsets
    ends = [stop - begin for start, stop in offsets if begin < stop <= end and start < end]
    left = len(ends)
    while (excess := len(tokenizer.encode(filled).ids) - about["max_length"]) > 0 and kept:
        left = max(0, left - excess)
        kept = ends[left - 1] if left else 0
        filled = about["template"].replace(f"{{{column}}}", text[:kept])
    return filled


def probabilities(logits: np.ndarray, activation: str) -> np.ndarray:
    """Softmax, sigmoid, or the numbers as they are."""
    if activation == "none":
        return logits
    if activation == "sigmoid":
        return 1 / (1 + np.exp(-logits))
    powers = np.exp(logits - logits.max())
    return powers / powers.sum()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
