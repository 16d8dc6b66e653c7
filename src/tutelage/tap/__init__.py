"""What a student's layers read: taps for its features, and the head that they feed."""

from tutelage.tap.feature_tap import FeatureTap, last_token
from tutelage.tap.heads import HEADS, find_head, layer_at

__all__ = ["HEADS", "FeatureTap", "find_head", "last_token", "layer_at"]
