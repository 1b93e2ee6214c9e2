"""Strings of spoken digits: DeepSpeech with 0.53M parameters, by five people and many synthetic voices.

    pip install piper-tts
    apt-get install flite espeak-ng
    ZOO_DATA_ROOT=free-spoken-digit-dataset zoo fit digits.fsdd

data      zoo.datasets.digit_voices: 1,000 strings and 2,250 single digits of the official training split
          (indices 5-49) of five speakers, CC BY-SA 4.0; 3,160 strings of 1 to 6 digits by synthetic voices;
          100 strings for test from the official test split (indices 0-4)
result    test word error rate 0.0167 over 1 seed, last epoch                                   (2026-11-29)
          Official test split of single digits: 248 of 250 right as they are cut, 249 with 0.05 s of
          background around them (`spoken_digits("test", around=0.05)`)
speakers  each held out in turn, `--data digit_voices:NAME`, 100 strings of theirs: word error rate theo
          0.027, jackson 0.033, yweweler 0.090, lucas 0.098, george 0.194: mean 0.088. The augmentation was
          chosen on george alone
cost      17 minutes on 1 core of an AMD EPYC (Zen 5), shared with other work and resumed once
batch     32 = 1 device x 32; 200 steps an epoch x 28 epochs = 5,600 steps
after     Deep Speech 2 (arXiv:1512.02595), much smaller; speech for training by synthesis: arXiv:1909.11699
short of  george: his threes begin behind the consonant and pass for eights, his fours for fives
"""

from zoo.training import Recipe

RECIPE = Recipe(
    name="digits.fsdd",
    application="SpeechRecognizer",
    model="deep_speech_small",
    data="digit_voices",
    train_split="train+validation",
    validation_split="",
    preprocessor={"sample_rate": 8000, "num_mels": 40, "alphabet": " 0123456789"},
    epochs=28,
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
