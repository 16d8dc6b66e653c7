"""The listing holds every row's id, label, split, and the file or text to compute features from."""
