#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Training steps per second with PyTorch on the network of train_speed.c, measured alike.

  train_torch.py NET f32|bf16|bf16-nhwc [BATCH [THREADS [STEPS]]]      NET: resnet32-a, resnet32-b
"""
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F


class Block(nn.Module):
    def __init__(self, cin, cout, stride):
        super().__init__()
        self.a = nn.Conv2d(cin, cout, 3, stride, 1, bias=False)
        self.an = nn.BatchNorm2d(cout)
        self.b = nn.Conv2d(cout, cout, 3, 1, 1, bias=False)
        self.bn = nn.BatchNorm2d(cout)
        self.s = None
        if cin != cout or stride > 1:
            self.s = nn.Sequential(nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout))

    def forward(self, x):
        y = self.bn(self.b(F.relu(self.an(self.a(x)), inplace=True)))
        return F.relu(y + (self.s(x) if self.s else x), inplace=True)


def resnet32(model):
    layers = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(inplace=True)]
    cin = 16
    for group in range(2 if model == "a" else 3):
        for i in range(5):
            layers.append(Block(cin, 16 << group, 2 if group and not i else 1))
            cin = 16 << group
    if model == "a":
        layers += [nn.AvgPool2d(3), nn.Flatten(), nn.Linear(800, 100)]
    else:
        layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 100)]
    return nn.Sequential(*layers)


def main():
    net = sys.argv[1] if len(sys.argv) > 1 else "resnet32-b"
    kind = sys.argv[2] if len(sys.argv) > 2 else "f32"
    batch, threads, steps = (int(a) for a in sys.argv[3:6] + ["128", "2", "20"][len(sys.argv[3:6]):])
    torch.set_num_threads(threads)
    model = resnet32(net[-1]).train()
    x, y = torch.randn(batch, 3, 32, 32), torch.arange(batch) % 100
    if kind == "bf16-nhwc":
        model, x = model.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
    sgd = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9, nesterov=True, weight_decay=5e-4)
    wall, cpu = [], []
    for i in range(-3, steps):
        w, c = time.monotonic(), time.process_time()
        with torch.autocast("cpu", torch.bfloat16, enabled=kind != "f32"):
            loss = F.cross_entropy(model(x), y)
        sgd.zero_grad(set_to_none=True)
        loss.backward()
        sgd.step()
        if i >= 0:
            wall.append(time.monotonic() - w)
            cpu.append(time.process_time() - c)
    speed = [batch / sorted(t)[steps // 2] for t in (wall, cpu)]
    print(f"{speed[0]:.0f} {speed[1]:.0f} images/s (wall, CPU); {net} {kind}, batch {batch}, {threads} threads, "
          f"PyTorch {torch.__version__}")


if __name__ == "__main__":
    main()
