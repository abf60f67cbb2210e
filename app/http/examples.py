"""Bodies of requests as the description shows them, by operation; tests send them."""

from collections.abc import Mapping
from typing import Any, Final

EXAMPLES: Final[Mapping[str, Any]] = {
    "create_study": {
        "name": "gpt for the next run",
        "project": "language",
        "labels": {"team": "pretraining"},
        "family": {"name": "gpt", "depth": 2},
        "target": {"width": 2048, "depth": 24, "batch_size": 512, "tokens": 20_000_000_000},
        "optimizers": [{"name": "adamw"}],
        "search": {"trials": 16},
    },
    "edit_study": {"priority": 10, "labels": {"team": "vision", "draft": None}},
    "create_coordinate_check": {
        "name": "does our attention scale with Muon?",
        "labels": {"team": "pretraining"},
        "family": {"name": "gpt", "depth": 2},
        "optimizers": [{"name": "adamw"}, {"name": "muon_spectral"}],
        "widths": [64, 128, 256, 512],
    },
    "preview_study": {
        "family": {"name": "mlp"},
        "target": {"width": 512},
        "budget": {"flops_percent": 500},
    },
    "preview_coordinate_check": {"family": {"name": "mlp"}, "optimizers": [{"name": "adamw"}]},
    "create_sweeps": {
        "name": "sweep of last week",
        "target_width": 4096,
        "table": "width,lr,loss\n256,0.002,3.21\n256,0.004,3.18\n256,0.008,3.25\n"
        "512,0.002,3.02\n512,0.004,2.98\n512,0.008,3.06\n"
        "1024,0.002,2.87\n1024,0.004,2.83\n1024,0.008,2.92\n",
    },
    "enqueue_trials": {"trials": [{"learning_rate": 0.004}], "optimizer": "adamw"},
    "import_trials": {
        "form": "csv",
        "content": "lr,value\n0.004,2.31\n0.008,2.28\n",
        "names": {"lr": "learning_rate"},
    },
    "post_coordinate_check": {
        "optimizer": "adamw",
        "statistics": [
            {
                "tensor": "blocks.0.weight",
                "width": 64,
                "seed": 0,
                "update_rms": 0.0123,
                "propagation_rms": 0.0045,
                "initial_rms": 0.125,
            }
        ],
    },
    "recommend_for_configuration": {
        "target_config": {
            "model_type": "gpt2",
            "n_embd": 2048,
            "n_layer": 24,
            "n_head": 16,
            "vocab_size": 50257,
        },
        "batch_size": 512,
        "tokens": 20_000_000_000,
    },
    "store_recommendation": {"width": 4096, "tokens": 20_000_000_000},
    "approve_recommendation": {"by": "Ada", "note": "the drift is flat"},
    "reject_recommendation": {"by": "Ada", "note": "the proxies are too short"},
    "observe_run": {"observations": [{"step": 40, "loss": 5.31}, {"step": 80, "loss": 4.2}]},
    "lease_trial": {"worker": "node-7", "ttl_seconds": 120},
    "report_progress": {"attempt": 1, "step": 20, "train_loss": [5.51, 5.32]},
    "create_api_key": {
        "owner": "vision-team",
        "scopes": ["submit"],
        "name": "CI",
        "expires_in_days": 90,
    },
    "rotate_api_key": {"overlap_seconds": 3_600},
    "create_share_link": {"name": "for the review", "expires_in_days": 14},
    "create_webhook": {"url": "https://ci.example.com/hook", "events": ["study.state"]},
}
"""By operation id."""
