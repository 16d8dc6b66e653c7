"""Train a student: batches, loop, checkpoints, inference."""
