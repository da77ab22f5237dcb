#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whole training steps of a network with PyTorch, for torch_step.c to compare with.

  torch_step.py steps FOLDER        FOLDER/NAME.torch64 and .torch32: parameters after the last step
  torch_step.py gradients FOLDER    FOLDER/NAME.grad64 and .grad32: gradients of the first one

Each computed in float64 and in float32. FOLDER/net.txt: a line "recipe", batch, side, classes, steps, rate, momentum,
decay, candidates, then a line for each node (operation, output, inputs, attributes), the parameters and the output;
FOLDER/*.f32 are raw floats in ONNX's order, image0.f32 and so on the candidates. Of these the gradients' image is the one
that leaves the input of every Relu farthest from 0, in float64; its number goes to FOLDER/choice.txt.
"""
import sys

import numpy as np
import torch
import torch.nn.functional as F


class Net:
    """The network in net.txt, in one type."""

    def __init__(self, folder, dtype):
        self.folder, self.dtype = folder, dtype
        self.params, self.nodes, self.running = {}, [], set()
        for line in open(f"{folder}/net.txt"):
            kind, *w = line.split()
            if kind == "recipe":
                self.batch, self.side, self.classes, self.steps = (int(v) for v in w[:4])
                self.rate, self.momentum, self.decay = (float(v) for v in w[4:7])
                self.candidates = int(w[7])
            elif kind == "param":
                self.params[w[0]] = self.load(w[0], [int(v) for v in w[2:]])
                if w[1] == "running":
                    self.running.add(w[0])
            elif kind == "node":
                self.nodes.append(w)
            elif kind == "output":
                self.output = w[0]
        for name, p in self.params.items():
            p.requires_grad = name not in self.running
        self.labels = torch.arange(self.batch) % self.classes

    def load(self, name, shape):
        data = np.fromfile(f"{self.folder}/{name}.f32", np.float32)
        return torch.from_numpy(data.reshape(shape).copy()).to(self.dtype)

    def image(self, i):
        return self.load(f"image{i}", [self.batch, 3, self.side, self.side])

    def run(self, image):
        """Logits; self.margin: how near to 0 the input of a Relu comes."""
        v = {**self.params, "image": image}
        self.margin = float("inf")
        for op, out, n, *rest in self.nodes:
            names, attr = rest[: int(n)], rest[int(n):]
            a = [v[i] for i in names]
            if op == "Conv":
                y = F.conv2d(a[0], a[1], None, int(attr[0]), int(attr[1]))
            elif op == "BatchNormalization":
                y = F.batch_norm(a[0], a[3], a[4], a[1], a[2], True, 0.1, 1e-5)
            elif op == "Relu":
                y = F.relu(a[0])
                self.margin = min(self.margin, a[0].detach().abs().min().item())
            elif op == "Add":
                y = a[0] + a[1]
            elif op == "AveragePool":
                y = F.avg_pool2d(a[0], int(attr[2]))
            elif op == "GlobalAveragePool":
                y = a[0].mean((2, 3), keepdim=True)
            elif op == "Flatten":
                y = a[0].flatten(1)
            elif op == "Gemm":
                y = F.linear(a[0], a[1], a[2])
            else:
                raise SystemExit(f"torch_step.py: {op}: unknown operation")
            v[out] = y
        return v[self.output]

    def loss(self, image):
        return F.cross_entropy(self.run(image), self.labels)

    def write(self, values, end):
        for name, v in values.items():
            v.detach().numpy().astype(np.float32).tofile(f"{self.folder}/{name}{end}")


def steps(folder, dtype, end):
    net = Net(folder, dtype)
    weights = [p for n, p in net.params.items() if n not in net.running]
    groups = [{"params": [p for p in weights if p.dim() > 1], "weight_decay": net.decay},
              {"params": [p for p in weights if p.dim() == 1], "weight_decay": 0}]
    sgd = torch.optim.SGD(groups, net.rate, momentum=net.momentum, nesterov=True)
    for _ in range(net.steps):
        loss = net.loss(net.image(0))
        sgd.zero_grad()
        loss.backward()
        sgd.step()
    net.write(net.params, end)


def choose(folder):
    net, margins = Net(folder, torch.float64), []
    with torch.no_grad():
        for i in range(net.candidates):
            net.run(net.image(i))
            margins.append(net.margin)
    best = max(range(net.candidates), key=lambda i: margins[i])
    with open(f"{folder}/choice.txt", "w") as f:
        f.write(f"{best} {margins[best]:.3g}\n")
    return best


def gradients(folder, dtype, end, choice):
    net = Net(folder, dtype)
    net.loss(net.image(choice)).backward()
    net.write({n: p.grad for n, p in net.params.items() if n not in net.running}, end)


def main():
    torch.set_num_threads(1)
    what, folder = sys.argv[1:]
    if what == "steps":
        steps(folder, torch.float64, ".torch64")
        steps(folder, torch.float32, ".torch32")
    else:
        choice = choose(folder)
        gradients(folder, torch.float64, ".grad64", choice)
        gradients(folder, torch.float32, ".grad32", choice)


if __name__ == "__main__":
    main()
