"""A student with and without a teacher, on texts and a model that come as Python packages."""
