#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whole training steps of a network with PyTorch, for torch_step.c to compare with.

Reads FOLDER/net.txt: a line "recipe", batch, classes, steps, rate, momentum, decay, then a line for each node (operation,
output, inputs, attributes), the parameters and the output; FOLDER/*.f32 are raw floats in ONNX's order.
Writes each parameter after the last step as FOLDER/*.torch64, computed in float64, and as
FOLDER/*.torch32, computed in float32.
"""
import sys

import numpy as np
import torch
import torch.nn.functional as F


def train(folder, dtype, end):
    params, nodes, running = {}, [], set()

    def load(name, shape):
        return torch.from_numpy(np.fromfile(f"{folder}/{name}.f32", np.float32).reshape(shape).copy()).to(dtype)

    for line in open(f"{folder}/net.txt"):
        kind, *w = line.split()
        if kind == "recipe":
            batch, classes, steps = (int(v) for v in w[:3])
            rate, momentum, decay = (float(v) for v in w[3:])
        elif kind == "param":
            params[w[0]] = load(w[0], [int(v) for v in w[2:]])
            if w[1] == "running":
                running.add(w[0])
        elif kind == "node":
            nodes.append(w)
        elif kind == "output":
            output = w[0]
    for name, p in params.items():
        p.requires_grad = name not in running
    x = load("image", [batch, 3, 32, 32])
    labels = torch.arange(batch) % classes
    weights = [p for n, p in params.items() if n not in running]
    groups = [{"params": [p for p in weights if p.dim() > 1], "weight_decay": decay},
              {"params": [p for p in weights if p.dim() == 1], "weight_decay": 0}]
    sgd = torch.optim.SGD(groups, rate, momentum=momentum, nesterov=True)

    def run():
        v = {**params, "image": x}
        for op, out, n, *rest in nodes:
            names, attr = rest[: int(n)], rest[int(n):]
            a = [v[i] for i in names]
            if op == "Conv":
                y = F.conv2d(a[0], a[1], None, int(attr[0]), int(attr[1]))
            elif op == "BatchNormalization":
                y = F.batch_norm(a[0], a[3], a[4], a[1], a[2], True, 0.1, 1e-5)
            elif op == "Relu":
                y = F.relu(a[0])
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
        return v[output]

    for _ in range(steps):
        loss = F.cross_entropy(run(), labels)
        sgd.zero_grad()
        loss.backward()
        sgd.step()
    for name, p in params.items():
        p.detach().numpy().astype(np.float32).tofile(f"{folder}/{name}{end}")


def main():
    torch.set_num_threads(1)
    train(sys.argv[1], torch.float64, ".torch64")
    train(sys.argv[1], torch.float32, ".torch32")


if __name__ == "__main__":
    main()
