"""nanoGPT's character model on a CPU, ours and PyTorch's side by side: `python -m benchmarks.character_gpt`.

4 layers, 128 wide, block 64, batch 12, 2,000 steps on `zoo.datasets.shakespeare_1mb`. Each trains in a
process of its own, a twentieth of the steps in turns, so that both see the same machine. Ours is the recipe
`gpt_characters.shakespeare` through `TextGenerator.fit`; PyTorch's is written as nanoGPT does it, with its
numbers. The loss is that of all blocks of 64 characters of the validation text, in nats a byte.
"""

import json
import math
import os
import pathlib
import subprocess
import sys
import time

import click
import numpy as np

from benchmarks.machine import describe
from benchmarks.worker import set_threads

BATCH, BLOCK, TURNS = 12, 64, 20
CONTENDERS = ("zoo", "torch")


class Turns:
    """The worker's side: waits for its turn, and says what it took."""

    def __init__(self, replies):
        self.replies = replies
        self.wait()

    def wait(self):
        if not sys.stdin.readline():
            raise SystemExit
        self.began = time.perf_counter(), time.process_time()

    def done(self, **more):
        """Ends a turn."""
        spent = {"wall": time.perf_counter() - self.began[0], "cpu": time.process_time() - self.began[1]}
        self.replies.write(json.dumps({**spent, **more}) + "\n")
        self.replies.flush()


def zoo(steps, replies):
    """The recipe, by `fit`."""
    import keras
    from zoo.applications import training_run
    from zoo.applications.recipes.gpt_characters_shakespeare import RECIPE

    import zoo

    recipe = RECIPE.replace(epoch_steps=steps // RECIPE.epochs)
    train, validation = (zoo.datasets.load(recipe.data, split) for split in ("train", "validation"))
    keras.utils.set_random_seed(recipe.seed)
    application = training_run.build(recipe, train)
    application.compile(recipe)
    turns = Turns(replies)

    def on_batch(batch, logs):
        step = application.updates
        if step % (steps // TURNS) == 0:
            turns.done()
            if step < steps:
                turns.wait()

    pause = keras.callbacks.LambdaCallback(on_train_batch_end=on_batch)
    application.fit(*train, callbacks=[pause], verbose=0)
    turns.wait()
    data = application.inference_data(*validation, batch_size=256)
    losses, targets = [], []
    for inputs, labels, weights in data:
        loss = application.compute_loss(y=labels, y_pred=application(inputs), sample_weight=weights)
        losses.append(float(loss))
        targets.append(float(np.sum(weights)))
    turns.done(loss=float(np.average(losses, weights=targets)))


def torch(steps, replies):
    """The same model in PyTorch, trained as nanoGPT does."""
    import torch
    import torch.nn.functional as functional
    from torch import nn

    import zoo

    class Block(nn.Module):
        def __init__(self, width=128, heads=4):
            super().__init__()
            self.heads = heads
            self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.qkv = nn.Linear(width, 3 * width, bias=False)
            self.out = nn.Linear(width, width, bias=False)
            self.up = nn.Linear(width, 4 * width, bias=False)
            self.down = nn.Linear(4 * width, width, bias=False)

        def forward(self, x):
            batch, length, width = x.shape
            parts = self.qkv(self.norm1(x)).view(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
            y = functional.scaled_dot_product_attention(*parts, is_causal=True)
            x = x + self.out(y.transpose(1, 2).reshape(batch, length, width))
            return x + self.down(functional.gelu(self.up(self.norm2(x)), approximate="tanh"))

    class Model(nn.Module):
        def __init__(self, vocabulary=257, width=128, layers=4):
            super().__init__()
            self.tokens = nn.Embedding(vocabulary, width)
            self.positions = nn.Embedding(BLOCK, width)
            self.blocks = nn.Sequential(*(Block() for _ in range(layers)))
            self.norm = nn.LayerNorm(width)
            for name, weight in self.named_parameters():
                if weight.dim() > 1:
                    narrow = name.endswith(("out.weight", "down.weight"))
                    nn.init.normal_(weight, std=0.02 / math.sqrt(2 * layers) if narrow else 0.02)

        def forward(self, ids, targets):
            x = self.tokens(ids) + self.positions.weight[: ids.shape[1]]
            logits = self.norm(self.blocks(x)) @ self.tokens.weight.T
            return functional.cross_entropy(logits.flatten(0, 1), targets.flatten())

    torch.manual_seed(0)
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    train, validation = (
        torch.tensor(list(zoo.datasets.load("shakespeare_1mb", split).texts[0].encode()))
        for split in ("train", "validation")
    )
    model = Model()
    decayed = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() == 1]
    groups = [{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.99))
    turns = Turns(replies)
    for step in range(steps):
        if step and step % (steps // TURNS) == 0:
            turns.done()
            turns.wait()
        share = (step - 100) / (steps - 100)
        rate = 1e-3 * (step + 1) / 101 if step < 100 else 1e-4 + 4.5e-4 * (1 + math.cos(math.pi * share))
        for group in optimizer.param_groups:
            group["lr"] = rate
        starts = torch.randint(len(train) - BLOCK, (BATCH,)).tolist()
        ids = torch.stack([train[i : i + BLOCK] for i in starts])
        targets = torch.stack([train[i + 1 : i + 1 + BLOCK] for i in starts])
        loss = model(ids, targets)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    turns.done()
    turns.wait()
    rows = (len(validation) - 1) // BLOCK
    ids, targets = (validation[i : i + rows * BLOCK].view(rows, BLOCK) for i in (0, 1))
    with torch.inference_mode():
        parts = zip(ids.split(256), targets.split(256), strict=True)
        loss = sum(len(part) * float(model(part, goal)) for part, goal in parts) / rows
    turns.done(loss=loss)


def measure(steps, threads, say):
    """{name: {"wall": [...], "cpu": [...], "loss": number}}, the workers in turns."""
    command = [sys.executable, "-m", "benchmarks.character_gpt", "--steps", str(steps)]
    command += ["--threads", str(threads), "--worker"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    workers = {name: subprocess.Popen([*command, name], **pipes) for name in CONTENDERS}
    found = {name: {"wall": [], "cpu": []} for name in CONTENDERS}
    for turn in range(TURNS + 1):
        for name, worker in workers.items():
            worker.stdin.write("go\n")
            worker.stdin.flush()
            reply = json.loads(worker.stdout.readline())
            if "loss" in reply:
                found[name]["loss"] = reply["loss"]
            else:
                for key in ("wall", "cpu"):
                    found[name][key].append(reply[key])
            say(f"{name} {turn}: {json.dumps(reply)}")
    for worker in workers.values():
        worker.stdin.close()
        worker.wait()
    return found


@click.command()
@click.option("--worker", type=click.Choice(CONTENDERS), hidden=True)
@click.option("--steps", default=2000, show_default=True, help="A multiple of 40.")
@click.option("--threads", default=2, show_default=True, type=click.IntRange(1), help="Of every library.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=pathlib.Path), help="Write a CSV record.")
def main(worker, steps, threads, out):
    """Trains both and prints loss, wall and processor seconds."""
    set_threads(threads)
    if worker:
        replies = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)  # what libraries print is no reply
        {"zoo": zoo, "torch": torch}[worker](steps, replies)
        return
    found = measure(steps, threads, lambda text: click.echo(text, err=True))
    lines = ["contender,validation loss,steps,wall s,cpu s,first turn wall s,first turn cpu s"]
    lines += [
        f"{name},{entry['loss']:.4f},{steps},{sum(entry['wall']):.1f},{sum(entry['cpu']):.1f},"
        f"{entry['wall'][0]:.1f},{entry['cpu'][0]:.1f}"
        for name, entry in found.items()
    ]
    click.echo("\n".join(lines))
    if out:
        header = [f"# {key}: {value}" for key, value in describe(threads).items()]
        out.write_text("\n".join([*header, *lines]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
