"""A study that ends within a minute, and what two runs of it are compared by."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import select

from tuner.storage.sql.database import Database
from tuner.storage.sql.tables import StudyEventRow

SPEC: dict[str, Any] = {
    "family": {"name": "mlp", "depth": 2},
    "target": {"width": 128},
    "proxy_width": 16,
    "optimizers": [
        {"name": "adamw", "learning_rate": {"type": "float", "low": 1e-3, "high": 0.3, "log": True}}
    ],
    "training": {"steps": 60, "batch_size": 32},
    "search": {"trials": 8, "batch_size": 4},
    "measure": {"widths": [16, 32, 64], "grid_points": 5},
    "check": {"widths": [64, 96, 128]},
    "on_failed_check": "warn",
    "packing": "solo",  # each service is a machine of its own, and would measure for itself
}


def trials_and_curves(get: Callable[[str], Any], study_id: str) -> dict[str, Any]:
    """Everything that training determines, by what was trained; `get` asks the API.

    Not by trial number: a grid's extension is numbered when it becomes due, and which width is
    first depends on timing.
    """
    told = (
        "hyperparameters", "state", "message", "value", "validation_loss", "step",
        "intermediate_values",
    )  # fmt: skip
    trials = get(f"/v1/studies/{study_id}/trials?page_size=1000")["trials"]
    names = {
        trial["number"]: f"{trial['purpose']} {trial['width']} {trial['seed']}"
        f" {trial['hyperparameters']['learning_rate']}"
        for trial in trials
    }
    assert len(set(names.values())) == len(names), "a trial was trained under two numbers"
    curves = get(f"/v1/studies/{study_id}/curves")["curves"]
    return {
        "trials": {names[trial["number"]]: {key: trial[key] for key in told} for trial in trials},
        "curves": {
            f"{names[curve['number']]} {curve['metric']}": dict(
                zip(curve["steps"], curve["values"], strict=True)
            )
            for curve in curves
        },
    }


def differences(found: dict[str, Any], expected: dict[str, Any]) -> list[str]:
    """Every entry that is not equal, with both values; of a curve the first of its steps alone."""
    lines = []
    for kind, wanted in expected.items():
        alone = sorted(found[kind].keys() ^ wanted.keys())
        lines += [f"{kind}: {name} is in one of them only" for name in alone]
        for name in sorted(found[kind].keys() & wanted.keys()):
            ours, theirs = found[kind][name], wanted[name]
            unlike = [key for key in ours | theirs if ours.get(key) != theirs.get(key)]
            shown = unlike if kind == "trials" else unlike[:1]
            lines += [f"{name}, {key}: {ours.get(key)}, not {theirs.get(key)}" for key in shown]
    return lines


def completions(database: Database) -> list[tuple[str, int]]:
    """Study and number of every trial, once per time that it was declared complete."""
    events = select(StudyEventRow.study_id, StudyEventRow.data)
    with database.read() as session:
        found = session.execute(events.where(StudyEventRow.kind == "trial.state")).all()
    return [(study_id, data["number"]) for study_id, data in found if data["state"] == "complete"]
