"""Writes tests/fixtures/svm.json: support vector machines by scikit-learn (LIBSVM and LIBLINEAR).

Run from the root of the repository, with python3-sklearn of Debian 12 (scikit-learn 1.2.1):

    python3 tools/golden_svm.py

The samples are two overlapping clouds, rounded to three decimals so that they are exact in the file. A case
of SVC holds the dual objective (of its coefficients, in float64; LIBSVM's kernel cache is float32), the
support vectors, the bias, the steps taken, and the decision values at the samples and at new points. A case
of LinearSVC holds the primal objective, the penalty of the bias included.
"""

import json

import numpy as np
from sklearn.svm import SVC, LinearSVC

FEATURES, SAMPLES, POINTS = 3, 60, 10

random = np.random.RandomState(1)
y = np.where(np.arange(SAMPLES) % 3 == 0, 1, -1)
x = np.round(random.randn(SAMPLES, FEATURES) + 0.7 * y[:, None] + 0.5, 3)
x[random.rand(SAMPLES, FEATURES) < 0.2] = 0
points = np.round(1.5 * random.randn(POINTS, FEATURES), 3)


def kernel_matrix(kernel):
    if kernel["type"] == "rbf":
        return np.exp(-kernel["gamma"] * ((x[:, None] - x[None]) ** 2).sum(-1))
    if kernel["type"] == "linear":
        return x @ x.T
    return (kernel["gamma"] * (x @ x.T) + kernel["offset"]) ** kernel["degree"]


def svc(c, **kernel):
    options = dict(degree=kernel.get("degree", 3), gamma=kernel.get("gamma", 1), coef0=kernel.get("offset", 0))
    name = "poly" if kernel["type"] == "polynomial" else kernel["type"]
    machine = SVC(C=c, kernel=name, tol=1e-10, **options).fit(x, y)
    beta = np.zeros(SAMPLES)
    beta[machine.support_] = machine.dual_coef_[0]
    return dict(
        kernel=kernel,
        c=c,
        objective=float(np.abs(beta).sum() - beta @ kernel_matrix(kernel) @ beta / 2),
        supportVectors=sorted(machine.support_.tolist()),
        bias=float(machine.intercept_[0]),
        iterations=int(machine.n_iter_[0]),
        decision=machine.decision_function(np.concatenate([x, points])).tolist(),
    )


def linear_svc(lambda_, bias):
    """LIBLINEAR minimises ½ |w|² + C Σ hinge, with a penalised bias: 1 / λ times the objective of Pegasos."""
    machine = LinearSVC(
        C=1 / (lambda_ * SAMPLES), loss="hinge", tol=1e-10, max_iter=10_000_000, random_state=0,
        fit_intercept=bias != 0, intercept_scaling=bias or 1,
    ).fit(x, y)
    weights, intercept = machine.coef_[0], float(np.ravel(machine.intercept_)[0])
    hinge = np.maximum(0, 1 - y * (x @ weights + intercept)).mean()
    penalty = weights @ weights + (intercept / bias if bias else 0) ** 2
    return dict(
        **{"lambda": lambda_},
        bias=bias,
        objective=float(lambda_ / 2 * penalty + hinge),
        weights=weights.tolist(),
        intercept=intercept,
    )


fixture = dict(
    features=FEATURES,
    x=x.ravel().tolist(),
    y=y.tolist(),
    points=points.ravel().tolist(),
    svc=[
        svc(1, type="linear"),
        svc(0.05, type="linear"),
        svc(0.5, type="polynomial", degree=3, gamma=0.5, offset=1),
        svc(10, type="polynomial", degree=2, gamma=1, offset=0),
        svc(2, type="rbf", gamma=0.7),
        svc(100, type="rbf", gamma=0.1),
    ],
    linearSvc=[linear_svc(0.01, 1), linear_svc(0.1, 1), linear_svc(0.1, 0), linear_svc(0.03, 4)],
)
with open("tests/fixtures/svm.json", "w") as file:
    json.dump(fixture, file)
    file.write("\n")
