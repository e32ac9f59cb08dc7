"""Writes tests/fixtures/golden_cnn.json: ten training steps of two small CNNs, by PyTorch in float64.

Run from the root of the repository, with python3-torch and python3-numpy of Debian 12 (PyTorch 1.13):

    python3 tools/golden_cnn.py

The file holds, for every run: its configuration, the loss of each of ten steps (before the update), the
gradients of the first step (the norm, and all entries or every 97th of a large one), the norms of the
parameters after the last step, the running statistics of batch normalisation, and then the loss of the
first batch in inference. Inputs, labels and initial parameters are not in the file: they come from the
integer hash of golden_mlp.py, are exact in float32, and are made again, bit for bit, by
tests/golden_cnn.ts.

Parameters are named as in a torch.nn.Sequential of the listed layers, "0.weight" and so on. A dense layer
flattens its input. Losses are means over the batch.
"""

import json
import math
import os
import sys

sys.dont_write_bytecode = True

import numpy
import torch
import torch.nn.functional as F

from golden_convolution import pads, padded
from golden_mlp import STEPS, describe_gradient, uniform

RUNS = [
    dict(name="groups, max and average pooling", seed=11, inputShape=[1, 16, 16], batchSize=8,
         optimizer=dict(learningRate=0.05, momentum=0.9), layers=[
             dict(type="convolution", filters=6, kernelSize=5, padding=2),
             dict(type="relu"),
             dict(type="maxPool", poolSize=2),
             dict(type="convolution", filters=8, kernelSize=3, strides=2, padding=1, groups=2),
             dict(type="relu"),
             dict(type="averagePool", poolSize=2),
             dict(type="dense", units=10),
         ]),
    dict(name="LRN, batch normalisation, overlapping pools, uneven padding", seed=12,
         inputShape=[3, 15, 15], batchSize=8,
         optimizer=dict(learningRate=0.05, momentum=0.9), layers=[
             dict(type="convolution", filters=8, kernelSize=5, padding=[[2, 1], [1, 2]]),
             dict(type="relu"),
             dict(type="localResponseNorm", size=5, alpha=0.5, beta=0.75, k=2),
             dict(type="maxPool", poolSize=3, strides=2),
             # Its bias would have no gradient: the next layer subtracts the mean.
             dict(type="convolution", filters=12, kernelSize=3, padding=1, useBias=False),
             dict(type="batchNorm", epsilon=1e-5, momentum=0.1),
             dict(type="relu"),
             dict(type="maxPool", poolSize=3, strides=2),
             dict(type="dense", units=10),
         ]),
]


class Network:
    """The layers of a run, with parameters from the hash."""

    def __init__(self, run):
        self.layers = run["layers"]
        self.seed = run["seed"] * 1000
        self.parameters = {}
        self.running = {}
        # The shapes of the parameters come from passing an input through.
        x = torch.zeros([2] + run["inputShape"], dtype=torch.float64)
        for index, layer in enumerate(self.layers):
            self.build(index, layer, list(x.shape[1:]))
            x = self.apply(index, x, training=False).detach()

    def build(self, index, layer, shape):
        """Weights on +-1/sqrt(inputs) or, of batch normalisation, 0.5 ... 1.5; biases on +-0.1."""
        if layer["type"] == "batchNorm":
            weight = 0.5 + uniform(self.seed + 2 * index, shape[0])
            for name, value in (("running_mean", 0.0), ("running_var", 1.0)):
                self.running[f"{index}.{name}"] = torch.full(shape[:1], value, dtype=torch.float64)
        elif layer["type"] in ("convolution", "dense"):
            if layer["type"] == "dense":
                weights = [layer["units"], math.prod(shape)]
            else:
                weights = [layer["filters"], shape[0] // layer.get("groups", 1)]
                weights += [layer["kernelSize"]] * 2
            symmetric = 2 * uniform(self.seed + 2 * index, math.prod(weights)) - 1
            weight = (symmetric / math.sqrt(math.prod(weights[1:]))).reshape(weights)
        else:
            return
        learnt = dict(weight=weight)
        if layer.get("useBias", True):
            learnt["bias"] = (2 * uniform(self.seed + 2 * index + 1, len(weight)) - 1) * 0.1
        for name, values in learnt.items():
            rounded = torch.from_numpy(values.astype(numpy.float32).astype(numpy.float64))
            self.parameters[f"{index}.{name}"] = rounded.requires_grad_()

    def apply(self, index, x, training):
        layer = self.layers[index]
        weight = self.parameters.get(f"{index}.weight")
        bias = self.parameters.get(f"{index}.bias")
        if layer["type"] == "convolution":
            x = padded(x, pads(layer, x.shape[2:], weight.shape[2:]))
            return F.conv2d(x, weight, bias, layer.get("strides", 1), groups=layer.get("groups", 1))
        if layer["type"] == "dense":
            return F.linear(x.flatten(1), weight, bias)
        if layer["type"] == "relu":
            return F.relu(x)
        if layer["type"] == "maxPool":
            return F.max_pool2d(x, layer["poolSize"], layer.get("strides"))
        if layer["type"] == "averagePool":
            return F.avg_pool2d(x, layer["poolSize"], layer.get("strides"))
        if layer["type"] == "localResponseNorm":
            return F.local_response_norm(x, layer["size"], layer["alpha"], layer["beta"], layer["k"])
        if layer["type"] == "batchNorm":
            return F.batch_norm(x, self.running[f"{index}.running_mean"],
                                self.running[f"{index}.running_var"], weight, bias, training,
                                layer["momentum"], layer["epsilon"])
        raise ValueError(layer["type"])

    def forward(self, x, training):
        for index in range(len(self.layers)):
            x = self.apply(index, x, training)
        return x


def batch(run, step):
    """Inputs on -1 ... 1, and labels."""
    shape = [run["batchSize"]] + run["inputShape"]
    seed = run["seed"] * 1000 + 100 + 2 * step
    x = 2 * uniform(seed, math.prod(shape)).reshape(shape) - 1
    classes = run["layers"][-1]["units"]
    y = numpy.floor(uniform(seed + 1, run["batchSize"]) * classes).astype(numpy.int64)
    return torch.from_numpy(x), torch.from_numpy(y)


def train(run):
    network = Network(run)
    parameters = network.parameters
    options = run["optimizer"]
    sgd = torch.optim.SGD(parameters.values(), lr=options["learningRate"],
                          momentum=options["momentum"])
    losses, gradients = [], []
    for step in range(STEPS):
        x, y = batch(run, step)
        loss = F.cross_entropy(network.forward(x, training=True), y)
        sgd.zero_grad()
        loss.backward()
        losses.append(loss.item())
        if step == 0:
            gradients = [describe_gradient(name, p) for name, p in parameters.items()]
        sgd.step()
    x, y = batch(run, 0)
    evaluation = F.cross_entropy(network.forward(x, training=False), y).item()
    return dict(run, losses=losses, gradients=gradients,
                finalNorms={name: p.norm().item() for name, p in parameters.items()},
                running={name: value.tolist() for name, value in network.running.items()},
                evaluation=evaluation)


if __name__ == "__main__":
    torch.set_num_threads(1)
    path = os.path.join(os.path.dirname(__file__), "..", "tests", "fixtures", "golden_cnn.json")
    with open(path, "w") as file:
        json.dump(dict(source=f"tools/golden_cnn.py, PyTorch {torch.__version__}, float64",
                       runs=[train(run) for run in RUNS]), file, indent=1)
        file.write("\n")
