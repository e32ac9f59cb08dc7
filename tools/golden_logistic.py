"""Writes tests/fixtures/logistic.json: optima of logistic regression, by scikit-learn and by scipy, in float64.

Run from the root of the repository, with python3-sklearn of Debian 12 (scikit-learn 1.2, scipy 1.10):

    /usr/bin/python3 tools/golden_logistic.py

Each optimum is found twice, by sklearn.linear_model.LogisticRegression (newton-cg; saga with an L1 penalty) and by
scipy.optimize (L-BFGS-B; with an L1 penalty on w = u - v with u, v >= 0), and the script fails if the objectives differ by more than
1e-9 relative. The better of the two is written. The examples are not in the file but for their labels: they come from an integer hash,
are exact in float32, and are made again, bit for bit, by tests/golden_logistic.ts.
"""

import json
import os
import warnings

import numpy
import scipy
import sklearn
from scipy.optimize import minimize
from scipy.special import logsumexp
from sklearn.linear_model import LogisticRegression

CASES = [
    dict(name="binary", seed=1, n=300, features=8, classes=2, l2=1e-2, l1=0, mixing=0, sharpness=2),
    dict(name="binary, correlated features", seed=2, n=400, features=6, classes=2, l2=1e-4, l1=0, mixing=0.9,
         sharpness=3),
    dict(name="binary, no penalty", seed=3, n=500, features=4, classes=2, l2=0, l1=0, mixing=0, sharpness=1),
    dict(name="binary, separable", seed=4, n=120, features=5, classes=2, l2=1e-2, l1=0, mixing=0, sharpness=1000),
    dict(name="binary, larger", seed=5, n=2000, features=40, classes=2, l2=1e-3, l1=0, mixing=0.3, sharpness=1),
    dict(name="multinomial", seed=6, n=300, features=5, classes=4, l2=1e-2, l1=0, mixing=0, sharpness=3),
    dict(name="multinomial, larger", seed=7, n=1500, features=20, classes=3, l2=1e-3, l1=0, mixing=0.3,
         sharpness=2),
    dict(name="binary, L1", seed=8, n=300, features=10, classes=2, l2=0, l1=2e-2, mixing=0, sharpness=2),
    dict(name="binary, L1 and L2", seed=9, n=300, features=8, classes=2, l2=1e-2, l1=1e-2, mixing=0.5, sharpness=2),
    dict(name="multinomial, L1", seed=10, n=300, features=6, classes=3, l2=0, l1=1e-2, mixing=0, sharpness=3),
]


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


def examples(case):
    """x on -1 ... 1, made more alike by mixing in their predecessor, and labels drawn from a model."""
    n, d, classes = case["n"], case["features"], case["classes"]
    u = (2 * uniform(1000 * case["seed"], n * d) - 1).reshape(n, d)
    x = u.copy()
    for j in range(1, d):
        x[:, j] = (1 - case["mixing"]) * u[:, j] + case["mixing"] * x[:, j - 1]
        x[:, j] = x[:, j].astype(numpy.float32)
    outputs = 1 if classes == 2 else classes
    w = case["sharpness"] * (2 * uniform(1000 * case["seed"] + 1, outputs * d) - 1).reshape(outputs, d)
    z = x @ w.T
    z = numpy.column_stack([numpy.zeros(n), z[:, 0]]) if classes == 2 else z
    p = numpy.exp(z - logsumexp(z, axis=1, keepdims=True))
    draws = uniform(1000 * case["seed"] + 2, n)
    return x, (numpy.cumsum(p, axis=1) < draws[:, None]).sum(axis=1).clip(0, classes - 1)


def smooth(case, x, y, w, b):
    """The objective without its L1 term, and its gradient."""
    n = len(y)
    z = x @ w.T + b
    if case["classes"] == 2:
        t = y[:, None].astype(float)
        loss = numpy.logaddexp(0, z) - t * z
        r = (1 / (1 + numpy.exp(-z)) - t) / n
    else:
        t = numpy.eye(case["classes"])[y]
        loss = logsumexp(z, axis=1) - (t * z).sum(axis=1)
        r = (numpy.exp(z - logsumexp(z, axis=1, keepdims=True)) - t) / n
    return loss.sum() / n + case["l2"] / 2 * (w**2).sum(), r.T @ x + case["l2"] * w, r.sum(axis=0)


def objective(case, x, y, w, b):
    return smooth(case, x, y, w, b)[0] + case["l1"] * numpy.abs(w).sum()


def by_sklearn(case, x, y):
    n, l1, l2 = case["n"], case["l1"], case["l2"]
    options = dict(max_iter=20000 if l1 > 0 else 200, tol=1e-12)
    if l1 > 0:
        total = l1 + l2
        options.update(penalty="elasticnet", l1_ratio=l1 / total, C=1 / (n * total), solver="saga", random_state=0)
    elif l2 > 0:
        options.update(penalty="l2", C=1 / (n * l2), solver="newton-cg")
    else:
        options.update(penalty=None, solver="newton-cg")
    model = LogisticRegression(**options).fit(x, y)
    return model.coef_, model.intercept_


def by_scipy(case, x, y):
    d, outputs = case["features"], 1 if case["classes"] == 2 else case["classes"]
    size = outputs * d

    def split(v):
        return (v[:size] - v[size:2 * size]).reshape(outputs, d), v[2 * size:]

    def f(v):
        w, b = split(v)
        value, dw, db = smooth(case, x, y, w, b)
        dw = dw.ravel()
        l1 = case["l1"]
        return value + l1 * v[:2 * size].sum(), numpy.concatenate([dw + l1, l1 - dw, db])

    low = 0 if case["l1"] > 0 else None
    bounds = [(low, None)] * (2 * size) + [(None, None)] * outputs
    start = numpy.zeros(2 * size + outputs)
    found = minimize(f, start, jac=True, bounds=bounds, method="L-BFGS-B",
                     options=dict(maxiter=5000, maxfun=20000, ftol=1e-16, gtol=1e-12, maxcor=50))
    return split(found.x)


def solve(case):
    x, y = examples(case)
    found = [by_sklearn(case, x, y), by_scipy(case, x, y)]
    values = [objective(case, x, y, w, b) for w, b in found]
    difference = abs(values[0] - values[1]) / min(values)
    print(case["name"], values, difference)
    assert difference < 1e-9, case["name"]
    w, b = found[values.index(min(values))]
    return dict(case, labels="".join(map(str, y)), objective=min(values), weights=w.ravel().tolist(),
                bias=b.tolist())


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    path = os.path.join(os.path.dirname(__file__), "..", "tests", "fixtures", "logistic.json")
    versions = f"scikit-learn {sklearn.__version__}, scipy {scipy.__version__}"
    with open(path, "w") as file:
        json.dump(dict(source=f"tools/golden_logistic.py, {versions}, float64", cases=[solve(c) for c in CASES]),
                  file, indent=2)
        file.write("\n")
