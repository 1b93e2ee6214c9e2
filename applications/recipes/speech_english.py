"""Training an English recognizer on recordings of your own, from random weights.

    zoo fit speech_english --data MANIFEST|FOLDER --out DIR

Transcripts are lowered and spelled out (`AudioPreprocessor(text="english")`). Another network:
`--set model=deep_speech_medium`; one that streams: `--set model=deep_speech_streaming --set
preprocessor.normalize=running`. No result: what it reaches depends on the recordings.
"""

from zoo.applications.recipes import speech_fine_tune

RECIPE = speech_fine_tune.RECIPE.replace(
    name="speech_english",
    start="",
    model="deep_speech_small",
    preprocessor={"sample_rate": 16000, "num_mels": 40, "text": "english"},
)
