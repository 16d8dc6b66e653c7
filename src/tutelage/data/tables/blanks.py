"""Blanks around quoted values of delimited text files, as in ``good, "pos"``."""

import re
from pathlib import Path

from tutelage.data.tables.encodings import mapped

__all__ = ["without_blanks"]


def without_blanks(path: Path, copy: Path, *, delimiter: str) -> int:
    """Write a copy without the blanks around quoted values, and return how many values had some.

    Elsewhere a mark behind a blank is part of the value, and a delimiter behind it ends the value.

    Args:
        path: A file in UTF-8.
        copy: Written only if there are such values.
        delimiter: Separator of values, no blank.
    """
    mark = re.escape(delimiter.encode())
    ends = mark + rb"\r\n"
    quoted = rb'"(?>(?:[^"]|"")*)"'
    field = re.compile(
        rb"(?:\A|(?<=[" + ends + rb"]))"
        rb"(?: ++(?P<bare>" + quoted + rb") *+(?=[" + ends + rb"]|\Z)"
        rb"|(?P<ahead>" + quoted + rb") ++(?=[" + ends + rb"]|\Z)"
        rb"|" + quoted + rb"|[^" + ends + rb"]++)"
    )
    with mapped(path) as content:
        padded = mark + rb' ++"(?:(?!")|"(?:[' + ends + rb']|\Z))|" ++(?:[' + ends + rb"]|\Z)"
        if re.search(padded, content) is None:
            return 0
        values, end = 0, 0
        with copy.open("wb") as out:
            for match in field.finditer(content):
                value = match["bare"] or match["ahead"]
                if value is None:
                    continue
                out.write(content[end : match.start()])
                out.write(value)
                values, end = values + 1, match.end()
            out.write(content[end:])
        return values
