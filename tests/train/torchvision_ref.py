#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checkpoints of torchvision's networks with random weights, and what torchvision answers.

  torchvision_ref.py FOLDER SIZE     FOLDER/NET.pth, NET.in (an image), NET.out (logits, features)
"""
import sys

import torch
import torchvision

folder, size = sys.argv[1], int(sys.argv[2])
torch.manual_seed(1)
for name, last in ("resnet18", "layer4"), ("mobilenet_v2", "features.17"):
    net = getattr(torchvision.models, name)(weights=None, num_classes=12)
    # A few steps of the running means, which would else be 0 and 1.
    net.train()
    for _ in range(3):
        net(torch.randn(4, 3, size, size))
    net.eval()
    torch.save(net.state_dict(), f"{folder}/{name}.pth")
    seen = []
    dict(net.named_modules())[last].register_forward_hook(lambda m, i, o: seen.append(o))
    image = torch.randn(1, 3, size, size)
    with torch.no_grad():
        logits = net(image)
    image.numpy().tofile(f"{folder}/{name}.in")
    with open(f"{folder}/{name}.out", "wb") as f:
        for t in (logits, seen[0]):
            f.write(t.contiguous().numpy().tobytes())
