"""A finished run put to use: predict, evaluate, export, measure, publish."""
