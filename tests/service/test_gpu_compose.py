"""The image and the compose file of GPUs hold what training there needs."""

from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]


def test_compose_gives_the_tuner_the_hosts_gpus_and_nobody_else() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.gpu.yml").read_text())["services"]
    assert list(services) == ["tuner"]
    (device,) = services["tuner"]["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "count": "all", "capabilities": ["gpu"]}
    assert "WIDTHWISE_GPUS" in services["tuner"]["environment"]
    assert "tuner" in yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]


def test_the_image_has_the_compiler_that_triton_calls() -> None:
    """Without one torch falls back to uncompiled kernels, and says so in no log."""
    installing = [
        line for line in (ROOT / "Dockerfile").read_text().splitlines() if "apt-get install" in line
    ]
    assert any("gcc" in line and "libc6-dev" in line for line in installing)
