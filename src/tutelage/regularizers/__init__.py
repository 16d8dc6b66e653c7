"""What a student can learn from teachers' features: one idea a file, PyTorch only.

A regularizer is a module. It is built with the student's width and the teachers' widths by
name, and called with the student's features ``[batch, width]`` and the teachers' by name; it
returns a scalar. Its own parameters go to the optimizer beside the student's.
"""

from tutelage.regularizers.aft import AFTLoss, kernel_distance
from tutelage.regularizers.standardize import Standardized

__all__ = ["METHODS", "AFTLoss", "Standardized", "kernel_distance"]

METHODS = {
    "stl": "tutelage.regularizers.none:NoTransfer",
    "aft": "tutelage.regularizers.aft:AFTLoss",
}
"""From a method's name to its class; a new method is one file and one line here."""
