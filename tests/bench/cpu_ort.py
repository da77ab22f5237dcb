# SPDX-License-Identifier: Apache-2.0
"""ONNX Runtime's turn in make bench-cpu: reads how often to run, prints each time in us.

cpu_ort.py THREADS BATCH MODEL.onnx [MODEL.onnx]; all models run one after the other.
"""
import sys
import time

import numpy as np
import onnxruntime as ort

threads, batch = int(sys.argv[1]), int(sys.argv[2])
options = ort.SessionOptions()
options.intra_op_num_threads = threads
options.inter_op_num_threads = 1
options.add_session_config_entry("session.intra_op.allow_spinning", "0")
runs = []
for path in sys.argv[3:]:
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    feed = {
        i.name: np.random.rand(*[d if isinstance(d, int) else 1 for d in i.shape]).astype(np.float32)
        for i in session.get_inputs()
    }
    runs.append((session, feed))
for line in sys.stdin:
    for _ in range(int(line)):
        start = time.perf_counter()
        # The files have a batch of one, so a larger one is as many runs.
        for session, feed in runs:
            for _ in range(batch):
                session.run(None, feed)
        print((time.perf_counter() - start) * 1e6)
    sys.stdout.flush()
