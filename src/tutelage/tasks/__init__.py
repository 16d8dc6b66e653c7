"""Tasks: what labels and outputs mean, how they are learned and scored."""
