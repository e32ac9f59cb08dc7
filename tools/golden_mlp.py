"""Writes tests/fixtures/golden_mlp.json: ten training steps of six small MLPs, by PyTorch in float64.

Run from the root of the repository, with python3-torch and python3-numpy of Debian 12 (PyTorch 1.13):

    python3 tools/golden_mlp.py

The file holds, for every run: its configuration, the loss of each of ten steps (before the update),
the gradients of the first step (unclipped; the norm, and all entries or every 97th of a large one),
the norm of all gradients together at each step where they are clipped, and the norms of the parameters
after the last step. Inputs, targets and initial weights are not in the file: they come from the integer
hash below, are exact in float32, and are made again, bit for bit, by tests/golden.ts.

Parameters are named as in torch.nn.Sequential: "0.weight" is [out, in] of the first dense layer, "0.bias"
its bias. The hidden layers have the activation, the last layer none. Losses are means over the batch.
"""

import json
import math
import os

import numpy
import torch
import torch.nn.functional as F

STEPS = 10
STRIDE = 97  # every 97th entry of a gradient of more than
LARGE = 400  # elements is stored

RUNS = [
    dict(name="64-32-10 relu, momentum", seed=1, sizes=[64, 32, 10], activation="relu",
         loss="softmaxCrossEntropy", batchSize=16, optimizer=dict(learningRate=0.1, momentum=0.9)),
    dict(name="64-32-10 tanh, nesterov and weight decay", seed=2, sizes=[64, 32, 10],
         activation="tanh", loss="softmaxCrossEntropy", batchSize=16,
         optimizer=dict(learningRate=0.1, momentum=0.9, nesterov=True, weightDecay=0.01)),
    dict(name="784-128-10 relu, plain", seed=3, sizes=[784, 128, 10], activation="relu",
         loss="softmaxCrossEntropy", batchSize=128, optimizer=dict(learningRate=0.1)),
    dict(name="32-24-16-8 sigmoid, mean squared error", seed=4, sizes=[32, 24, 16, 8],
         activation="sigmoid", loss="meanSquaredError", batchSize=12,
         optimizer=dict(learningRate=0.5, momentum=0.5)),
    dict(name="20-8-3 gelu, several labels", seed=5, sizes=[20, 8, 3], activation="gelu",
         loss="sigmoidCrossEntropy", batchSize=9, optimizer=dict(learningRate=0.3)),
    dict(name="64-32-10 leakyRelu, clipped", seed=6, sizes=[64, 32, 10], activation="leakyRelu",
         loss="softmaxCrossEntropy", batchSize=24, clipNorm=0.5,
         optimizer=dict(learningRate=0.1, momentum=0.9)),
]

ACTIVATIONS = {"relu": F.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid, "gelu": F.gelu,
               "leakyRelu": F.leaky_relu}
LOSSES = {"softmaxCrossEntropy": F.cross_entropy, "meanSquaredError": F.mse_loss,
          "sigmoidCrossEntropy": F.binary_cross_entropy_with_logits}


def uniform(seed, count):
    """Numbers on [0, 1), multiples of 2^-24: a hash of the positions 0 ... count - 1."""
    mask = numpy.uint64(0xFFFFFFFF)
    h = (numpy.arange(count, dtype=numpy.uint64) + numpy.uint64(seed * 0x9E3779B9)) & mask
    h ^= h >> numpy.uint64(16)
    h = (h * numpy.uint64(0x21F0AAAD)) & mask
    h ^= h >> numpy.uint64(15)
    h = (h * numpy.uint64(0x735A2D97)) & mask
    h ^= h >> numpy.uint64(15)
    return (h >> numpy.uint64(8)).astype(numpy.float64) / 2**24


def initial_parameters(run):
    """Weights on +-1/sqrt(inputs) and biases on +-0.1, rounded to float32, by name."""
    parameters = {}
    sizes = run["sizes"]
    for layer, (inputs, outputs) in enumerate(zip(sizes, sizes[1:])):
        seed = run["seed"] * 1000 + 2 * layer
        weight = (2 * uniform(seed, outputs * inputs) - 1) / math.sqrt(inputs)
        bias = (2 * uniform(seed + 1, outputs) - 1) * 0.1
        for name, values in (("weight", weight.reshape(outputs, inputs)), ("bias", bias)):
            rounded = torch.from_numpy(values.astype(numpy.float32).astype(numpy.float64))
            parameters[f"{layer}.{name}"] = rounded.requires_grad_()
    return parameters


def batch(run, step):
    """Inputs on -1 ... 1; targets are labels, zeros and ones, or numbers on -1 ... 1."""
    n, inputs, outputs = run["batchSize"], run["sizes"][0], run["sizes"][-1]
    seed = run["seed"] * 1000 + 100 + 2 * step
    x = 2 * uniform(seed, n * inputs).reshape(n, inputs) - 1
    if run["loss"] == "softmaxCrossEntropy":
        y = numpy.floor(uniform(seed + 1, n) * outputs).astype(numpy.int64)
    else:
        y = uniform(seed + 1, n * outputs).reshape(n, outputs)
        y = (y >= 0.5).astype(numpy.float64) if run["loss"] == "sigmoidCrossEntropy" else 2 * y - 1
    return torch.from_numpy(x), torch.from_numpy(y)


def forward(run, parameters, x):
    layers = len(run["sizes"]) - 1
    for layer in range(layers):
        x = F.linear(x, parameters[f"{layer}.weight"], parameters[f"{layer}.bias"])
        if layer < layers - 1:
            x = ACTIVATIONS[run["activation"]](x)
    return x


def describe_gradient(name, parameter):
    values = parameter.grad.flatten()
    stride = STRIDE if values.numel() > LARGE else 1
    return dict(name=name, norm=values.norm().item(), stride=stride,
                values=values[::stride].tolist())


def train(run):
    parameters = initial_parameters(run)
    options = run["optimizer"]
    sgd = torch.optim.SGD(parameters.values(), lr=options["learningRate"],
                          momentum=options.get("momentum", 0),
                          nesterov=options.get("nesterov", False),
                          weight_decay=options.get("weightDecay", 0))
    losses, gradients, norms = [], [], []
    for step in range(STEPS):
        x, y = batch(run, step)
        loss = LOSSES[run["loss"]](forward(run, parameters, x), y)
        sgd.zero_grad()
        loss.backward()
        losses.append(loss.item())
        if step == 0:
            gradients = [describe_gradient(name, p) for name, p in parameters.items()]
        if "clipNorm" in run:
            # Not torch's clip_grad_norm_, which divides by norm + 1e-6.
            norm = math.sqrt(sum((p.grad**2).sum().item() for p in parameters.values()))
            norms.append(norm)
            for p in parameters.values():
                p.grad *= min(1, run["clipNorm"] / norm)
        sgd.step()
    result = dict(run, losses=losses, gradients=gradients)
    if norms:
        result["gradientNorms"] = norms
    result["finalNorms"] = {name: p.norm().item() for name, p in parameters.items()}
    return result


if __name__ == "__main__":
    torch.set_num_threads(1)
    path = os.path.join(os.path.dirname(__file__), "..", "tests", "fixtures", "golden_mlp.json")
    with open(path, "w") as file:
        json.dump(dict(source=f"tools/golden_mlp.py, PyTorch {torch.__version__}, float64",
                       runs=[train(run) for run in RUNS]), file, indent=2)
        file.write("\n")
