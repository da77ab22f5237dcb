#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains a small MEANet with PyTorch and writes it as a bundle for `mea`.

Optional: nothing else in the repository needs Python. It is here for two reasons: it made
models/glyphs, and it shows a PyTorch user all that a bundle asks for, which is

  main.onnx       image -> logits over all classes, features
  extension.onnx  image, features -> logits over the hard classes (adaptive block inside)
  bundle.json     class names, preprocessing, hard classes, thresholds, SHA-256 of the files

The data folder holds CIFAR-100 style records (train.bin, test.bin, fine_label_names.txt), for
instance those of `mea dataset glyphs`. A run that was stopped goes on from its checkpoint.
"""
import argparse
import hashlib
import json
import os
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

MEAN, STD = [0.5, 0.5, 0.5], [0.25, 0.25, 0.25]


# --- the network -----------------------------------------------------------------------------


def conv_bn(cin, cout, kernel, stride=1):
    return nn.Sequential(
        nn.Conv2d(cin, cout, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(cout)
    )


class Block(nn.Module):
    """Residual block: two 3x3 convolutions and a shortcut."""

    def __init__(self, cin, cout, stride=1):
        super().__init__()
        self.a = conv_bn(cin, cout, 3, stride)
        self.b = conv_bn(cout, cout, 3)
        self.short = conv_bn(cin, cout, 1, stride) if cin != cout or stride > 1 else nn.Identity()

    def forward(self, x):
        return F.relu(self.b(F.relu(self.a(x))) + self.short(x))


class Main(nn.Module):
    """The first part of the network with an exit of its own."""

    def __init__(self, classes):
        super().__init__()
        self.stem = conv_bn(3, 16, 3)
        self.body = nn.Sequential(Block(16, 16, 2), Block(16, 32))
        self.exit = nn.Linear(32, classes)

    def forward(self, image):
        features = self.body(F.relu(self.stem(image)))
        return self.exit(F.adaptive_avg_pool2d(features, 1).flatten(1)), features


class Extension(nn.Module):
    """The second part, fed by the sum of main's features and of the adaptive block's, which is
    a light copy of main that looks at the image again."""

    def __init__(self, hard):
        super().__init__()
        self.adaptive_stem = conv_bn(3, 16, 3, 2)
        self.adaptive = Block(16, 32)
        self.body = nn.Sequential(Block(32, 64, 2), Block(64, 64))
        self.exit = nn.Linear(64 * 2 * 2, hard)

    def forward(self, image, features):
        own = self.adaptive(F.relu(self.adaptive_stem(image)))
        x = self.body(features + own)
        # Without padding the flag changes nothing but the export: no needless Pad node.
        return self.exit(F.avg_pool2d(x, 4, count_include_pad=False).flatten(1))


# --- data --------------------------------------------------------------------------------------


def load(path):
    """Images as uint8 tensor [n, 3, 32, 32] and fine labels of a CIFAR-100 style file."""
    raw = np.fromfile(path, np.uint8)
    if raw.size == 0 or raw.size % 3074:
        raise SystemExit(f"{path}: {raw.size} bytes are no whole number of 3,074-byte records")
    raw = raw.reshape(-1, 3074)
    images = torch.from_numpy(raw[:, 2:].reshape(-1, 3, 32, 32).copy())
    return images, torch.from_numpy(raw[:, 1].astype(np.int64))


def normalise(images):
    mean, std = torch.tensor(MEAN).view(1, 3, 1, 1), torch.tensor(STD).view(1, 3, 1, 1)
    return (images.float() / 255 - mean) / std


def shifted(images):
    """Each image moved by up to two pixels; letters must not be mirrored."""
    padded = F.pad(images.float(), (2, 2, 2, 2), mode="replicate").to(torch.uint8)
    out = torch.empty_like(images)
    for i, (dy, dx) in enumerate(np.random.randint(0, 5, (len(images), 2))):
        out[i] = padded[i, :, dy : dy + 32, dx : dx + 32]
    return out


# --- training ------------------------------------------------------------------------------------


def fit(name, work, model, params, step, images, labels, epochs, peak, train_mode):
    """SGD with a one-cycle learning rate; one checkpoint per epoch. Algorithm 1 runs it twice."""
    optimiser = torch.optim.SGD(params, peak, momentum=0.9, nesterov=True, weight_decay=5e-4)
    steps = (len(images) + 127) // 128
    rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, peak, total_steps=epochs * steps)
    path, first = os.path.join(work, f"{name}.ckpt"), 0
    if os.path.exists(path):
        saved = torch.load(path)
        model.load_state_dict(saved["model"])
        optimiser.load_state_dict(saved["optimiser"])
        rate.load_state_dict(saved["rate"])
        first = saved["epoch"]
    for epoch in range(first, epochs):
        # Seeded by the epoch, so that a resumed run sees the same order.
        torch.manual_seed(1000 + epoch)
        np.random.seed(1000 + epoch)
        train_mode()
        start, total = time.time(), 0.0
        for batch in torch.randperm(len(images)).split(128):
            loss = F.cross_entropy(step(normalise(shifted(images[batch]))), labels[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            rate.step()
            total += loss.item() * len(batch)
        speed = len(images) / (time.time() - start)
        print(f"{name} {epoch + 1}/{epochs}: loss {total / len(images):.4f}, {speed:.0f}/s", flush=True)
        state = {"model": model.state_dict(), "optimiser": optimiser.state_dict()}
        torch.save({**state, "rate": rate.state_dict(), "epoch": epoch + 1}, path + ".tmp")
        os.replace(path + ".tmp", path)
    model.eval()


@torch.no_grad()
def predict(main, extension, images):
    """Softmax of both exits for every image."""
    first, second = [], []
    for batch in images.split(500):
        x = normalise(batch)
        logits, features = main(x)
        first.append(logits.softmax(1))
        if extension:
            second.append(extension(x, features).softmax(1))
    return torch.cat(first), torch.cat(second) if second else None


def hardest(prob, labels, classes, n_hard):
    """The classes with the lowest precision of main; ascending, which is the class dictionary."""
    answer = prob.argmax(1)
    said = torch.bincount(answer, minlength=classes).float()
    right = torch.bincount(answer[answer == labels], minlength=classes).float()
    precision = right / said.clamp(min=1)
    return sorted(precision.argsort()[:n_hard].tolist())


def entropies(prob, labels):
    """Mean entropy, in nats, of right and of wrong answers: the ends of the threshold's range."""
    entropy = -(prob * prob.clamp(min=1e-12).log()).sum(1)
    right = prob.argmax(1) == labels
    return entropy[right].mean().item(), entropy[~right].mean().item()


def measure(first, second, labels, hard):
    """Test accuracy in percent of each exit and of Algorithm 2 without a cloud."""
    hard_t, is_hard = torch.tensor(hard), torch.zeros(first.shape[1], dtype=torch.bool)
    is_hard[hard_t] = True
    answer1, answer2 = first.argmax(1), hard_t[second.argmax(1)]
    extend = is_hard[answer1]
    take2 = extend & (second.max(1).values >= first.max(1).values)
    cascade = torch.where(take2, answer2, answer1)
    truly_hard = is_hard[labels]

    def percent(hits):
        return round(100 * hits.float().mean().item(), 2)

    return {
        "main": percent(answer1 == labels),
        "cascade": percent(cascade == labels),
        "main_on_hard": percent((answer1 == labels)[truly_hard]),
        "extension_on_hard": percent((answer2 == labels)[truly_hard]),
        "leave_at_main": percent(~extend),
    }


# --- the bundle ------------------------------------------------------------------------------------


def export(model, inputs, path, names_in, names_out):
    axes = {name: {0: "n"} for name in names_in + names_out}
    torch.onnx.export(
        model, inputs, path, opset_version=13, input_names=names_in, output_names=names_out,
        dynamic_axes=axes,
    )


def entry(folder, name):
    with open(os.path.join(folder, name), "rb") as f:
        return {"float": {"file": name, "sha256": hashlib.sha256(f.read()).hexdigest()}}


def write_bundle(args, main, extension, names, hard, mu, accuracy):
    os.makedirs(args.out, exist_ok=True)
    image = torch.zeros(1, 3, 32, 32)
    features = main(image)[1]
    export(main, image, f"{args.out}/main.onnx", ["image"], ["logits", "features"])
    export(extension, (image, features), f"{args.out}/extension.onnx", ["image", "features"], ["logits"])
    bundle = {
        "format": "mea-bundle",
        "version": 1,
        "name": os.path.basename(os.path.abspath(args.out)),
        "description": args.description,
        "licence": "Apache-2.0",
        "classes": names,
        "input": {"width": 32, "height": 32, "mean": MEAN, "std": STD},
        "hard_classes": hard,
        "thresholds": {
            "mu_correct": round(mu[0], 4), "mu_wrong": round(mu[1], 4),
            "entropy": round((mu[0] + mu[1]) / 2, 4),
        },
        "files": {"main": entry(args.out, "main.onnx"), "extension": entry(args.out, "extension.onnx")},
        "accuracy": {"float": accuracy},
        "made": f"models/train_pytorch.py, PyTorch {torch.__version__}, seed {args.seed}, "
        f"{args.epochs_main} + {args.epochs_extension} epochs",
    }
    with open(f"{args.out}/bundle.json", "w") as f:
        json.dump(bundle, f, indent=1)
        f.write("\n")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", required=True, help="folder with train.bin, test.bin, fine_label_names.txt")
    p.add_argument("--out", required=True, help="bundle folder to write")
    p.add_argument("--work", required=True, help="folder for checkpoints")
    p.add_argument("--epochs-main", type=int, default=12)
    p.add_argument("--epochs-extension", type=int, default=16)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--description", default="A small MEANet")
    args = p.parse_args()
    os.makedirs(args.work, exist_ok=True)
    torch.manual_seed(args.seed)

    with open(os.path.join(args.data, "fine_label_names.txt")) as f:
        names = f.read().split()
    images, labels = load(os.path.join(args.data, "train.bin"))
    # A tenth of the training data chooses the hard classes and thresholds. The test set, none.
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(args.seed))
    held, kept = order[: len(order) // 10], order[len(order) // 10 :]

    net = Main(len(names))
    fit("main", args.work, net, net.parameters(), lambda x: net(x)[0], images[kept], labels[kept],
        args.epochs_main, 0.2, net.train)
    first, _ = predict(net, None, images[held])
    hard = hardest(first, labels[held], len(names), len(names) // 2)
    mu = entropies(first, labels[held])
    print(f"hard classes {' '.join(names[c] for c in hard)}; entropy {mu[0]:.3f} right, {mu[1]:.3f} wrong")

    # From here on main is fixed: no gradients, and its batch norms stay in eval mode.
    net.requires_grad_(False)
    remap = torch.full((len(names),), -1)
    remap[hard] = torch.arange(len(hard))
    kept = kept[remap[labels[kept]] >= 0]
    extension = Extension(len(hard))
    fit("extension", args.work, extension, extension.parameters(), lambda x: extension(x, net(x)[1]),
        images[kept], remap[labels[kept]], args.epochs_extension, 0.1, extension.train)

    test_images, test_labels = load(os.path.join(args.data, "test.bin"))
    accuracy = measure(*predict(net, extension, test_images), test_labels, hard)
    print(json.dumps(accuracy))
    write_bundle(args, net, extension, names, hard, mu, accuracy)


if __name__ == "__main__":
    main()
