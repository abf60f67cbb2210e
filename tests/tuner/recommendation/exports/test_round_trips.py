"""Every export is read back as its framework reads it, and holds what was recommended."""

import math
from collections import Counter
from typing import Any

import pytest

from benchmarks.exports.examples import COSINE, LINEAR, LLAMA_LIKE, example, examples
from parametrization.schedules.registry import SHAPES
from tuner.recommendation.exports.protocol.export import Refused
from tuner.recommendation.exports.protocol.registry import EXPORTS, NAMES, export_named
from tuner.recommendation.exports.protocol.ten_steps import NUMBERS, TOLERANCE, round_trip

ROWS = {"constant", "linear", "cosine", "wsd", "wsd_sqrt"}
CARRIED = {
    name: {*NUMBERS, "schedule"}
    for name in ("json", "yaml", "torch", "torch-multiplier-free", "torchtitan", "mup")
} | {
    "hf-trainer": {*NUMBERS, "schedule"},
    "olmo-core": {*NUMBERS, "schedule"},
    "deepspeed": {*NUMBERS, "schedule"},
    "muon": {*NUMBERS, "schedule"},
    "dion": {*NUMBERS, "schedule"} - {"multiplier"},
    "megatron": set(NUMBERS),
    "nemo-automodel": {"learning_rate", "weight_decay"},
    "nanogpt-mup": {"learning_rate", "multiplier"},
}
"""What comes back exactly; the rest is listed as inexpressible."""


def test_there_is_an_example_of_every_form_but_the_refused_one() -> None:
    assert EXPORTS.keys() - examples().keys() == {"litgpt"}
    assert set(NAMES) == {*EXPORTS, "python"}


@pytest.mark.parametrize("name", sorted(CARRIED))
def test_every_number_comes_back_or_is_listed(name: str) -> None:
    export, document = EXPORTS[name], examples()[name]

    back = round_trip(export, document)

    compared = Counter(one.number for one in back)
    assert compared["learning_rate"] == sum(len(row.names) for row in export.numbers(document))
    exact = {one.number for one in back} - {o.number for o in back if o.relative > TOLERANCE}
    assert exact >= CARRIED[name]
    assert compared["schedule"] == 10
    listed = " ".join(one.what for one in export.inexpressible(document))
    for lost in {one.number for one in back} - exact:
        assert lost.replace("_", " ") in listed


@pytest.mark.parametrize("name", sorted(CARRIED))
def test_every_file_says_verdict_reasons_and_what_it_leaves_out(name: str) -> None:
    export, document = EXPORTS[name], examples()[name]
    files = export.render(document)
    if name in ("json", "yaml"):
        return
    first = next(text for file, text in files.items() if not file.endswith(".json"))
    said = " ".join(first.replace("\n#   ", " ").split())

    assert said.startswith(f"# {document.headline}.")
    assert all(f"{reason.severity}: {reason.words}" in said for reason in document.reasons)
    for lost in (x for x in export.inexpressible(document) if "NOT SAID" in said):
        if lost.what.split(" of ")[0] in ("schedule", "epsilon", "init std", "weight decay"):
            continue  # found by reading the file back
        assert lost.consequence.split(":")[0][:40] in said


@pytest.mark.parametrize("shape", sorted(ROWS))
@pytest.mark.parametrize("name", ["torchtitan", "nemo-automodel", "megatron", "olmo-core", "torch"])
def test_a_schedule_is_carried_up_to_the_first_update_of_a_late_warm_up(
    name: str, shape: str
) -> None:
    schedule = {"shape": shape, "warmup_fraction": 0.05, "final_fraction": 0.2}
    document = example(LLAMA_LIKE, schedule=schedule, depth=2)
    back = [one for one in round_trip(EXPORTS[name], document) if one.number == "schedule"]
    late = 1 / 10 + TOLERANCE if name in ("megatron", "nemo-automodel") else TOLERANCE
    assert all(one.relative <= late for one in back)


@pytest.mark.parametrize("name", ["torchtitan", "nemo-automodel", "megatron"])
@pytest.mark.parametrize("shape", sorted(SHAPES.keys() - ROWS))
def test_a_schedule_without_a_row_is_refused(name: str, shape: str) -> None:
    document = example(LLAMA_LIKE, schedule={"shape": shape}, depth=2)
    with pytest.raises(Refused, match=f"has no schedule {shape}"):
        EXPORTS[name].render(document)


def test_a_batch_that_grows_is_said_to_be_the_loops() -> None:
    schedule = {**LINEAR, "batch_warmup_fraction": 0.2}
    document = example(LLAMA_LIKE, schedule=schedule, depth=2)
    for name in ("torch", "torchtitan", "megatron", "hf-trainer"):
        listed = {one.what for one in EXPORTS[name].inexpressible(document)}
        assert "batch size over training" in listed
        first = next(iter(EXPORTS[name].render(document).values()))
        assert "NOT SAID HERE: batch size over training" in first


@pytest.mark.parametrize(
    ("training", "lost", "said"),
    [
        ({"gradient_clip_value": 0.5}, "clipping by value", "clip_grad_value_"),
        ({"gradient_clip_percentile": 10.0}, "clipping at a percentile", "512 updates before"),
        ({"average_fraction": 0.1}, "average of the weights", "get_ema_multi_avg_fn"),
    ],
)
@pytest.mark.parametrize("name", ["torch", "mup", "megatron", "hf-trainer", "deepspeed"])
def test_what_only_a_training_loop_does_is_said_to_be_the_loops(
    name: str, training: dict[str, Any], lost: str, said: str
) -> None:
    document = example(LLAMA_LIKE, schedule=LINEAR, depth=2, **training)
    listed = {one.what: one.consequence for one in EXPORTS[name].inexpressible(document)}
    assert said in listed[lost]
    first = next(iter(EXPORTS[name].render(document).values()))
    assert f"NOT SAID HERE: {lost}" in first
    assert "trained without gradient clipping" not in first or "average" in lost
    assert lost not in {one.what for one in EXPORTS["json"].inexpressible(document)}


@pytest.mark.parametrize("clip", ["gradient_clip_value", "gradient_clip_percentile"])
def test_no_way_of_clipping_has_a_multiplier_free_form(clip: str) -> None:
    clipped: dict[str, Any] = {clip: 5.0}
    document = example(LLAMA_LIKE, schedule=LINEAR, depth=2, **clipped)
    with pytest.raises(Refused, match=f"{clip}=5 has no multiplier-free form"):
        EXPORTS["torchtitan"].render(document)


def test_a_longer_tail_of_a_schedule_than_any_framework_has_is_exact_as_factors() -> None:
    document = example(LLAMA_LIKE, schedule=COSINE, depth=2)
    (text,) = EXPORTS["olmo-core"].render(document).values()
    reading = EXPORTS["olmo-core"].read({"widthwise_target.py": text})
    assert reading.factor is not None
    last = document.schedule.steps - 1
    assert math.isclose(reading.factor(last), document.schedule.form.factor(last, last + 1))


@pytest.mark.parametrize("name", ["torchtitan", "olmo-core", "nemo-automodel", "mup"])
def test_an_optimizer_without_a_row_is_refused_with_those_that_have_one(name: str) -> None:
    document = example(LLAMA_LIKE, optimizer="lion", depth=2)

    with pytest.raises(Refused, match=r"lion.* this form exists for adam"):
        EXPORTS[name].render(document)


@pytest.mark.parametrize("name", ["torchtitan", "olmo-core", "torch-multiplier-free"])
def test_clipping_excludes_the_multiplier_free_form(name: str) -> None:
    document = example(LLAMA_LIKE, depth=2, gradient_clip_norm=1.0)

    with pytest.raises(Refused, match="gradient_clip_norm=1 has no multiplier-free form"):
        EXPORTS[name].render(document)


@pytest.mark.parametrize("name", ["torchtitan", "olmo-core", "torch-multiplier-free"])
def test_a_tied_table_excludes_the_multiplier_free_form(name: str) -> None:
    with pytest.raises(Refused, match=r"token\.weight is tied"):
        EXPORTS[name].render(example({**LLAMA_LIKE, "tied": True}, depth=2))


def test_litgpt_is_refused_with_the_reason() -> None:
    for refuse in (EXPORTS["litgpt"].render, EXPORTS["litgpt"].inexpressible):
        with pytest.raises(Refused, match="overwrites the learning rate of every parameter group"):
            refuse(examples()["torch"])


def test_an_unknown_form_is_answered_with_those_that_there_are() -> None:
    with pytest.raises(LookupError, match=r"'xml': use one of .*torchtitan"):
        export_named("xml")
    assert export_named("python") is EXPORTS["torch"]
