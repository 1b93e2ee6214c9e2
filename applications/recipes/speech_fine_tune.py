"""Fine-tuning a speech recognizer on recordings of your own.

    zoo fit speech_fine_tune --data MANIFEST|FOLDER --out DIR

The defaults of `SpeechRecognizer.compile` and `fit`. Choose other weights with `--set start=NAME`: the
bundled ones know digits. No result: the numbers that worked for `digits.fsdd`. Augmentation changes the
waveform (speed, gain, noise) and the features (SpecAugment, arXiv:1904.08779).
"""

from zoo.training import Recipe

RECIPE = Recipe(
    name="speech_fine_tune",
    application="SpeechRecognizer",
    start="digits.fsdd",
    epochs=30,
    batch_size=16,
    optimizer="adamw",
    learning_rate=1e-3,
    warmup=0.05,
    schedule="cosine",
    weight_decay=1e-2,
    clip_norm=5.0,
    augment={"speed": 0.1, "gain": 6.0, "noise": 0.05, "time_masks": 2, "mel_masks": 1, "mel_width": 8},
)
