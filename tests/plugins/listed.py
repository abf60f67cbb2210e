"""Run in a process of its own, beside plugins: what the torch-free side knows of them, as JSON."""

import json
import logging
import sys
from typing import Any

from pydantic import ValidationError

from app.routes.catalogue import list_optimizers, list_schedules
from parametrization.optimizers.registry import OPTIMIZERS
from parametrization.optimizers.rules_version import TABLES_DIGEST
from service.logs import configure_logs, log_plugins
from tuner.spec.study import StudySpec

EXPONENTIAL = {"shape": "exponential", "numbers": {"halvings": 4}}


def main() -> None:
    logging.disable()
    configure_logs("test")
    log_plugins()  # to stderr
    catalogue = list_optimizers()
    offered = [{"name": one.name} for one in catalogue.optimizers if one.plugin]
    spec = study(offered)
    found = {
        "members": list(OPTIMIZERS)[-len(offered) :],
        "plugins": {one.name: one.plugin for one in catalogue.optimizers if one.plugin},
        "options": {
            one.name: list(one.options["properties"]) for one in catalogue.optimizers if one.plugin
        },
        "left_out": [one.model_dump() for one in catalogue.left_out],
        "reads_back": StudySpec.model_validate_json(spec.model_dump_json()) == spec,
        "stored": [one["plugin"] for one in spec.model_dump(mode="json")["optimizers"]],
        "refused": refusal({"name": "wrong_type"}),
        "out_of_range": refusal({"name": "adam_then_sgd", "beta1": 1.0}),
        "built_in": study([{"name": "adamw"}]).optimizers[0].name,
        "tables": TABLES_DIGEST,
        "schedules": {one.name: one.plugin for one in list_schedules().schedules if one.plugin},
        "stored_schedule": study([{"name": "adamw"}], EXPONENTIAL).model_dump(mode="json")[
            "training"
        ]["schedule"],
        "torch": "torch" in sys.modules,
    }
    sys.stdout.write(json.dumps(found))


def study(optimizers: list[dict[str, Any]], schedule: dict[str, Any] | None = None) -> StudySpec:
    return StudySpec.model_validate(
        {
            "family": {"name": "mlp"},
            "target": {"width": 128},
            "optimizers": optimizers,
            "training": {"schedule": schedule or {}},
        }
    )


def refusal(optimizer: dict[str, Any]) -> str:
    try:
        study([optimizer])
    except ValidationError as error:
        return str(error.errors()[0]["msg"])
    return ""


if __name__ == "__main__":
    main()
