"""One experiment, from its config to its result."""
