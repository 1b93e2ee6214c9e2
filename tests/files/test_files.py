"""Files whole or not at all, and errors that name them."""

import pytest

from zoo.files import atomic_path, decoded, make_folder, read_json, read_text


def test_atomic_path_needs_a_folder(tmp_path):
    with pytest.raises(ValueError, match="existing folder"), atomic_path(tmp_path / "no" / "file"):
        pass
    with pytest.raises(ValueError, match="found the folder"), atomic_path(tmp_path):
        pass


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("mine")
    assert make_folder(tmp_path / "a" / "b").is_dir()
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OSError, match="^.*out: expected a folder, or that one can be made, at"):
            make_folder(path, "out")
    assert (tmp_path / "file").read_text() == "mine"


def test_text_keeps_its_line_ends_and_loses_its_byte_order_mark(tmp_path):
    (tmp_path / "a.txt").write_bytes("\ufeffcafé\r\nb\n".encode())
    assert read_text(tmp_path / "a.txt") == "café\r\nb\n"


def test_what_is_no_utf8_is_named_with_its_line():
    with pytest.raises(ValueError, match=r"a.txt: expected UTF-8, found byte b'\\xe9' in line 2"):
        decoded(b"one\ncaf\xe9\n", "a.txt")


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "expected JSON, found"), ("[]", "expected a JSON object, found a list"), ("", "expected JSON")],
)
def test_what_is_no_json_object_is_named(tmp_path, text, message):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ValueError, match=f"a.json: {message}"):
        read_json(tmp_path / "a.json")


def test_a_missing_json_file_is_an_error_or_the_default(tmp_path):
    assert read_json(tmp_path / "no.json", missing={}) == {}
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "no.json")
