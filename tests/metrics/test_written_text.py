import pytest

from zoo.metrics import normalize_text, written_text


@pytest.mark.parametrize(
    "text",
    [
        "Dr. smith paid $3.50 on the 21st",
        "the 3rd of 12 rooms",
        "100% of 1203045",
        "Mr. brown and Mrs. brown at 9",
        "the 112th and the 20th",
        "\u00a35 for Prof. jones",
        "it is 3.14159",
        "no numbers here",
        "press 1 2 3",
    ],
)
def test_numbers_and_abbreviations_go_there_and_back(text):
    assert written_text(normalize_text(text)) == text


@pytest.mark.parametrize(
    ("spoken", "written"),
    [
        ("at this point one of us", "at this point 1 of us"),
        ("the doctor said a captain came", "the doctor said a captain came"),
        ("the tenth month", "the 10th month"),
        ("one hundredth", "100th"),
        ("", ""),
    ],
)
def test_what_only_looks_like_it_stays(spoken, written):
    assert written_text(spoken) == written


def test_abbreviations_are_spelled_out():
    text = "Capt. Cook vs. Sgt. Poe, approx. 5 etc."
    assert normalize_text(text) == "captain cook versus sergeant poe approximately five et cetera"
