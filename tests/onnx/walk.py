# SPDX-License-Identifier: Apache-2.0
"""The commands of docs/own-network.md, as a newcomer types them, with a network trained here; TAP.

walk.py MEA

Run from the repository's root by a Python that has torch, torchvision, onnx, onnxscript and Pillow.
The pictures are the digits among mea's drawn glyphs. The network is trained by torchvision's own
means, so that its answers are PyTorch's judgement of mea's. The pip command is passed over.
"""
import os
import re
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import torch
    import torchvision
    from PIL import Image
    from torchvision import transforms
except ImportError as why:
    print(f"ok 1 - own network # SKIP {why}")
    print("1..1")
    sys.exit(0)

MEA = os.path.abspath(sys.argv[1])
ROOT = os.getcwd()
PAGE = os.path.join(ROOT, "docs", "own-network.md")
TRAIN, TEST, EPOCHS, BATCH = 5400, 360, 4, 32
# How many points int8 may lose. What the network has learned is not what is tested.
LOST = 2.0
count = failed = 0


def ok(name, good, why=""):
    global count, failed
    count += 1
    failed += not good
    print(f"{'ok' if good else 'not ok'} {count} - {name}", flush=True)
    if not good and why:
        print("# " + str(why).replace("\n", "\n# "))


def draw(folder):
    """Digits as PNG files, in the middle of pictures that are wider than high."""
    drawn = os.path.join(folder, "drawn")
    subprocess.run([MEA, "dataset", "glyphs", "--out", drawn, "--train", str(TRAIN), "--test",
                    str(TEST)], check=True, capture_output=True)
    with open(os.path.join(drawn, "fine_label_names.txt"), encoding="utf-8") as f:
        names = f.read().split()
    for split, file in (("train", "train.bin"), ("val", "test.bin")):
        samples = np.fromfile(os.path.join(drawn, file), np.uint8).reshape(-1, 3074)
        seen = {}
        for s in samples:
            name = names[s[1]]
            if not name.isdigit():
                continue
            place = os.path.join(folder, "pictures", split, name)
            os.makedirs(place, exist_ok=True)
            glyph = Image.fromarray(s[2:].reshape(3, 32, 32).transpose(1, 2, 0))
            picture = Image.new("RGB", (96, 72), glyph.getpixel((0, 0)))
            picture.paste(glyph.resize((64, 64), Image.BICUBIC), (16, 4))
            picture.save(os.path.join(place, f"{seen.setdefault(name, 0)}.png"))
            seen[name] += 1


def load(folder, split):
    # As the preset torchvision: 256 to 224 at the sides of this network.
    to = transforms.Compose([transforms.Resize(73), transforms.CenterCrop(64), transforms.ToTensor(),
                             transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))])
    data = torchvision.datasets.ImageFolder(os.path.join(folder, "pictures", split), to)
    return torch.stack([x for x, _ in data]), torch.tensor([y for _, y in data])


def train(folder):
    """Writes net.pt; its accuracy in percent, and its logits, on the pictures of val."""
    torch.manual_seed(1)
    images, labels = load(folder, "train")
    net = torchvision.models.resnet18(num_classes=10)
    steps = EPOCHS * (len(images) // BATCH)
    optimiser = torch.optim.Adam(net.parameters())
    rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps)
    net.train()
    for _ in range(EPOCHS):
        order = torch.randperm(len(images))
        for i in range(len(images) // BATCH):
            pick = order[BATCH * i : BATCH * (i + 1)]
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(net(images[pick]), labels[pick]).backward()
            optimiser.step()
            rate.step()
    torch.save(net.state_dict(), os.path.join(folder, "net.pt"))
    images, labels = load(folder, "val")
    with torch.no_grad():
        logits = net.eval()(images)
    return 100 * (logits.argmax(1) == labels).float().mean().item(), len(labels)


def blocks():
    """(language, text) of the page's code blocks, in order."""
    with open(PAGE, encoding="utf-8") as f:
        return re.findall(r"^```(sh|python)\n(.*?)^```$", f.read(), re.S | re.M)


def walk(folder):
    """Runs the page; the outputs of its commands by their first words."""
    said = {}
    path = os.path.join(folder, "bin")
    os.mkdir(path)
    os.symlink(MEA, os.path.join(path, "mea"))
    os.symlink(sys.executable, os.path.join(path, "python3"))
    env = dict(os.environ, PATH=path + ":" + os.environ["PATH"],
               PYTHONPATH=":".join(sys.path[1:]))
    for language, text in blocks():
        if language == "python":
            with open(os.path.join(folder, "export.py"), "w", encoding="utf-8") as f:
                f.write(text)
            continue
        for line in text.splitlines():
            if line.startswith("pip "):
                continue
            run = subprocess.run(["sh", "-c", line], cwd=folder, env=env, capture_output=True,
                                 text=True, timeout=1200)
            ok(line, run.returncode == 0, run.stderr)
            said[" ".join(line.split()[:2])] = said.get(" ".join(line.split()[:2]), "") + run.stdout
    return said


with tempfile.TemporaryDirectory() as work:
    draw(work)
    accuracy, images = train(work)
    print(f"# PyTorch: {accuracy:.2f} % of {images} pictures", flush=True)
    ok("the network learned something", accuracy > 50, accuracy)
    said = walk(work)
    table = re.search(r"^all +(\d+) +100.0% +([0-9.]+)%", said.get("mea run", ""), re.M)
    ok("mea run: all pictures", table and int(table[1]) == images, said.get("mea run"))
    if table:
        print(f"# mea, int8: {table[2]} %")
        ok(f"at most {LOST} points below PyTorch", float(table[2]) > accuracy - LOST, table[2])
    ok("one picture", re.search(r"0\.png: [0-9] at main", said.get("mea run", "")),
       said.get("mea run"))
print(f"1..{count}")
sys.exit(failed > 0)
