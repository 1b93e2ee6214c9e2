"""`zoo generate`, `zoo chat` and `zoo score`: what they print is what the application gives."""

import pytest
from click.testing import CliRunner
from zoo.applications import TextGenerator
from zoo.applications.cli import main

PLAYS = "gpt_mini.shakespeare"
TEMPLATE = "{% for m in messages %}{{ m.role | upper }}. {{ m.content }}\n{% endfor %}ASSISTANT."
FEW = {"temperature": 0.7, "top_k": 9, "top_p": 0.9, "seed": 5, "max_new_tokens": 20}
WORDS = ["--temperature", "0.7", "--top-k", "9", "--top-p", "0.9", "--seed", "5", "--max-new-tokens", "20"]


@pytest.fixture(scope="module")
def plays():
    return TextGenerator.from_pretrained(PLAYS)


@pytest.fixture(scope="module")
def narrow():
    app = TextGenerator.from_pretrained(PLAYS)
    app.quantize("int8")
    return app


def zoo(*words, **options):
    done = CliRunner().invoke(main, words, catch_exceptions=False, **options)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_generate_streams_what_the_application_writes(plays):
    assert zoo("generate", PLAYS, "KING. My lord", *WORDS) == plays.generate("KING. My lord", **FEW) + "\n"


def test_generate_with_kernels_of_8_bits(narrow):
    found = zoo("generate", PLAYS, "KING. My lord", "--int8", *WORDS)
    assert found == narrow.generate("KING. My lord", **FEW) + "\n"


@pytest.mark.slow
@pytest.mark.parametrize("options", [[], ["--int8"]], ids=["float32", "int8"])
def test_chat_answers_each_line_and_remembers(plays, narrow, tmp_path, options, monkeypatch):
    pytest.importorskip("jinja2", reason="jinja2 is not installed")
    app = narrow if options else plays
    monkeypatch.setattr(plays.preprocessor, "chat_template", TEMPLATE)
    monkeypatch.setattr(narrow.preprocessor, "chat_template", TEMPLATE)
    plays.save_pretrained(tmp_path / "talker")
    shown = zoo("chat", str(tmp_path / "talker"), *options, *WORDS, input="Who goes there?\nStay.\n\n")
    messages = [{"role": "user", "content": "Who goes there?"}]
    first = app.chat(messages, **FEW)
    messages += [{"role": "assistant", "content": first}, {"role": "user", "content": "Stay."}]
    second = app.chat(messages, **FEW)
    assert first in shown
    assert second in shown[shown.index(first) + len(first) :]


def test_score_prints_a_line_a_file(plays, tmp_path):
    texts = {"good.txt": "To be, or not to be, that is the question.", "bad.txt": "qzx vvk wq jjx zq."}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    lines = zoo("score", PLAYS, *(str(tmp_path / name) for name in texts)).splitlines()
    for line, (name, text) in zip(lines, texts.items(), strict=True):
        assert name in line
        assert f"bits_per_byte {plays.score(text)['bits_per_byte']:.4f}" in line
