"""Strings of spoken digits: DeepSpeech with 0.32M parameters on the Free Spoken Digit Dataset.

    ZOO_DATA_ROOT=free-spoken-digit-dataset zoo fit digits.fsdd

data      zoo.datasets.digit_strings: 700 strings and 1,000 single digits of five speakers for training, 60
          strings held out for choosing, 100 strings from the official test split (indices 0-4)
result    test word error rate 0.0146 over 1 seed, last epoch; validation 0.0283                (2026-11-23)
          official test split of single digits: 97.6 % right
cost      about 45 minutes on 2 cores of an AMD EPYC shared with other work, by a script with these numbers
          and data; `zoo fit` itself has not run to the end of this recipe yet
batch     16 = 1 device x 16; 106 steps an epoch x 24 epochs = 2,544 steps
after     Deep Speech 2 (arXiv:1512.02595), much smaller
short of  speakers it never heard: all five speakers are in training and test
"""

from zoo.training import Recipe

RECIPE = Recipe(
    name="digits.fsdd",
    application="SpeechRecognizer",
    model="deep_speech_tiny",
    data="digit_strings",
    preprocessor={"sample_rate": 8000, "num_mels": 40, "alphabet": " 0123456789"},
    epochs=24,
    batch_size=16,
    optimizer="adamw",
    learning_rate=2e-3,
    warmup=0.05,
    schedule="cosine",
    weight_decay=1e-2,
    clip_norm=5.0,
    augment={
        "speed": 0.15,
        "gain": 6.0,
        "noise": 0.1,
        "time_masks": 1,
        "time_width": 0.05,
        "mel_masks": 2,
        "mel_width": 8,
    },
    seed=0,
)
