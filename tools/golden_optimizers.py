"""Writes tests/fixtures/golden_optimizers.json: ten training steps of a small MLP with each optimiser, by PyTorch in float64.

Run from the root of the repository, with python3-torch and python3-numpy of Debian 12 (PyTorch 1.13):

    python3 tools/golden_optimizers.py

The network, its initial weights and the batches are those of tools/golden_mlp.py. The file holds, for every run, its
configuration, the loss of each of ten steps (before the update) and the norms of the parameters after the last step.
"""

import json
import os

import torch

from golden_mlp import LOSSES, STEPS, batch, forward, initial_parameters

# Nadam keeps its product of momenta in a tensor of the default type.
torch.set_default_dtype(torch.float64)

NETWORK = dict(sizes=[64, 32, 10], activation="tanh", loss="softmaxCrossEntropy", batchSize=16)

RUNS = [
    dict(name="Adam", seed=11, optimizer="adam", options=dict(learningRate=0.01)),
    dict(name="Adam, other means and weight decay", seed=12, optimizer="adam",
         options=dict(learningRate=0.02, beta1=0.8, beta2=0.95, epsilon=1e-4, weightDecay=0.1)),
    dict(name="AdamW", seed=13, optimizer="adamw",
         options=dict(learningRate=0.01, weightDecay=0.5)),
    dict(name="Nadam", seed=14, optimizer="nadam", options=dict(learningRate=0.01)),
    dict(name="Nadam, momentum that rises fast, and weight decay", seed=15, optimizer="nadam",
         options=dict(learningRate=0.02, beta1=0.95, momentumDecay=0.5, weightDecay=0.1)),
    dict(name="RMSProp", seed=16, optimizer="rmsprop", options=dict(learningRate=0.002)),
    dict(name="RMSProp, centered, momentum and weight decay", seed=17, optimizer="rmsprop",
         options=dict(learningRate=0.001, alpha=0.9, epsilon=1e-3, momentum=0.9, centered=True,
                      weightDecay=0.1)),
    dict(name="Adagrad", seed=18, optimizer="adagrad", options=dict(learningRate=0.05)),
    dict(name="Adagrad, initial accumulator and weight decay", seed=19, optimizer="adagrad",
         options=dict(learningRate=0.1, initialAccumulator=0.1, weightDecay=0.1)),
]

OPTIMIZERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "nadam": torch.optim.NAdam,
              "rmsprop": torch.optim.RMSprop, "adagrad": torch.optim.Adagrad}
NAMES = {"learningRate": "lr", "epsilon": "eps", "weightDecay": "weight_decay",
         "momentumDecay": "momentum_decay", "initialAccumulator": "initial_accumulator_value"}


def torch_options(options):
    """The options by PyTorch's names."""
    given = {NAMES.get(name, name): value for name, value in options.items()
             if name not in ("beta1", "beta2")}
    if "beta1" in options or "beta2" in options:
        given["betas"] = (options.get("beta1", 0.9), options.get("beta2", 0.999))
    return given


def train(run):
    run = dict(run, **NETWORK)
    parameters = initial_parameters(run)
    options = torch_options(run["options"])
    if run["optimizer"] == "nadam":
        # The other code path of 1.13 multiplies the product by mu once too often; this one is as documented, and as in 2.x.
        options["foreach"] = True
    optimizer = OPTIMIZERS[run["optimizer"]](parameters.values(), **options)
    losses = []
    for step in range(STEPS):
        x, y = batch(run, step)
        loss = LOSSES[run["loss"]](forward(run, parameters, x), y)
        optimizer.zero_grad()
        loss.backward()
        losses.append(loss.item())
        optimizer.step()
    norms = {name: p.norm().item() for name, p in parameters.items()}
    return dict(run, losses=losses, finalNorms=norms)


if __name__ == "__main__":
    torch.set_num_threads(1)
    path = os.path.join(os.path.dirname(__file__), "..", "tests", "fixtures",
                        "golden_optimizers.json")
    with open(path, "w") as file:
        json.dump(dict(source=f"tools/golden_optimizers.py, PyTorch {torch.__version__}, float64",
                       runs=[train(run) for run in RUNS]), file, indent=2)
        file.write("\n")
