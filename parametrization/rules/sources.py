"""List the sources of the width rules: one entry per paper or published code."""

from typing import Final

from parametrization.rules.row import Evidence

TP5: Final = Evidence("TP V Table 8", "Yang et al. 2022, arXiv:2203.03466, Table 8", "TEV", "H")
TP5_OTHERS: Final = Evidence(
    "TP V App. B.3", "Yang et al. 2022, arXiv:2203.03466, App. B.3", "TV", "H"
)
HERE: Final = Evidence("derived here", "derived here by the degree of the update", "D", "L")
COMPLETE_D_P: Final = Evidence(
    "Complete(d)P Table 1", "Complete(d)P 2025, arXiv:2512.22382, Table 1", "E", "M"
)
ROUTER: Final = Evidence(
    "muP for MoE", "muP for mixtures of experts 2025, arXiv:2508.09752", "TE", "M"
)
SPECTRAL: Final = Evidence(
    "spectral condition", "Yang, Simon & Bernstein 2023, arXiv:2310.17813", "TEV", "H"
)
SCION: Final = Evidence("Scion Tables 2-4", "Pethick et al. 2025, arXiv:2502.07529", "TE", "M")
MODULAR: Final = Evidence("modular norm", "Large et al. 2024, arXiv:2405.14813", "TE", "M")
SHAMPOO: Final = Evidence(
    "Shampoo under muP",
    "Ishikawa & Karakida 2024 (ICLR), Table 1; Qiu et al. 2025, arXiv:2512.05620",
    "TEV",
    "M",
)
HYPERBALL: Final = Evidence(
    "Hyperball", "Wen et al. 2026, arXiv:2606.16899; width by the degree of the update", "DV", "M"
)
SOAP: Final = Evidence("SOAP under muP", "Qiu et al. 2025, arXiv:2512.05620", "EV", "L")
KFAC: Final = Evidence("K-FAC under muP", "Ishikawa & Karakida 2024 (ICLR), Table 1", "TE", "M")
DUAL_NORM: Final = Evidence(
    "layerwise l1-to-l-infinity", "Bernstein & Newhouse 2024, arXiv:2409.20325, Prop. 2", "D", "L"
)
