"""Strings of spoken digits by five people and many voices: the first of the two parts of `digits.fsdd`.

    pip install piper-tts
    apt-get install flite espeak-ng npm
    ZOO_DATA_ROOT=free-spoken-digit-dataset zoo fit digits.voices

data      zoo.datasets.digit_voices: 1,000 strings and 2,250 single digits, these twice, of the official
          training split (indices 5-49) of five speakers, CC BY-SA 4.0; 6,400 strings of 1 to 6 digits by
          synthetic voices, spoken by the first call; 100 strings for test from the official test split
result    test word error rate 0.0146 over 1 seed, last epoch                                   (2026-11-29)
cost      29 minutes on 1 core of an AMD EPYC (Zen 5), shared with other work and often stopped
batch     32 = 1 device x 32; 371 steps an epoch x 24 epochs = 8,904 steps
after     Deep Speech 2 (arXiv:1512.02595), much smaller; speech for training by synthesis: arXiv:1909.11699
short of  the second part, which averages the weights
"""

from zoo.training import Recipe

RECIPE = Recipe(
    name="digits.voices",
    application="SpeechRecognizer",
    model="deep_speech_small",
    data="digit_voices",
    train_split="train+validation",
    validation_split="",
    preprocessor={"sample_rate": 8000, "num_mels": 40, "alphabet": " 0123456789"},
    epochs=24,
    batch_size=32,
    optimizer="adamw",
    learning_rate=2e-3,
    warmup=0.05,
    schedule="cosine",
    weight_decay=1e-2,
    clip_norm=5.0,
    augment={
        "speed": 0.2,
        "warp": 0.1,
        "channel": 1.0,
        "gain": 6.0,
        "noise": 0.2,
        "time_masks": 1,
        "time_width": 0.05,
        "mel_masks": 2,
        "mel_width": 8,
    },
    seed=0,
)
