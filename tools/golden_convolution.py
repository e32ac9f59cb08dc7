"""Writes tests/fixtures/convolution.json: convolutions, pools and normalisations by PyTorch in float64.

Run from the root of the repository, with python3-torch and python3-numpy of Debian 12 (PyTorch 1.13):

    python3 tools/golden_convolution.py

A case has an operation, the shapes of its inputs, its options, and the results: the output y, and the
gradients of sum(y * dy) with respect to the inputs, named "d" + input. The inputs themselves and dy are not
in the file: they come from the integer hash of golden_mlp.py and are made again by
tests/golden_convolution.ts. PyTorch gets an input that is padded already, so that uneven padding and
"same" with a stride work too.
"""

import json
import math
import os
import sys

sys.dont_write_bytecode = True

import torch
import torch.nn.functional as F

from golden_mlp import uniform


def convolution(x, weight, **options):
    return dict(op="convolution", inputs=dict(x=x, weight=weight, bias=weight[:1]), options=options)


def pool(op, x, **options):
    return dict(op=op, inputs=dict(x=x), options=options)


def local_response_norm(x, **options):
    return dict(op="localResponseNorm", inputs=dict(x=x), options=options)


def batch_norm(x, training, **options):
    c = x[1:2]
    inputs = dict(x=x, gamma=c, beta=c, mean=c, variance=c)
    return dict(op="batchNorm", training=training, inputs=inputs, options=options)


CASES = [
    convolution([2, 3, 7], [4, 3, 3]),
    convolution([2, 2, 8], [3, 2, 3], strides=2, padding=1),
    convolution([1, 2, 9], [2, 2, 3], dilation=2, padding=[[3, 1]]),
    convolution([2, 3, 6], [6, 1, 2], groups=3, strides=[2]),
    convolution([1, 2, 8], [2, 2, 4], padding="same", strides=3),
    convolution([1, 1, 4, 4], [1, 1, 3, 3]),
    convolution([2, 3, 5, 6], [4, 3, 3, 2], strides=[2, 1], padding=[[1, 0], [2, 1]]),
    convolution([1, 4, 7, 6], [2, 2, 3, 2], groups=2, dilation=[2, 3], padding=[2, 1]),
    convolution([2, 3, 4, 5], [3, 1, 3, 3], groups=3, padding=1),
    convolution([1, 2, 6, 5], [4, 1, 2, 3], groups=2, padding="same", strides=[2, 3]),
    convolution([1, 2, 5, 5], [3, 2, 4, 4], padding="same", dilation=2),
    convolution([2, 4, 3, 3], [5, 4, 1, 1]),
    convolution([1, 1, 19, 15], [1, 1, 11, 11], strides=4),
    convolution([1, 2, 3, 4, 5], [2, 2, 2, 2, 3]),
    convolution([1, 2, 4, 5, 4], [2, 1, 3, 2, 2], groups=2, strides=[1, 2, 2],
                padding=[[1, 1], [0, 1], [2, 0]]),
    convolution([2, 1, 5, 3, 4], [2, 1, 2, 3, 2], dilation=[3, 1, 2], padding="same"),
    pool("maxPool", [2, 2, 8], poolSize=3, strides=2),
    pool("maxPool", [2, 3, 7, 7], poolSize=3, strides=2),
    pool("maxPool", [1, 2, 6, 5], poolSize=[2, 3], padding=[1, 1]),
    pool("maxPool", [1, 2, 6, 7], poolSize=[3, 2], strides=[3, 2], padding="same"),
    pool("maxPool", [1, 1, 7, 8], poolSize=3, strides=[2, 3], padding=1, ceilMode=True),
    pool("maxPool", [1, 2, 4, 5, 4], poolSize=2, strides=[1, 2, 2]),
    pool("averagePool", [2, 2, 9], poolSize=4, strides=3, padding=2),
    pool("averagePool", [1, 2, 6, 6], poolSize=2),
    pool("averagePool", [1, 2, 7, 5], poolSize=3, strides=2, padding=1),
    pool("averagePool", [1, 2, 7, 5], poolSize=3, strides=2, padding=1, countPadding=True),
    pool("averagePool", [1, 1, 7, 8], poolSize=3, strides=[2, 3], padding=1, ceilMode=True),
    pool("averagePool", [1, 1, 7, 8], poolSize=3, strides=[2, 3], padding=1, ceilMode=True,
         countPadding=True),
    pool("averagePool", [1, 1, 2, 2], poolSize=3, strides=2, ceilMode=True),
    pool("averagePool", [1, 2, 4, 5, 3], poolSize=[2, 3, 2], strides=2, padding=[0, 1, 1]),
    pool("globalAveragePool", [2, 3, 4, 5]),
    local_response_norm([2, 7, 2, 3], size=5, alpha=0.5, beta=0.75, k=2),
    local_response_norm([2, 5, 4], size=4, alpha=0.3, beta=0.5, k=1),
    local_response_norm([3, 4, 2]),
    batch_norm([4, 3, 2, 3], True),
    batch_norm([5, 3], True, epsilon=0.1, momentum=0.3),
    batch_norm([2, 2, 3, 2, 2], True, epsilon=1e-3),
    batch_norm([4, 3, 2, 3], False, momentum=0),
]


def pads(options, sizes, kernel):
    """The padding as a pair for every spatial dimension."""
    padding = options.get("padding", 0)
    if padding == "same":
        totals = [max(0, (math.ceil(size / stride) - 1) * stride + (taps - 1) * dilation + 1 - size)
                  for size, stride, taps, dilation in
                  zip(sizes, each(options.get("strides", 1), sizes), kernel,
                      each(options.get("dilation", 1), sizes))]
        return [[total // 2, total - total // 2] for total in totals]
    return [each(pair, [0, 1]) for pair in each(padding, sizes)]


def each(value, sizes):
    """A number for every dimension, if it is not a list already."""
    return value if isinstance(value, list) else [value] * len(sizes)


def padded(x, pairs, value=0.0):
    """F.pad takes the last dimension first."""
    return F.pad(x, [size for pair in reversed(pairs) for size in pair], value=value)


def run_convolution(inputs, options):
    x, weight, bias = inputs["x"], inputs["weight"], inputs["bias"]
    function = [F.conv1d, F.conv2d, F.conv3d][x.dim() - 3]
    return function(padded(x, pads(options, x.shape[2:], weight.shape[2:])), weight, bias,
                    stride=options.get("strides", 1), dilation=options.get("dilation", 1),
                    groups=options.get("groups", 1))


def run_max_pool(inputs, options):
    x = inputs["x"]
    sizes = x.shape[2:]
    function = [F.max_pool1d, F.max_pool2d, F.max_pool3d][x.dim() - 3]
    kernel = each(options["poolSize"], sizes)
    ceil = options.get("ceilMode", False)
    strides = options.get("strides", kernel)
    if ceil:  # which looks at where the padding begins
        return function(x, kernel, strides, padding=options.get("padding", 0), ceil_mode=True)
    return function(padded(x, pads(options, sizes, kernel), -math.inf), kernel, strides)


def run_average_pool(inputs, options):
    x = inputs["x"]
    function = [F.avg_pool1d, F.avg_pool2d, F.avg_pool3d][x.dim() - 3]
    return function(x, options["poolSize"], options.get("strides", options["poolSize"]),
                    padding=options.get("padding", 0), ceil_mode=options.get("ceilMode", False),
                    count_include_pad=options.get("countPadding", False))


def run_global_average_pool(inputs, options):
    x = inputs["x"]
    return x.mean(dim=list(range(2, x.dim())))


def run_local_response_norm(inputs, options):
    return F.local_response_norm(inputs["x"], **dict(dict(size=5), **options))


RUN = {"convolution": run_convolution, "maxPool": run_max_pool, "averagePool": run_average_pool,
       "globalAveragePool": run_global_average_pool, "localResponseNorm": run_local_response_norm}


def run(seed, case):
    inputs = {name: torch.from_numpy(2 * uniform(10 * seed + i, math.prod(shape)) - 1)
              .reshape(shape) for i, (name, shape) in enumerate(case["inputs"].items())}
    results = {}
    if case["op"] == "batchNorm":
        inputs["variance"] = inputs["variance"].abs() + 0.5
        learnt = ["x", "gamma", "beta"]
        for name in learnt:
            inputs[name].requires_grad_()
        running = {name: inputs[name].clone() for name in ["mean", "variance"]}
        options = case["options"]
        y = F.batch_norm(inputs["x"], running["mean"], running["variance"], inputs["gamma"],
                         inputs["beta"], case["training"], options.get("momentum", 0.1),
                         options.get("epsilon", 1e-5))
        if case["training"]:
            results.update(running)
    else:
        learnt = list(inputs)
        for name in learnt:
            inputs[name].requires_grad_()
        y = RUN[case["op"]](inputs, case["options"])
    dy = torch.from_numpy(2 * uniform(10 * seed + 9, y.numel()) - 1).reshape(y.shape)
    (y * dy).sum().backward()
    results.update(y=y, **{"d" + name: inputs[name].grad for name in learnt})
    return dict(case, seed=seed, results={name: describe(value) for name, value in results.items()})


def describe(tensor):
    """Thirteen digits: one more than the tests compare."""
    values = [float(f"{value:.13g}") for value in tensor.flatten().tolist()]
    return dict(shape=list(tensor.shape), values=values)


if __name__ == "__main__":
    torch.set_num_threads(1)
    path = os.path.join(os.path.dirname(__file__), "..", "tests", "fixtures", "convolution.json")
    cases = [json.dumps(run(seed, case)) for seed, case in enumerate(CASES)]
    source = json.dumps(f"tools/golden_convolution.py, PyTorch {torch.__version__}, float64")
    with open(path, "w") as file:
        file.write('{"source": ' + source + ', "cases": [\n' + ",\n".join(cases) + "\n]}\n")
