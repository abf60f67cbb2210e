"""The corpus of stored documents: `documents/{kind}/format_{number}/{name}.json`, and who wrote it.

Run `python -m tests.tuner.storage.corpus` to write those of the newest formats anew; documents of a
format that was in a release stay as they are.
"""

import hashlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from parametrization.optimizers.registry import OPTIMIZERS
from parametrization.recommendation.dynamics import StudyDynamics
from parametrization.rules.parametrization import Parametrization
from parametrization.schedules.registry import SHAPES
from tests.tuner.analytic_engine import AnalyticEngine, dynamics_at
from tests.tuner.own_trainer import external_spec
from tuner.coordinator.memory import Memory
from tuner.coordinator.reconcile import tick
from tuner.decisions.packing import model_spec
from tuner.engine.orders import AnyOrder, TrainOrder
from tuner.engine.packing import Packing
from tuner.spec.optimizers.records import RECORDS
from tuner.spec.states import StudyState
from tuner.spec.study import StudySpec
from tuner.storage.documents import DYNAMICS, ORDER, PACKINGS, SHAPE, SPEC, DocumentKind
from tuner.storage.sql.database import open_database
from tuner.storage.sql.migration import migrate
from tuner.storage.studies import get_study, open_study
from workers.training.model_shapes import model_shape

DOCUMENTS: Final = Path(__file__).with_name("documents")
KINDS: Final[dict[str, DocumentKind[Any]]] = {
    "spec": SPEC,
    "shape": SHAPE,
    "order": ORDER,
    "packings": PACKINGS,
    "dynamics": DYNAMICS,
}
FAMILIES: Final = ("mlp", "gpt", "resnet", "vit", "unet", "dit", "gan")
FUSED: Final = Packing(way="fused", least=2, most=4, speedup=2.5, device="cpu")
FUSED_ON_GPU: Final = FUSED.model_copy(
    update={"way": "compiled", "most": 32, "device": "cuda", "device_name": "NVIDIA L4"}
)
SMALL: Final[dict[str, Any]] = {
    "family": {"name": "gpt", "depth": 1},
    "target": {"width": 256},
    "training": {"steps": 8},
    "search": {"trials": 8, "batch_size": 4},
    "measure": {"grid_points": 5},
    "dynamics": True,
}
_GPT_OPTIONS: Final = {
    "depth": 4,
    "head_size": 8,
    "context": 64,
    "query_heads_per_kv_head": 2,
    "qk_norm": True,
    "positions": "rope",
    "tied": True,
    "norm_gains": False,
    "activation": "swiglu",
    "experts": 4,
    "experts_per_token": 2,
}
_EVERY_FIELD: Final[dict[str, Any]] = {
    "name": "Größe",
    "labels": {"team": "a"},
    "priority": 3,
    "family": {"name": "gpt"},
    "dataset": {"name": "stdlib-text"},
    "training": {
        "steps": 400,
        "batch_size": 8,
        "gradient_clip_norm": 1.0,
        "schedule": {"shape": "wsd", "warmup_fraction": 0.05, "decay_fraction": 0.3},
        "precision": "bf16",
        "accumulation": 2,
        "activation_checkpointing": True,
        "average_fraction": 0.05,
    },
    "target": {"width": 1024, "depth": 8, "batch_size": 64, "tokens": 10**9},
    "proxy_width": 64,
    "base_width": 64,
    "policies": {"weight_decay_rule": "wd-b", "embedding_lr_rule": "sqrt", "alpha": 0.5},
    "check": {"widths": [64, 128, 256, 512], "seeds": 8},
    "search": {"trials": 24, "batch_size": 4, "sampler": "gp", "pruner": "hyperband"},
    "measure": {"widths": [64, 128, 256], "seeds": 3, "grid_factor": 1.5, "grid_points": 9},
    "control": "sp",
    "at_target": True,
    "on_failed_check": "warn",
    "packing": "solo",
    "seed": 7,
}
_SEARCHED_TRAINING: Final[dict[str, Any]] = {
    "shape": {"type": "categorical", "choices": ["linear", "power", "wsd"]},
    "warmup_fraction": {"type": "float", "low": 0.0, "high": 0.2},
    "warmup_min_steps": {"type": "int", "low": 0, "high": 40},
    "numbers": {"exponent": {"type": "float", "low": 0.3, "high": 0.8}},
    "gradient_clip_percentile": {"type": "categorical", "choices": [10, 50]},
}
_RANGES: Final = [
    {
        "name": "adamw",
        "learning_rate": {"type": "float", "low": 1e-4, "high": 1e-1, "log": True},
        "weight_decay": {"type": "categorical", "choices": [0.0, 0.1]},
        "beta2": {"type": "float", "low": 0.9, "high": 0.99},
    },
    {"name": "sgd", "momentum": 0.95},
]


class Stored(NamedTuple):
    """One document of the corpus."""

    kind: DocumentKind[Any]
    format: int
    path: Path

    @property
    def id(self) -> str:
        """Its place, short enough for a test's name."""
        return str(self.path.relative_to(DOCUMENTS).with_suffix(""))

    @property
    def document(self) -> dict[str, Any]:
        """What is stored."""
        document: dict[str, Any] = json.loads(self.path.read_text())
        return document


def stored_documents() -> list[Stored]:
    """Every document of the corpus."""
    return [
        Stored(kind, number, path)
        for name, kind in KINDS.items()
        for number in range(1, kind.format + 1)
        for path in sorted((DOCUMENTS / name / f"format_{number}").glob("*.json"))
    ]


def fingerprints_path(name: str, number: int) -> Path:
    """Where the fingerprints of a format's records are stored."""
    return DOCUMENTS / "fingerprints" / f"{name}_format_{number}.json"


def fingerprints(kind: DocumentKind[Any]) -> dict[str, str]:
    """A hash of every record that documents of a kind consist of: its fields, types and limits.

    Names of optimizers and schedules and the members of tagged unions are left out: a new optimizer
    or family is a new record, and changes none that is stored.
    """
    schema = kind.adapter.json_schema()
    records: dict[str, Any] = schema.pop("$defs", {}) | {"": schema}
    return {
        name: hashlib.sha256(json.dumps(_fields_of(record), sort_keys=True).encode()).hexdigest()
        for name, record in sorted(records.items())
    }


def _fields_of(schema: Any) -> Any:  # noqa: ANN401  any part of a JSON schema
    """The schema without words, and without defaults: documents are stored with every field."""
    if isinstance(schema, list):
        return [_fields_of(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    for registry, kind in ((OPTIMIZERS, "optimizer"), (SHAPES, "schedule")):
        if schema.get("enum") == list(registry):
            return {"name of": kind}
    if "discriminator" in schema:
        return {"tagged by": schema["discriminator"]["propertyName"]}
    fields = {name: _fields_of(field) for name, field in schema.get("properties", {}).items()}
    others = {
        key: _fields_of(value)
        for key, value in schema.items()
        if key not in {"title", "description", "default", "required", "properties"}
    }
    return others | fields


def _specs() -> Iterator[tuple[str, StudySpec]]:
    names = [str(name) for name in RECORDS]
    asked: dict[str, dict[str, Any]] = {
        name: {"family": {"name": name}, "target": {"width": 256}} for name in FAMILIES
    }
    mlp = asked["mlp"]
    asked |= {
        "optimizers_1": mlp | {"optimizers": [{"name": name} for name in names[:12]]},
        "optimizers_2": mlp | {"optimizers": [{"name": name} for name in names[12:]]},
        "gpt_every_option": {"family": {"name": "gpt"} | _GPT_OPTIONS, "target": {"width": 256}},
        "searched_ranges": asked["gpt"] | {"optimizers": _RANGES},
        "searched_training": asked["gpt"] | {"search": {"training": _SEARCHED_TRAINING}},
        "every_field": _EVERY_FIELD,
        "external": external_spec(),
    }
    for name, fields in asked.items():
        yield name, StudySpec.model_validate(fields)


def _orders() -> dict[str, AnyOrder]:
    """One order of every kind, as a small study starts them."""
    engine = AnalyticEngine(slots=2, packing=FUSED)
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/corpus.db"
        migrate(url)
        database = open_database(url)
        with database.write() as session:
            study, _ = open_study(session, StudySpec.model_validate(SMALL))
        state, memory = study.state, Memory()
        while state is not StudyState.COMPLETED:
            tick(database, engine, wait_seconds=0.0, memory=memory)
            with database.read() as session:
                state = get_study(session, study.id).state
        database.close()
    orders: dict[str, AnyOrder] = {}
    for order in engine.started:
        orders.setdefault(_name(order), order)
    return orders


def _name(order: AnyOrder) -> str:
    if not isinstance(order, TrainOrder):
        return order.kind
    resumed = "resumed" if order.trials[0].start else "new"
    return f"train_{resumed}_{'together' if len(order.trials) > 1 else 'alone'}"


def _write(name: str, document: str, record: object) -> None:
    kind = KINDS[name]
    path = DOCUMENTS / name / f"format_{kind.format}" / f"{document}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(kind.write(record), indent=1) + "\n")


def main() -> None:
    """Write the documents of the newest formats, and the fingerprints of their records."""
    for document, spec in _specs():
        _write("spec", document, spec)
        if document in FAMILIES:
            model = model_spec(spec, spec.base_width, Parametrization.MUP)
            _write("shape", document, model_shape(model))
    for document, order in _orders().items():
        renamed = order.id.replace(order.study_id, "std_1")
        _write("order", document, order.model_copy(update={"id": renamed, "study_id": "std_1"}))
    _write("dynamics", "two_widths", StudyDynamics(trainings=tuple(map(dynamics_at, (32, 64)))))
    _write("packings", "two_devices", {"adamw/32/cpu": FUSED, "adamw/32/cuda": FUSED_ON_GPU})
    for name, kind in KINDS.items():
        path = fingerprints_path(name, kind.format)
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(fingerprints(kind), indent=1) + "\n")


if __name__ == "__main__":
    main()
