import json

import pytest

from zoo.datasets import AudioDataset, load, read_speech


def manifest(path, rows, recordings=()):
    """Writes a CSV or JSON lines by the ending of `path`, and empty files for its recordings."""
    for name in recordings:
        (path.parent / name).parent.mkdir(parents=True, exist_ok=True)
        (path.parent / name).touch()
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        sign = "\t" if path.suffix == ".tsv" else ","
        lines = [sign.join(rows[0]), *(sign.join(str(v) for v in row.values()) for row in rows)]
        path.write_text("\n".join(lines) + "\n")
    return path


ROWS = [
    {"path": "wav/a.wav", "transcript": "one two", "speaker": "ann"},
    {"path": "wav/b.wav", "transcript": "three", "speaker": "bob"},
]


@pytest.mark.parametrize("name", ["m.csv", "m.tsv", "m.jsonl", "manifest.jsonl", "metadata.csv"])
def test_manifests_give_paths_beside_them(tmp_path, name):
    path = manifest(tmp_path / name, ROWS, ["wav/a.wav", "wav/b.wav"])
    data = read_speech(tmp_path if name[:2] in ("ma", "me") else path)
    assert isinstance(data, AudioDataset)
    assert data.audio == [str(tmp_path / "wav/a.wav"), str(tmp_path / "wav/b.wav")]
    assert (data.texts, data.speakers) == (["one two", "three"], ["ann", "bob"])
    assert load(str(path)).texts == data.texts


def test_offset_and_duration_name_a_part_of_a_file(tmp_path):
    rows = [
        {"audio_filepath": "a.flac", "text": "one", "offset": 0, "duration": 1.5},
        {"audio_filepath": "a.flac", "text": "two", "offset": 1.5, "duration": 2},
        {"audio_filepath": "a.flac", "text": "all", "duration": 3.5},
    ]
    audio = read_speech(manifest(tmp_path / "m.jsonl", rows, ["a.flac"])).audio
    path = str(tmp_path / "a.flac")
    assert audio[:2] == [
        {"path": path, "offset": 0.0, "duration": 1.5},
        {"path": path, "offset": 1.5, "duration": 2.0},
    ]
    assert audio[2] == path


@pytest.fixture
def librispeech(tmp_path):
    for speaker, chapter in ((84, 121550), (84, 121123), (174, 50561)):
        folder = tmp_path / f"dev-clean/{speaker}/{chapter}"
        folder.mkdir(parents=True)
        for i in range(2):
            (folder / f"{speaker}-{chapter}-{i:04}.flac").touch()
        lines = [f"{speaker}-{chapter}-{i:04} THE TEXT NUMBER {'AB'[i]} OF {chapter}" for i in range(2)]
        (folder / f"{speaker}-{chapter}.trans.txt").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_librispeech_is_read_by_its_shape(librispeech):
    data = load(str(librispeech))
    assert len(data) == 6
    assert set(data.speakers) == {"84", "174"}
    for path, text in zip(*data, strict=True):
        assert path.split("/")[-2] in text
        assert text == text.lower()


def test_splits_keep_equal_texts_and_whole_speakers_together(librispeech, tmp_path):
    parts = [read_speech(librispeech, part, 0.4, seed=2) for part in ("train", "validation")]
    assert sorted(parts[0].texts + parts[1].texts) == sorted(read_speech(librispeech).texts)
    assert not set(parts[0].texts) & set(parts[1].texts)
    for seed in range(20):
        try:
            by_speaker = [
                read_speech(librispeech, part, 0.5, seed, "speaker") for part in ("train", "validation")
            ]
        except ValueError:  # both speakers on one side
            continue
        assert not set(by_speaker[0].speakers) & set(by_speaker[1].speakers)
        break
    with pytest.raises(ValueError, match=r"'validation' of .* is empty with validation_fraction=0.0"):
        read_speech(librispeech, "validation")


@pytest.fixture
def common_voice(tmp_path):
    clips = [f"clips/common_voice_en_{i}.mp3" for i in range(4)]
    for name, indices in (("train", (0, 1)), ("dev", (2,)), ("test", (3,))):
        rows = [
            {
                "client_id": f"c{i}",
                "path": f"common_voice_en_{i}.mp3",
                "sentence": f'A "{i}" text.',
                "age": "",
            }
            for i in indices
        ]
        manifest(tmp_path / f"{name}.tsv", rows, clips)
    return tmp_path


def test_common_voice_has_splits_of_its_own(common_voice):
    sizes = {split: len(read_speech(common_voice, split)) for split in (None, "train", "validation", "test")}
    assert sizes == {None: 4, "train": 2, "validation": 1, "test": 1}
    (path,), (text,) = load(str(common_voice), "validation", validation_fraction=0.1)
    assert (path, text) == (str(common_voice / "clips/common_voice_en_2.mp3"), 'A "2" text.')


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [{**ROWS[0], "path": "c.wav"}, {**ROWS[1], "path": "d.wav"}],
            r"line 2, found none at .*c\.wav, and 1",
        ),
        ([ROWS[0], {**ROWS[1], "transcript": " "}], "a text as 'transcript' in line 3, found an empty one"),
        ([{"path": "wav/a.wav", "words": "x"}], r"a column of transcripts, .* found \['path', 'words'\]"),
        ([{"name": "wav/a.wav", "text": "x"}], r"a column of audio paths, .* found \['name', 'text'\]"),
        ([{**ROWS[0], "offset": "soon"}], "seconds of at least 0 as 'offset' in line 2, found 'soon'"),
        ([{**ROWS[0], "offset": "-1"}], "found '-1'"),
    ],
)
def test_bad_manifests_are_named(tmp_path, rows, message):
    path = manifest(tmp_path / "m.csv", rows, ["wav/a.wav", "wav/b.wav"])
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        read_speech(path)


def test_bad_folders_are_named(librispeech, common_voice, tmp_path):
    (tmp_path / "dev-clean/84/121550/84-121550-0001.flac").unlink()
    with pytest.raises(FileNotFoundError, match=r"in line 2, found none at .*84-121550-0001\.flac"):
        read_speech(tmp_path / "dev-clean")
    (tmp_path / "clips/common_voice_en_0.mp3").unlink()
    with pytest.raises(FileNotFoundError, match=r"train\.tsv: .* line 2, found none at .*_en_0\.mp3"):
        read_speech(common_voice)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"path: expected a manifest .* found .*empty"):
        read_speech(tmp_path / "empty")
    with pytest.raises(FileNotFoundError, match="found nothing at"):
        read_speech(tmp_path / "nowhere")


def test_texts_without_recordings_stay_texts(tmp_path):
    (tmp_path / "films.csv").write_text("text,label\na gripping film,good\ntoo long,bad\n")
    assert load(str(tmp_path / "films.csv")).label_names == ("bad", "good")
