"""Write a recommendation for DeepSpeed: a client optimizer and scheduler, and a config beside them.

Source: DeepSpeed edaa722, `runtime/engine.py`, `runtime/lr_schedules.py`. An `optimizer` in the
config would put all parameters into one group, and the schedulers WarmupLR and WarmupDecayLR write
absolute rates: both sections are left out, so that DeepSpeed takes what the script passes.
"""

import json
from typing import Final

from parametrization.recommendation.document import RecommendationDocument
from tuner.recommendation.exports import pytorch
from tuner.recommendation.exports.protocol.export import Export, Files, Inexpressible, Reading
from tuner.recommendation.exports.protocol.plain_forward import lost_in_the_loop
from tuner.recommendation.exports.protocol.python_files import PYTHON, heading_of

CONFIG: Final = "ds_config.json"
_USE: Final = (
    "DeepSpeed: initialise(model); optimizer = build_optimizer(model);"
    " deepspeed.initialize(model=model, optimizer=optimizer,"
    " lr_scheduler=build_schedule(optimizer), config='ds_config.json'). An optimizer or scheduler"
    " named in the config would replace these groups."
)


def _render(document: RecommendationDocument) -> Files:
    config = {
        "train_batch_size": document.target.batch_size,
        "gradient_clipping": document.gradient_clip_norm or 0.0,
        "zero_allow_untested_optimizer": True,
    }
    return {
        pytorch.FILE: pytorch.snippet(document, [*heading_of(document), _USE]),
        CONFIG: json.dumps(config, indent=2) + "\n",
    }


def _inexpressible(document: RecommendationDocument) -> tuple[Inexpressible, ...]:
    _render(document)
    return lost_in_the_loop(document)


def _read(files: Files) -> Reading:
    config = json.loads(files[CONFIG])
    if taken := sorted({"optimizer", "scheduler"} & config.keys()):
        raise ValueError(f"{taken[0]} of the config would replace the script's own")
    return pytorch.read({pytorch.FILE: files[pytorch.FILE]})


EXPORT: Final = Export(
    name="deepspeed",
    words="A client optimizer and scheduler for DeepSpeed, and the JSON beside them",
    media_type=PYTHON,
    render=_render,
    inexpressible=_inexpressible,
    read=_read,
)
