# SPDX-License-Identifier: Apache-2.0
"""Pictures as Pillow and torchvision read and resize them, beside mea's pixels; TAP.

pictures.py HELPER

HELPER is tests/e2e/helper. The pictures are drawn here. Decoding and the nearest pixel do not
differ; Pillow's integer weights may round the rest otherwise: by 1 of 255, and by 2 where bicubic's
negative weights make more of it. torchvision is asked where this Python has it.
"""
import json
import os
import subprocess
import sys
import tempfile

import numpy as np
from PIL import Image, ImageOps

try:
    from torchvision import transforms
except ImportError:
    transforms = None

HELPER = sys.argv[1]
# Shapes of cameras' pictures, and odd ones: their halves are not whole.
SIZES = [(640, 480), (481, 640), (333, 257), (224, 224), (256, 256), (1001, 127), (60, 45)]
FILTERS = {"bilinear": (Image.BILINEAR, 1), "bicubic": (Image.BICUBIC, 2),
           "nearest": (Image.NEAREST, 0)}
count = failed = 0


def ok(name, good, why=""):
    """Prints a line of TAP, with why behind it when good is false."""
    global count, failed
    count += 1
    failed += not good
    print(f"{'ok' if good else 'not ok'} {count} - {name}")
    if not good and why:
        print("# " + str(why))


def skip(name, why):
    global count
    count += 1
    print(f"ok {count} - {name} # SKIP {why}")


def draw(width, height):
    """Edges, gradients and noise."""
    rng = np.random.default_rng(width * 10007 + height)
    y, x = np.mgrid[0:height, 0:width]
    image = np.stack([x * 255 / width, y * 255 / height, (x // 7 + y // 5) % 2 * 255], axis=2)
    image[height // 3 : height // 2] = rng.integers(0, 256, (height // 2 - height // 3, width, 3))
    return Image.fromarray(image.astype(np.uint8))


def pixels(path, size, resize):
    """mea's, of size (width, height)."""
    text = json.dumps({"resize": resize})
    out = subprocess.run([HELPER, "pixels", path, str(size[0]), str(size[1]), text], check=True,
                         capture_output=True).stdout
    return np.frombuffer(out, np.uint8).reshape(size[1], size[0], 3).astype(int)


def compare(name, have, want, most):
    difference = np.abs(have - np.asarray(want).astype(int)).max()
    ok(f"{name}: at most {most} apart", difference <= most, f"{difference} apart")


def resizing(folder):
    for size in SIZES:
        image = draw(*size)
        path = os.path.join(folder, "picture.png")
        image.save(path)
        for name, (pillow, most) in FILTERS.items():
            title = f"{size[0]} x {size[1]}, {name}"
            # Pillow 13 goes down the columns first where those shrink much more than the
            # rows, and clips in between: Debian 12's 9.4 does not, nor does mea.
            columns_first = size[1] - 160 > max(0, 2 * (size[0] - 224))
            if name == "bicubic" and columns_first:
                skip(f"{title}, stretch", "Pillow's versions differ")
            else:
                compare(f"{title}, stretch",
                        pixels(path, (224, 160), {"mode": "stretch", "filter": name}),
                        image.resize((224, 160), pillow), most)
            compare(f"{title}, letterbox",
                    pixels(path, (200, 200), {"mode": "letterbox", "filter": name}),
                    ImageOps.pad(image, (200, 200), pillow), most)
        if transforms is None:
            skip(f"{size[0]} x {size[1]}, torchvision", "no torchvision")
            continue
        for side, cut in ((256, 224), (232, 224), (224, 224), (331, 300)):
            to = transforms.Compose([transforms.Resize(side), transforms.CenterCrop(cut)])
            compare(f"{size[0]} x {size[1]}, torchvision {side} and {cut}",
                    pixels(path, (cut, cut), {"side": side}), to(image), 1)


def orientation(folder):
    path = os.path.join(folder, "picture.jpg")
    for o in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = o
        draw(96, 64).save(path, quality=90, exif=exif)
        want = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
        compare(f"orientation {o}", pixels(path, want.size, {}), want, 0)


with tempfile.TemporaryDirectory() as work:
    resizing(work)
    orientation(work)
print(f"1..{count}")
sys.exit(failed > 0)
