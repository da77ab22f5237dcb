# SPDX-License-Identifier: Apache-2.0
"""Small networks as PyTorch, Keras and ONNX Runtime's quantiser write them, for runtime.py."""
import os

import numpy as np
from onnx import TensorProto, helper, load, numpy_helper, save
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

SIDE = 12


class Net:
    """An ONNX model under construction; each method returns the name of its result."""

    def __init__(self, seed=1):
        self.rng = np.random.default_rng(seed)
        self.nodes, self.constants = [], []

    def constant(self, a):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(a), name))
        return name

    def random(self, *shape, top=1.0):
        return self.constant(self.rng.uniform(-top, top, shape).astype(np.float32))

    def add(self, op, *inputs, outputs=1, **attributes):
        name = f"v{len(self.nodes)}"
        names = [name if i == 0 else f"{name}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(op, list(inputs), names, name=f"{name}_{op}", **attributes))
        return name if outputs == 1 else names

    def conv(self, x, ic, oc, **more):
        return self.add("Conv", x, self.random(oc, ic, 3, 3, top=1.5 / (3 * ic**0.5)), self.random(oc, top=0.3),
                        **{"pads": [1, 1, 1, 1], **more})

    def body(self, x, act="Relu"):
        """A residual block with a pool before it: 3 to 8 channels."""
        x = self.add("MaxPool", self.add("Relu", self.conv(x, 3, 8)), kernel_shape=[2, 2], strides=[2, 2])
        y = self.conv(self.add(act, self.conv(x, 8, 8)), 8, 8)
        return self.add("Relu", self.add("Add", x, y))

    def head(self, x, classes=10):
        x = self.add("Flatten", self.add("GlobalAveragePool", x))
        return self.add("Gemm", x, self.random(8, classes), self.random(classes))

    def model(self, result, shape=(1, 3, SIDE, SIDE), kind=TensorProto.FLOAT):
        assert result == self.nodes[-1].output[0]
        self.nodes[-1].output[0] = "y"
        g = helper.make_graph(self.nodes, "g", [helper.make_tensor_value_info("x", kind, shape)],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)], self.constants)
        return helper.make_model(g, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def ends(op):
    n = Net()
    return n.model(n.add(op, n.head(n.body("x"))))


def keras():
    n = Net()
    x = n.add("Sub", n.add("Mul", "x", n.constant(np.float32(0.7))), n.random(3))
    x = n.add("Transpose", x, perm=[0, 3, 1, 2])
    x = n.add("Transpose", n.body(x), perm=[0, 2, 3, 1])
    x = n.add("Reshape", x, n.constant(np.array([1, -1], np.int64)))
    x = n.add("Add", n.add("MatMul", x, n.random(8 * SIDE * SIDE // 4, 10)), n.random(10))
    return n.model(n.add("Softmax", x), ("batch", SIDE, SIDE, 3))


def computed_shape():
    """The flattening of a dynamic batch, by Shape, Slice and Concat."""
    n = Net()
    x = n.add("GlobalAveragePool", n.body("x"))
    zero, one, minus = (n.constant(np.array([v], np.int64)) for v in (0, 1, -1))
    to = n.add("Concat", n.add("Slice", n.add("Shape", x), zero, one), minus, axis=0)
    x = n.add("Reshape", x, to)
    return n.model(n.add("Gemm", x, n.random(8, 10), n.random(10)), ("batch", 3, SIDE, SIDE))


def computed_pads():
    """PyTorch's F.pad() through TorchScript."""
    n = Net()
    fill = n.add("ConstantOfShape", n.constant(np.array([4], np.int64)),
                 value=helper.make_tensor("v", TensorProto.INT64, [1], [0]))
    pads = n.add("Concat", n.constant(np.array([1, 2, 2, 1], np.int64)), fill, axis=0)
    pads = n.add("Reshape", pads, n.constant(np.array([-1, 2], np.int64)))
    back = [n.constant(np.array([v], np.int64)) for v in (-1, -(2**63 - 1), 0, -1)]
    pads = n.add("Transpose", n.add("Slice", pads, *back), perm=[1, 0])
    pads = n.add("Cast", n.add("Reshape", pads, n.constant(np.array([-1], np.int64))), to=TensorProto.INT64)
    return n.model(n.head(n.body(n.conv(n.add("Pad", "x", pads), 3, 3, pads=[0, 0, 0, 0]))))


def normalised():
    """BatchNormalization before a padded Conv, and behind an Add."""
    n = Net()
    x = n.body(n.add("BatchNormalization", "x", *(n.constant(n.rng.uniform(0.5, 1.5, 3).astype(np.float32))
                                                 for _ in range(4))))
    return n.model(n.head(n.add("BatchNormalization", x, *(
        n.constant(n.rng.uniform(0.5, 1.5, 8).astype(np.float32)) for _ in range(4)))))


def pixels():
    n = Net()
    x = n.add("Div", n.add("Cast", "x", to=TensorProto.FLOAT), n.constant(np.float32(255)))
    return n.model(n.head(n.body(x)), kind=TensorProto.UINT8)


def channels(count):
    n = Net()
    return n.model(n.head(n.body(n.conv("x", count, 3))), (1, count, SIDE, SIDE))


def gate(n, x, channels, inner, outer):
    """Squeeze and excitation: x times a function of its channels' means."""
    y = n.add("GlobalAveragePool", x)
    y = n.add(inner, n.add("Conv", y, n.random(4, channels, 1, 1, top=0.5), n.random(4, top=0.3)))
    y = n.add(outer, n.add("Conv", y, n.random(channels, 4, 1, 1), n.random(channels, top=0.3)))
    return n.add("Mul", x, y)


def gated(act, inner, outer):
    """A block of MobileNetV3 (HardSwish) or EfficientNet (x * Sigmoid), and a product of two maps."""
    n = Net(2)

    def activate(x):
        return n.add("Mul", x, n.add("Sigmoid", x)) if act == "Swish" else n.add(act, x)

    x = activate(n.conv("x", 3, 8, strides=[2, 2]))
    y = activate(n.add("Conv", x, n.random(8, 1, 5, 5, top=0.4), n.random(8, top=0.3), group=8, pads=[2] * 4))
    y = n.add("Add", n.conv(gate(n, y, 8, inner, outer), 8, 8), x)
    y = n.add("Mul", y, n.conv(y, 8, 8))
    return n.model(n.head(y))


def shuffled(by_slice):
    """Two units of ShuffleNetV2: halves by Split or Slice, joined and shuffled."""
    n = Net(3)
    x = n.add("Relu", n.conv("x", 3, 8))
    for _ in range(2):
        if by_slice:
            a, b = (n.add("Slice", x, *(n.constant(np.array([v], np.int64)) for v in (i, i + 4, 1))) for i in (0, 4))
        else:
            a, b = n.add("Split", x, n.constant(np.array([4, 4], np.int64)), outputs=2, axis=1)
        b = n.add("Relu", n.add("Conv", b, n.random(4, 4, 1, 1), n.random(4, top=0.3)))
        b = n.add("Conv", b, n.random(4, 1, 3, 3, top=0.5), n.random(4, top=0.3), group=4, pads=[1] * 4)
        b = n.add("Relu", n.add("Conv", b, n.random(4, 4, 1, 1), n.random(4, top=0.3)))
        x = n.add("Reshape", n.add("Concat", a, b, axis=1), n.constant(np.array([1, 2, 4, SIDE, SIDE], np.int64)))
        x = n.add("Transpose", x, perm=[0, 2, 1, 3, 4])
        x = n.add("Reshape", x, n.constant(np.array([1, 8, SIDE, SIDE], np.int64)))
    return n.model(n.head(n.add("Relu", n.conv(x, 8, 8))))


def kernels():
    """Dilated, grouped and large depthwise kernels, and slopes for each channel."""
    n = Net(4)
    x = n.add("PRelu", n.conv("x", 3, 8), n.random(8, 1, 1))
    x = n.add("Relu", n.conv(x, 8, 8, dilations=[2, 3], pads=[2, 3, 2, 3]))
    x = n.add("Conv", x, n.random(8, 1, 7, 7, top=0.3), n.random(8, top=0.3), group=8, pads=[3] * 4)
    x = n.add("Conv", n.add("Relu", x), n.random(8, 2, 3, 3, top=0.5), n.random(8, top=0.3), group=4, pads=[1] * 4)
    x = n.add("Conv", n.add("Relu", x), n.random(8, 1, 5, 5, top=0.4), n.random(8, top=0.3), group=8, pads=[4] * 4,
              dilations=[2, 2])
    return n.model(n.head(n.add("PRelu", x, n.random(8, 1, 1))))


def by_parts():
    """HardSwish as Add, Clip, Mul and Div, and products and sums with constants behind a sum."""
    n = Net(5)
    x = n.conv("x", 3, 8)
    zero, three, six = (n.constant(np.float32(v)) for v in (0, 3, 6))
    y = n.add("Div", n.add("Mul", x, n.add("Clip", n.add("Add", x, three), zero, six)), six)
    y = n.add("Add", n.conv(y, 8, 8), x)
    y = n.add("Sub", n.constant(np.float32(0.5)), n.add("Mul", y, n.random(8, 1, 1)))
    return n.model(n.head(n.add("Relu", y)))


FLOAT = {"softmax": lambda: ends("Softmax"), "logsoftmax": lambda: ends("LogSoftmax"),
         "sigmoid": lambda: ends("Sigmoid"), "keras": keras, "computed shape": computed_shape,
         "computed pads": computed_pads, "normalised": normalised, "uint8": pixels,
         "MobileNetV3 block": lambda: gated("HardSwish", "Relu", "HardSigmoid"),
         "EfficientNet block": lambda: gated("Swish", "Relu", "Sigmoid"),
         "ShuffleNet, Split": lambda: shuffled(False), "ShuffleNet, Slice": lambda: shuffled(True),
         "kernels": kernels, "HardSwish by parts": by_parts, "one channel": lambda: channels(1), "four channels": lambda: channels(4)}


def write_float(folder):
    """(name, path) of each; one has its tensors in a file of their own."""
    for name, make in FLOAT.items():
        path = os.path.join(folder, name.replace(" ", "_") + ".onnx")
        save(make(), path)
        yield name, path
    path = os.path.join(folder, "external.onnx")
    save(ends("Relu"), path, save_as_external_data=True, all_tensors_to_one_file=True, location="external.data",
         size_threshold=0)
    yield "external data", path


class Images(CalibrationDataReader):
    def __init__(self):
        rng = np.random.default_rng(3)
        self.left = [{"x": rng.normal(0, 1, (1, 3, SIDE, SIDE)).astype(np.float32)} for _ in range(16)]

    def get_next(self):
        return self.left.pop() if self.left else None


QDQ = {name: make for name, make in FLOAT.items() if "Net" in name or make in (kernels, by_parts)}


def unquantised(m, wanted):
    """The QDQ model m, in which the results of operation wanted, added or as the output, stay in float."""
    by_output = {n.output[0]: n for n in m.graph.node}
    for name in [i for n in m.graph.node if n.op_type == "Add" for i in n.input] + [m.graph.output[0].name]:
        pair = [by_output.get(name)]
        pair += [by_output.get(pair[0].input[0])] if pair[0] else []
        source = by_output.get(pair[-1].input[0]) if pair[-1] else None
        if not source or source.op_type != wanted or pair[0].op_type != "DequantizeLinear":
            continue
        for n in pair:
            m.graph.node.remove(n)
        source.output[0] = name
        if wanted == "Conv":
            break  # one of the two that are added
    return m


def residual():
    """A convolution added to a map; the sum is the output."""
    n = Net(6)
    x = n.add("Relu", n.conv("x", 3, 8))
    return n.model(n.add("Relu", n.add("Add", n.conv(n.add("Relu", n.conv(x, 8, 8)), 8, 8), x)))


def float_end(head):
    """The last result, of Gemm, Conv or a pool."""
    n = Net(7)
    x = n.body("x")
    if head == "Gemm":
        return n.model(n.head(x))
    x = n.add("Conv", x, n.random(10, 8, 1, 1), n.random(10))
    return n.model(n.add("GlobalAveragePool", x))


def write_unquantised(folder):
    """(name, path) of QDQ models whose sums of convolutions, or whose last results, stay in float."""
    source, path = (os.path.join(folder, f) for f in ("float.onnx", "part.onnx"))
    for name, model, wanted in (("Conv before Add", residual(), "Conv"), ("last Gemm", float_end("Gemm"), "Gemm"),
                                ("last pool", float_end("pool"), "GlobalAveragePool")):
        save(model, source)
        for kind in (QuantType.QUInt8, QuantType.QInt8):
            quantize_static(source, path, Images(), quant_format=QuantFormat.QDQ, activation_type=kind,
                            weight_type=QuantType.QInt8, per_channel=True)
            before = load(path)
            pairs = len(before.graph.node)
            after = unquantised(before, wanted)
            assert len(after.graph.node) == pairs - 2
            save(after, path)
            yield f"{name} in float, {kind.name}", path


def write_qdq(folder):
    """(name, path) of networks that ONNX Runtime's quantiser writes with QDQ pairs."""
    source = os.path.join(folder, "float.onnx")
    for name, make in QDQ.items():
        save(make(), source)
        for kind, by_channel in ((QuantType.QUInt8, False), (QuantType.QInt8, True)):
            path = os.path.join(folder, f"{name}_{kind.name}.onnx")
            quantize_static(source, path, Images(), quant_format=QuantFormat.QDQ, activation_type=kind,
                            weight_type=QuantType.QInt8, per_channel=by_channel)
            yield f"{name}, QDQ, {kind.name}", path


def write_int8(folder):
    """(name, path) of networks that ONNX Runtime's quantiser writes with integer operations."""
    source = os.path.join(folder, "float.onnx")
    for act in ("Relu", "LeakyRelu", "Sigmoid"):
        n = Net()
        save(n.model(n.head(n.body("x", act))), source)
        for kind, by_channel in ((QuantType.QUInt8, False), (QuantType.QInt8, True)):
            path = os.path.join(folder, f"{act}_{kind.name}.onnx")
            quantize_static(source, path, Images(), quant_format=QuantFormat.QOperator, activation_type=kind,
                            weight_type=QuantType.QInt8, per_channel=by_channel)
            yield f"{act}, {kind.name}", path
