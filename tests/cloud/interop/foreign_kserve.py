#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""KServe's Python server with a model that fits the glyphs bundle: the class is the first byte
modulo 36.

    foreign_kserve.py --http_port PORT --enable_grpc false
"""
import argparse

import numpy as np
from kserve import InferOutput, InferResponse, Model, ModelServer, model_server


class Glyphs(Model):
    def __init__(self):
        super().__init__("glyphs")
        self.ready = True

    async def get_input_types(self):
        return [{"name": "image", "datatype": "UINT8", "shape": [-1, 32, 32, 3]}]

    async def get_output_types(self):
        return [{"name": "logits", "datatype": "FP32", "shape": [-1, 36]}]

    def predict(self, request, headers=None, response_headers=None):
        image = request.inputs[0].as_numpy()
        logits = np.zeros((1, 36), np.float32)
        logits[0, image.reshape(-1)[0] % 36] = 9
        out = InferOutput("logits", [1, 36], "FP32", data=logits.tolist())
        return InferResponse(model_name="glyphs", infer_outputs=[out], response_id=request.id or "0")


if __name__ == "__main__":
    args, _ = argparse.ArgumentParser(parents=[model_server.parser]).parse_known_args()
    ModelServer(http_port=args.http_port, enable_grpc=False).start([Glyphs()])
