"""Describe every choice of a policy, with its source."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from parametrization.rules.depth import DepthRule
from parametrization.rules.horizon import HorizonRule
from parametrization.rules.policy_numbers import (
    EmbeddingRateRule,
    EpsilonRule,
    FixedKvInitRule,
    SoapWidthRule,
    VectorDecayRule,
    WeightDecayRule,
)
from parametrization.rules.row import Evidence


class Choice(NamedTuple):
    """One named policy value: its version rises when its numbers change."""

    version: int
    words: str
    evidence: Evidence


def _choice(words: str, label: str, source: str, grade: str) -> Choice:
    basis, _, confidence = grade.partition(" ")
    return Choice(1, words, Evidence(label, source, basis, confidence))


CHOICES: Final[Mapping[str, Mapping[StrEnum, Choice]]] = {
    "weight_decay_rule": {
        WeightDecayRule.WD_A: _choice(
            "learning rate x weight decay, as the optimizer combines them, constant in width and"
            " depth",
            "WD-A",
            "TP V App. B.3; CompleteP Table 1; Wang & Aitchison 2024, arXiv:2405.13698;"
            " Kosson et al. 2025, arXiv:2510.19093",
            "TE M",
        ),
        WeightDecayRule.WD_B: _choice(
            "coupled weight decay constant: its effect follows the rate, 1/m on AdamW's matrices",
            "WD-B",
            "practitioner's guide to muP (nanoGPT-mup); Megatron-LM",
            "E L",
        ),
        WeightDecayRule.WD_C: _choice(
            "learning rate x weight decay of matrices ~ m^-1/2, none elsewhere",
            "WD-C",
            "Fan et al. 2025, arXiv:2510.15262",
            "E L",
        ),
        WeightDecayRule.WD_D: _choice(
            "learning rate x weight decay ~ 1/m, for horizons that grow with m",
            "WD-D",
            "Qiu et al. 2025, arXiv:2512.05620",
            "E M",
        ),
    },
    "vector_decay_rule": {
        VectorDecayRule.DECAYED: _choice(
            "gains and biases decay by weight_decay_rule, as matrices do",
            "decayed vectors",
            "the mup package 1.0.0; torch.optim.AdamW without groups",
            "E L",
        ),
        VectorDecayRule.EXEMPT: _choice(
            "no weight decay on tensors without a fan-in: gains, biases, temperatures",
            "vectors without decay",
            "practice: nanoGPT; timm; Hugging Face Trainer",
            "E M",
        ),
    },
    "embedding_lr_rule": {
        EmbeddingRateRule.CONSTANT: _choice(
            "embeddings keep the width rule's rate",
            "constant embedding rate",
            "Yang et al. 2022, arXiv:2203.03466, Table 8",
            "TEV M",
        ),
        EmbeddingRateRule.SQRT: _choice(
            "embeddings at 1/sqrt(m) of it: for large vocabularies",
            "sqrt embedding rate",
            "Blake et al. 2024 (u-muP), arXiv:2407.17465; Hayou & Liu 2025, arXiv:2506.15025",
            "E M",
        ),
    },
    "epsilon_rule": {
        EpsilonRule.GRADIENT: _choice(
            "epsilon like the gradient, on every tensor, in width and depth",
            "gradient epsilon",
            "TP V App. B.3; measured gradients",
            "TEV H",
        ),
        EpsilonRule.MATRICES: _choice(
            "epsilon like the gradient on hidden matrices alone",
            "matrices' epsilon",
            "Megatron-LM",
            "E L",
        ),
        EpsilonRule.CONSTANT: _choice(
            "epsilon never scaled", "constant epsilon", "the mup package 1.0.0", "E L"
        ),
    },
    "depth_rule": {
        DepthRule.NONE: _choice("nothing changes with depth", "no depth rule", "none", " "),
        DepthRule.DEPTH_MUP: _choice(
            "branches x mL^-1/2, AdamW rate x mL^-1/2",
            "Depth-muP",
            "TP VI, arXiv:2310.02244",
            "TE M",
        ),
        DepthRule.COMPLETEP: _choice(
            "branches x mL^-alpha, AdamW rate x mL^(alpha-1)",
            "CompleteP",
            "Dey et al. 2025, arXiv:2505.01618",
            "TEV H",
        ),
    },
    "horizon_rule": {
        HorizonRule.NONE: _choice(
            "nothing changes with batch or tokens", "no horizon rule", "none", " "
        ),
        HorizonRule.COMPLETE_D: _choice(
            "rate and decay x sqrt(kB/kD), 1 - beta x kB/kD, epsilon x sqrt(kD/kB)",
            "Complete(d)P",
            "arXiv:2512.22382, Table 1",
            "E M",
        ),
        HorizonRule.COMPLETE_D_BATCH_EPSILON: _choice(
            "as complete-d, epsilon x kB^-1/2 alone",
            "Complete(d)P but for epsilon",
            "derived from the gradient's noise",
            "D L",
        ),
        HorizonRule.SDE_SQRT: _choice(
            "rate x sqrt(kB), 1 - beta x kB, epsilon / sqrt(kB), equal tokens",
            "Malladi et al.",
            "arXiv:2205.10287",
            "TE M",
        ),
        HorizonRule.LINEAR: _choice(
            "SGD's rate x kB at equal epochs",
            "linear scaling",
            "Goyal et al. 2017, arXiv:1706.02677",
            "E M",
        ),
        HorizonRule.POWER_LINES: _choice(
            "AdamW's weight decay x kB at an equal rate", "Power Lines", "arXiv:2505.13738", "E L"
        ),
        HorizonRule.LMO: _choice(
            "rate of sign and matrix steps x sqrt(kB/kD), 1/sqrt(updates), everything else kept",
            "LMO bound",
            "Shulgin et al. 2026, arXiv:2603.15958",
            "D L",
        ),
    },
    "soap_width_rule": {
        SoapWidthRule.EMPIRICAL: _choice(
            "SOAP at 1/sqrt(m) of the published rate: for an epsilon that is negligible",
            "empirical SOAP",
            "measured at epsilon 1e-8: slopes +.05 hidden, against +.5 as published",
            "V L",
        ),
        SoapWidthRule.QIU: _choice(
            "SOAP's rate x sqrt(m_out/m_in), as published: for an epsilon of 1e-4 and more",
            "SOAP as published",
            "Qiu et al. 2025, arXiv:2512.05620; measured at epsilon 1e-4: slopes -.04 to +.03",
            "EV L",
        ),
    },
    "fixed_kv_init_rule": {
        FixedKvInitRule.FAN_IN: _choice(
            "fixed key and value heads start at 1/sqrt(fan_in)",
            "kv at 1/sqrt(fan_in)",
            "common practice",
            "DV L",
        ),
        FixedKvInitRule.MUP: _choice(
            "fixed key and value heads start at 1/fan_in",
            "kv at 1/fan_in",
            "Yang et al. 2022, arXiv:2203.03466, App. B.2",
            "TV L",
        ),
    },
}
"""By field of `Policies`: equal names of different policies are different choices."""
