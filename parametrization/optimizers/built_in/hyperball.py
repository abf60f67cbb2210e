"""Hyperball: Adam's and Muon's steps at a fixed Frobenius norm of weights and updates."""

from collections.abc import Mapping
from typing import Final

from parametrization.optimizers.assignment import matrices_with
from parametrization.optimizers.declaration import OptimizerDeclaration, Step, StepKind
from parametrization.optimizers.usual_hyperparameters import epsilon, memory, moments
from parametrization.rules.row import Refusal, Row, Rows, Scaling, without
from parametrization.rules.sources import HYPERBALL
from parametrization.shapes.roles import Role

_ELSEWHERE: Final = Refusal(
    "a fixed norm is published for hidden matrices, and a tensor that starts at zero would stay",
    "train it with a companion such as adamw, at a base learning rate of its own",
    HYPERBALL,
)
_LOW_RANK: Final = HYPERBALL.graded(
    "DV", "L", "measured: slope +0.5 at a constant rate, which HyperP, arXiv:2603.28743, keeps"
)
_NO_DECAY: Final[Mapping[str, str]] = {
    "weight_decay": "the norm of every matrix that it steps is fixed, so that decay would change"
    " nothing (Ren et al. 2026, arXiv:2603.28743): leave it out, or decay the other tensors with"
    " companion_weight_decay"
}


def _rows(hidden: Row) -> Rows:
    return without({**dict.fromkeys(Role, _ELSEWHERE), Role.HIDDEN: hidden}, "wd")


ADAMH: Final = OptimizerDeclaration(
    name="adamh",
    spoken="AdamH",
    words="Adam at a fixed Frobenius norm of weights and updates (Hyperball), on hidden matrices,"
    " AdamW on everything else.",
    position=164,
    step=Step(degree=0),
    init="parametrization.nn.updates.hyperball:init_adam",
    update="parametrization.nn.updates.hyperball:update_adam",
    hyperparameters=moments(0.9, 0.95, 1e-8),
    log2_rates=(-10, -2),
    check_learning_rate=2.0**-9,
    rows=_rows(Row(Scaling(-0.5, 0.0, -0.5, 0.0, 0.0, -1.0, 0.0, 0.0), HYPERBALL)),
    weight_degree=1,
    companions=matrices_with("adamh"),
    refused=_NO_DECAY,
)
MUONH: Final = OptimizerDeclaration(
    name="muonh",
    spoken="MuonH",
    words="Muon at a fixed Frobenius norm of weights and updates (Hyperball), on hidden matrices,"
    " AdamW on everything else.",
    position=166,
    step=Step(degree=0, kind=StepKind.TENSOR),
    init="parametrization.nn.updates.hyperball:init_muon",
    update="parametrization.nn.updates.hyperball:update_muon",
    hyperparameters={"momentum": memory(0.95), "epsilon": epsilon(1e-7)},
    log2_rates=(-10, -2),
    check_learning_rate=2.0**-8,
    # A step of fixed norm and bounded rank, which the gradient of one batch has, is as long as
    # AdamH's. HyperP keeps the rate over widths, as is right for steps of full rank.
    rows=_rows(Row(Scaling(-0.5, 0.0, -0.5, 0.0, 0.5, -0.5, 0.0, 0.0), _LOW_RANK)),
    weight_degree=1,
    companions=matrices_with("muonh"),
    refused=_NO_DECAY,
)
