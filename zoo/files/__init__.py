"""Files: written whole or not at all, read with errors that name them."""

from zoo.files.atomic import atomic_files, atomic_path, make_folder
from zoo.files.reading import decoded, read_json, read_text

__all__ = ["atomic_files", "atomic_path", "decoded", "make_folder", "read_json", "read_text"]
