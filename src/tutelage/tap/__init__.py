"""What a student's layers read: taps for its features, and the head that they feed."""

from tutelage.tap.feature_tap import FeatureTap
from tutelage.tap.heads import HEADS, find_head, layer_at
from tutelage.tap.last_token import last_token

__all__ = ["HEADS", "FeatureTap", "find_head", "last_token", "layer_at"]
