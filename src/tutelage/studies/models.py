"""The paper's students and teachers, as its studies name them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tutelage.config import short_name
from tutelage.studies.read import SCHEME, studies, study_table

__all__ = ["PaperModel", "paper_models"]


@dataclass(frozen=True)
class PaperModel:
    """A student or teacher of the paper.

    Attributes:
        role: ``"student"`` or ``"teacher"``.
        name: Its name in results.
        source: Its string, as ``--student`` or ``--teacher`` takes it.
        family: Its architecture.
        parameters: Their number without the head; of an encoder-decoder, those of the encoder.
        width: Columns of its features; of two towers, those of each.
        section: Section of the paper that it is first used in.
        studies: Names of the studies that it is in.
    """

    role: Literal["student", "teacher"]
    name: str
    source: str
    family: str
    parameters: int
    width: int
    section: str
    studies: tuple[str, ...]


ABOUT = {
    "timm:vit_small_patch16_224.augreg_in1k": ("ViT", 21_665_664, 384, "4.1"),
    "timm:mixer_b16_224.goog_in21k_ft_in1k": ("MLP-Mixer", 59_111_472, 768, "4.1"),
    "timm:resnet50.a1_in1k": ("ResNet", 23_508_032, 2048, "4.1"),
    "hf:prajjwal1/bert-small": ("BERT", 28_763_648, 512, "4.2"),
    "hf:distilbert/distilbert-base-uncased": ("DistilBERT", 66_362_880, 768, "4.2"),
    "openclip:RN50/openai": ("CLIP, ResNet", 102_007_137, 1024, "4.3"),
    "timm:vit_giant_patch14_dinov2.lvd142m": ("DINOv2, ViT", 1_136_479_232, 1536, "4.1"),
    "timm:vit_large_patch14_dinov2.lvd142m": ("DINOv2, ViT", 304_367_616, 1024, "4.1"),
    "timm:vit_base_patch14_dinov2.lvd142m": ("DINOv2, ViT", 86_579_712, 768, "4.1"),
    "timm:vit_small_patch14_dinov2.lvd142m": ("DINOv2, ViT", 22_056_192, 384, "4.1"),
    "timm:vit_giant_patch14_clip_224.laion2b": ("CLIP, ViT", 1_011_203_840, 1408, "4.1"),
    "timm:vit_huge_patch14_clip_224.laion2b": ("CLIP, ViT", 630_766_080, 1280, "4.1"),
    "timm:vit_large_patch14_clip_224.laion2b": ("CLIP, ViT", 303_179_776, 1024, "4.1"),
    "timm:resnetv2_50x1_bit.goog_in21k": ("BiT, ResNet", 23_500_352, 2048, "4.1"),
    "timm:resnetv2_50x3_bit.goog_in21k": ("BiT, ResNet", 211_174_080, 6144, "4.1"),
    "timm:resnetv2_101x1_bit.goog_in21k": ("BiT, ResNet", 42_492_480, 2048, "4.1"),
    "timm:resnetv2_101x3_bit.goog_in21k": ("BiT, ResNet", 381_789_888, 6144, "4.1"),
    "timm:resnetv2_152x2_bit.goog_in21k": ("BiT, ResNet", 232_238_208, 4096, "4.1"),
    "timm:resnetv2_152x4_bit.goog_in21k": ("BiT, ResNet", 928_340_224, 8192, "4.1"),
    "hf:google/flan-t5-large": ("Flan-T5", 341_231_104, 1024, "4.2"),
    "hf:openai-community/gpt2-xl": ("GPT-2", 1_557_611_200, 1600, "4.2"),
    "hf:meta-llama/Llama-2-7b-hf": ("Llama 2", 6_607_343_616, 4096, "4.2"),
    "hf:meta-llama/Llama-2-7b-chat-hf": ("Llama 2", 6_607_343_616, 4096, "4.2"),
    "hf:meta-llama/Llama-2-13b-hf": ("Llama 2", 12_852_024_320, 5120, "4.3"),
}
"""Family, parameters, width and section of each, counted on its architecture without weights."""


def paper_models() -> list[PaperModel]:
    """Return the models of all studies in the package: students, then teachers, each once.

    Example:
        >>> {model.role for model in paper_models()} == {"student", "teacher"}
        True
    """
    found: dict[tuple[Literal["student", "teacher"], str], dict[str, str]] = {}
    for study in studies():
        table = study_table(f"{SCHEME}{study}")
        for settings in (table.get("experiment", {}), *table.get("each", {}).values()):
            for role, model in _models(settings):
                names = found.setdefault((role, model["source"]), {})
                names[study] = model.get("name") or short_name(model["source"])
    return [
        PaperModel(role, next(iter(names.values())), source, *ABOUT[source], tuple(names))
        for (role, source), names in sorted(found.items(), key=lambda item: item[0][0])
    ]


def _models(
    settings: Mapping[str, Any],
) -> Iterator[tuple[Literal["student", "teacher"], Mapping[str, Any]]]:
    students = [settings.get("student"), *settings.get("compare", {}).get("students", ())]
    for student in students:
        if student is not None and "source" in student:
            yield "student", student
    for teacher in settings.get("teachers", ()):
        if not teacher["source"].startswith("noise:"):
            yield "teacher", teacher
