"""Teachers: frozen functions from rows to vectors, one file a library."""

from tutelage.sources.base import Encoder, Precomputed, Source

__all__ = ["SCHEMES", "Encoder", "Precomputed", "Source"]

SCHEMES = {
    "timm": "tutelage.sources.timm:TimmSource",
    "hf": "tutelage.sources.huggingface:HuggingFaceSource",
    "openclip": "tutelage.sources.openclip:OpenClipSource",
    "onnx": "tutelage.sources.onnx:OnnxSource",
    "features": "tutelage.sources.features:FeaturesSource",
    "python": "tutelage.sources.python:PythonSource",
}
