#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The public Triton client against `mea serve models/glyphs`: prints TAP.

    triton_client.py HOST:PORT
"""
import sys

import numpy as np
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

count = 0


def ok(name, good):
    global count
    count += 1
    print(f"{'ok' if good else 'not ok'} {count} - tritonclient: {name}", flush=True)


def fails(name, text, call):
    try:
        call()
    except InferenceServerException as e:
        ok(name, text in str(e))
        if text not in str(e):
            print(f"# {e}")
    else:
        ok(name, False)


def tensor(data, binary=True, name="image", datatype="UINT8"):
    t = triton.InferInput(name, list(data.shape), datatype)
    t.set_data_from_numpy(data, binary_data=binary)
    return t


def main():
    c = triton.InferenceServerClient(sys.argv[1], concurrency=4)
    image = np.random.default_rng(1).integers(0, 256, (1, 32, 32, 3), np.uint8)

    ok("server live", c.is_server_live())
    ok("server ready", c.is_server_ready())
    ok("model ready", c.is_model_ready("glyphs") and c.is_model_ready("glyphs", "1"))
    ok("no such model is not ready", not c.is_model_ready("nope"))
    ok("server metadata", "binary_tensor_data" in c.get_server_metadata()["extensions"])
    meta = c.get_model_metadata("glyphs")
    ok("model metadata", meta["inputs"] == [{"name": "image", "datatype": "UINT8", "shape": [-1, 32, 32, 3]}])
    ok("repository index", c.get_model_repository_index()[0]["name"] == "glyphs")

    answers = []
    for sent in (True, False):
        for asked in (True, False):
            out = [triton.InferRequestedOutput("logits", binary_data=asked)]
            r = c.infer("glyphs", [tensor(image, sent)], outputs=out, request_id="7")
            answers.append(r.as_numpy("logits"))
            ok(f"infer, binary in {sent}, out {asked}", answers[-1].shape == (1, 36) and r.get_response()["id"] == "7")
    ok("all forms give the same", all(np.allclose(a, answers[0], atol=1e-5) for a in answers))
    r = c.infer("glyphs", [tensor(image)])
    ok("outputs not named", np.array_equal(r.as_numpy("logits"), answers[0]))
    r = c.infer("glyphs", [tensor(image)], model_version="1", timeout=5000000)
    ok("version and timeout", np.array_equal(r.as_numpy("logits"), answers[0]))
    batch = np.concatenate([image, 255 - image, image])
    r = c.infer("glyphs", [tensor(batch)]).as_numpy("logits")
    ok("batch", r.shape == (3, 36) and np.array_equal(r[0], answers[0][0]) and np.array_equal(r[2], r[0]))
    several = [c.async_infer("glyphs", [tensor(image)]) for _ in range(20)]
    ok("asynchronous", all(np.array_equal(a.get_result().as_numpy("logits"), answers[0]) for a in several))

    fails("unknown model", "no model 'nope'", lambda: c.infer("nope", [tensor(image)]))
    fails("unknown version", "no version 9", lambda: c.infer("glyphs", [tensor(image)], model_version="9"))
    fails("unknown input", "no input 'x'", lambda: c.infer("glyphs", [tensor(image, name="x")]))
    fails("unknown output", "no output 'x'",
          lambda: c.infer("glyphs", [tensor(image)], outputs=[triton.InferRequestedOutput("x")]))
    fails("wrong type", "datatype is 'FP32'",
          lambda: c.infer("glyphs", [tensor(image.astype(np.float32), datatype="FP32")]))
    fails("wrong shape", "shape is 1x3x32x32",
          lambda: c.infer("glyphs", [tensor(np.ascontiguousarray(image.transpose(0, 3, 1, 2)))]))
    fails("batch too large", "a batch of 9", lambda: c.infer("glyphs", [tensor(np.repeat(image, 9, 0))]))
    fails("no inputs", "'image' is missing", lambda: c.infer("glyphs", []))
    fails("compressed", "not taken here",
          lambda: c.infer("glyphs", [tensor(image)], request_compression_algorithm="gzip"))
    stats = c.get_inference_statistics("glyphs")["model_stats"][0]
    ok("statistics", stats["inference_count"] == 4 + 1 + 1 + 3 + 20 and stats["inference_stats"]["fail"]["count"] == 7)
    ok("still well", np.array_equal(c.infer("glyphs", [tensor(image)]).as_numpy("logits"), answers[0]))
    print(f"1..{count}")


main()
