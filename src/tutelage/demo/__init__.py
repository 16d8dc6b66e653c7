"""A student with and without a teacher, on texts and models that come as Python packages."""

__all__: list[str] = []
