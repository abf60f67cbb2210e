"""The whole product on real data: tune at width 32, transfer to width 256, and prove it there.

Starts a service of its own, speaks to it over HTTP alone, and leaves no process behind. Its
figures come from the run; exit status 1 says that one of them misses its threshold.
"""

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from rich.console import Console
from rich.table import Table

from widthwise.cli.recommendation_view import recommendation_view
from widthwise.cli.spec_file import read_spec
from widthwise.cli.watch import watch_study
from widthwise.client import Client
from widthwise.errors import WidthwiseError
from widthwise.plots.sensitivity import draw_transfer
from widthwise.recommendation import Recommendation

ROOT: Final = Path(__file__).resolve().parent.parent
SPEC: Final = ROOT / "examples" / "gpt.yaml"
PICTURE: Final = Path("demo-transfer.png")
RESULT: Final = Path("demo-result.json")
START_SECONDS: Final = 30.0
STOP_SECONDS: Final = 30.0

out = Console(width=None if sys.stdout.isatty() else 110)


class Threshold(NamedTuple):
    """One claim of the demonstration, and whether this run bears it out."""

    claim: str
    measured: str
    met: bool


def main() -> None:
    """Run the demonstration; exit status 0 only if every threshold is met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, help="of the study; default: the example's own")
    seed = parser.parse_args().seed
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the service is stopped
    try:
        with tempfile.TemporaryDirectory(prefix="widthwise-demo-") as folder:
            met = demonstrate(Path(folder), seed)
    except WidthwiseError as error:
        sys.exit(f"demo: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(0 if met else 1)


def demonstrate(data_dir: Path, seed: int | None) -> bool:
    """Run the study on a fresh service, write its figures, and say whether they hold."""
    spec = read_spec(SPEC) | ({} if seed is None else {"seed": seed})
    started = time.monotonic()
    with running_service(data_dir) as address, Client(address) as client:
        study_id = client.submit(spec)["id"]
        out.print(f"service at {address}; the study's page, while this runs:")
        out.print(f"  {client.page(study_id)}", soft_wrap=True)
        study = watch_study(client, study_id, out)
        seconds = time.monotonic() - started
        if study["state"] != "completed":
            raise WidthwiseError(f"the study is {study['state']}: {study['reason']}")
        sensitivity = client.sensitivity(study_id)
        recommendation = Recommendation.from_document(client.recommendation(study_id))
    out.print(recommendation_view(recommendation.document))
    draw_transfer(sensitivity, PICTURE)
    result = figures(sensitivity, study) | {
        "verdict": recommendation.verdict,
        "study_id": study_id,
        "seconds": round(seconds, 1),
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    claims = thresholds(result)
    out.print(claims_table(claims))
    out.print(
        f"{seconds:.0f} s from the service's start to its result."
        f" Figures: {RESULT}   picture: {PICTURE}\n"
        "Next, your own study:  make serve   and, in another terminal,\n"
        "  .venv/bin/widthwise submit examples/mlp.yaml --watch",
        highlight=False,
    )
    return all(claim.met for claim in claims)


def figures(sensitivity: dict[str, Any], study: dict[str, Any]) -> dict[str, Any]:
    """Figures that the demonstration reports, from the study's evidence; null where it has none."""
    spec = study["spec"]
    optimizer = spec["optimizers"][0]["name"]
    mup, sp = (_evidence(sensitivity, optimizer, name) for name in ("mup", "sp"))
    proxy = next(at for at in mup["optima"] if at["width"] == spec["proxy_width"])
    best = {
        curve["width"]: _best_rate(curve)
        for curve in sensitivity["curves"]
        if (curve["optimizer"], curve["parametrization"]) == (optimizer, "mup")
    }
    return {
        "proxy_log2_lr": proxy["optimum"]["log2_learning_rate"],
        "mup_shift_octaves": mup["shift_octaves"],
        "mup_argmin_shift_octaves": best[spec["target"]["width"]] - best[spec["proxy_width"]],
        "sp_shift_octaves": sp["shift_octaves"],
        "mup_regret_percent": None if _is_bound(mup) else _regret(mup),
        "sp_regret_percent": _regret(sp),
        "sp_diverges": sp["proxy_regret"] is not None and _regret(sp) is None,
    }


def thresholds(result: dict[str, Any]) -> list[Threshold]:
    """The claims of a demonstration that is honest and quick, one grid step being one octave.

    What could not be measured is a miss. The standard parametrization diverging at the
    transferred rate is no miss: no regret is worse.
    """
    shift, argmin = result["mup_shift_octaves"], result["mup_argmin_shift_octaves"]
    sp_shift = result["sp_shift_octaves"]
    regret, sp_regret = result["mup_regret_percent"], result["sp_regret_percent"]
    return [
        Threshold(
            "μP: the optimum moves by at most 1 octave from width 32 to 256",
            _shown(shift, "octaves"),
            shift is not None and abs(shift) <= 1,
        ),
        Threshold(
            "μP: the best rate tried is the same within one grid step",
            _shown(argmin, "octaves"),
            abs(argmin) <= 1 + 1e-6,
        ),
        Threshold(
            "SP: the optimum moves down by at least 2 octaves",
            _shown(sp_shift, "octaves"),
            sp_shift is not None and sp_shift <= -2,
        ),
        Threshold(
            "μP: the proxy's rate costs at most 2 % of loss at the target",
            _shown(regret, "%"),
            regret is not None and regret <= 2,
        ),
        Threshold(
            "SP: the proxy's rate costs at least 6 %",
            "diverges" if result["sp_diverges"] else _shown(sp_regret, "%"),
            result["sp_diverges"] or (sp_regret is not None and sp_regret >= 6),
        ),
    ]


def claims_table(claims: list[Threshold]) -> Table:
    """The claims, each met or missed."""
    table = Table(title="What this run shows", title_justify="left", box=None, pad_edge=False)
    table.add_column("claim")
    table.add_column("measured", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for claim in claims:
        table.add_row(
            claim.claim, claim.measured, "[green]met" if claim.met else "[bold red]MISSED"
        )
    return table


@contextmanager
def running_service(data_dir: Path) -> Iterator[str]:
    """A service of its own on a free port; yields its address and ends it with all it started."""
    command = Path(sys.executable).with_name("widthwise")
    log = data_dir / "log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [command, "up", "--data-dir", data_dir, "--port", "0"],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            cwd=ROOT,
            start_new_session=True,  # one process group to end, and Ctrl-C is ours to pass on
        )
    try:
        yield _address(process, data_dir / "address")
    except WidthwiseError as error:
        raise WidthwiseError(f"{error}\n{_tail(log)}") from error
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
        with contextlib.suppress(ProcessLookupError):  # as it should be: nobody is left
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _address(process: subprocess.Popen[bytes], written: Path) -> str:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if written.exists() and (address := written.read_text().strip()):
            return address
        time.sleep(0.05)
    raise WidthwiseError("the service did not start")


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    return "\n".join(["last lines of the service's log:", *lines[-20:]])


def _evidence(sensitivity: dict[str, Any], optimizer: str, parametrization: str) -> dict[str, Any]:
    wanted = (optimizer, parametrization)
    for evidence in sensitivity["transfer"]:
        if (evidence["optimizer"], evidence["parametrization"]) == wanted:
            return dict(evidence)
    raise WidthwiseError(f"the study measured nothing under {parametrization}")


def _regret(evidence: dict[str, Any]) -> float | None:
    regret = evidence["proxy_regret"]
    return None if regret is None else regret["regret_percent"]


def _is_bound(evidence: dict[str, Any]) -> bool:
    """True if the regret is only a lower bound."""
    return evidence["proxy_regret"] is not None and bool(evidence["proxy_regret"]["at_least"])


def _best_rate(curve: dict[str, Any]) -> float:
    finite = [point for point in curve["points"] if point["mean_loss"] is not None]
    return float(min(finite, key=lambda point: point["mean_loss"])["log2_learning_rate"])


def _shown(value: float | None, unit: str) -> str:
    if value is None:
        return "not measured"
    return f"{value:.1f} %" if unit == "%" else f"{value:+.2f} {unit}"


if __name__ == "__main__":
    main()
