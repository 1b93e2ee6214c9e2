"""English by synthetic voices and one human, the first of the three parts of `prompts.english`.

    pip install piper-tts
    apt-get install flite festival festvox-us-slt-hts festvox-kallpc16k ffmpeg
    ZOO_DATA_ROOT=unpacked-debian-packages zoo fit prompts.voices

data      zoo.datasets.prompts_english: 17 minutes of telephone prompts six times, 6.9 hours of synthetic
          speech (12 voices out of 6), spoken by the first call in about 20 minutes; sentences under MIT,
          voices BSD-like and CC0
result    test word error rate 0.2810 over 1 seed, last epoch                                   (2026-11-28)
cost      43 minutes on 2 cores of an AMD EPYC (Zen 5 with AVX-512 and bfloat16), shared with other work
batch     32 = 1 device x 32; 278 steps an epoch x 16 epochs = 4,448 steps
after     Deep Speech 2 (arXiv:1512.02595), much smaller; speech for training by synthesis: arXiv:1909.11699
short of  training to the end: character error rate 0.37 in training, augmented, when the schedule ended
"""

from zoo.training import Recipe

RECIPE = Recipe(
    name="prompts.voices",
    application="SpeechRecognizer",
    model="deep_speech_medium",
    data="prompts_english",
    preprocessor={"sample_rate": 16000, "num_mels": 80, "text": "english"},
    epochs=16,
    batch_size=32,
    optimizer="adamw",
    learning_rate=2e-3,
    warmup=0.05,
    schedule="cosine",
    weight_decay=1e-2,
    clip_norm=5.0,
    precision="mixed_bfloat16",
    augment={
        "speed": 0.12,
        "gain": 6.0,
        "noise": 0.05,
        "narrow": 0.4,
        "time_masks": 3,
        "time_width": 0.1,
        "mel_masks": 2,
        "mel_width": 12,
    },
    decoder={
        "order": 2,
        "least": 2,
        "texts": ("rated_movies", "rated_tweets", "rated_reviews", "rated_editorials"),
        "words": "known",
        "beam_size": 128,
        "weight": 0.7,
        "bonus": 1.0,
    },
    seed=0,
)
