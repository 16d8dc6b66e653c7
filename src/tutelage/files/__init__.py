"""Files as tutelage writes them: at once or not at all, with digests, and errors that help."""

from tutelage.files.digests import (
    canonical,
    digest_of,
    file_digest,
    with_digest,
    without_digest,
)
from tutelage.files.disk import (
    allocate,
    atomic_path,
    find_files,
    is_forbidden,
    is_full,
    is_of_the_disk,
    missing_content,
    remove_leftovers,
    sync_folder,
    write_atomically,
    writing_to,
)
from tutelage.files.text import advice_on_names, human_size, spreadsheet_text

__all__ = [
    "advice_on_names",
    "allocate",
    "atomic_path",
    "canonical",
    "digest_of",
    "file_digest",
    "find_files",
    "human_size",
    "is_forbidden",
    "is_full",
    "is_of_the_disk",
    "missing_content",
    "remove_leftovers",
    "spreadsheet_text",
    "sync_folder",
    "with_digest",
    "without_digest",
    "write_atomically",
    "writing_to",
]
