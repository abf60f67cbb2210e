"""Studies as people write them."""

import io
import json
from pathlib import Path

import pytest

from tuner.spec.study import StudySpec
from widthwise.cli.spec_file import read_spec
from widthwise.errors import WidthwiseError

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


def written(folder: Path, text: str) -> Path:
    path = folder / "study.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_example_is_a_study_that_the_service_accepts(path: Path) -> None:
    StudySpec.model_validate_json(json.dumps(read_spec(path)))


def test_the_demonstration_is_the_one_that_was_measured_to_be_honest_and_quick() -> None:
    spec = StudySpec.model_validate(read_spec(EXAMPLES / "gpt.yaml"))
    assert spec.family.model_dump(include={"name", "depth", "head_size", "context"}) == {
        "name": "gpt",
        "depth": 2,
        "head_size": 16,
        "context": 32,
    }
    assert (spec.base_width, spec.proxy_width, spec.target.width) == (32, 32, 256)
    assert (spec.training.steps, spec.training.batch_size) == (50, 16)
    assert (spec.training.schedule.shape, spec.training.schedule.warmup_fraction) == ("linear", 0.1)
    (optimizer,) = spec.optimizers
    assert (
        optimizer.fixed.items()
        >= {
            "beta1": 0.9,
            "beta2": 0.95,
            "weight_decay": 0.0,
        }.items()
    )
    assert str(optimizer.name) == "adamw"
    assert (spec.control, spec.at_target, spec.measure.seeds) == ("sp", True, 2)
    assert spec.measure.grid_factor == 2.0


def test_a_rate_is_a_number_however_its_exponent_is_written(tmp_path: Path) -> None:
    spec = read_spec(written(tmp_path, "rates: [1e-4, 1E-4, 1.0e-4, 1e+2, 0.0001]"))
    assert spec == {"rates": [1e-4, 1e-4, 1e-4, 100.0, 1e-4]}


def test_names_that_only_look_like_rates_stay_names(tmp_path: Path) -> None:
    assert read_spec(written(tmp_path, "name: 1e-4b")) == {"name": "1e-4b"}


def test_json_is_read_as_well(tmp_path: Path) -> None:
    spec = {"family": {"name": "mlp"}, "target": {"width": 512}}
    assert read_spec(written(tmp_path, json.dumps(spec))) == spec


def test_a_dash_reads_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("family: {name: mlp}"))
    assert read_spec(Path("-")) == {"family": {"name": "mlp"}}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("family: [", "neither YAML nor JSON"),
        ("- just\n- a list", "does not hold a study"),
        ("", "does not hold a study"),
        ("a: [{rate: .nan}]", "/a/0/rate: nan is not finite"),
        ("x: !!python/object/apply:os.getpid []", "neither YAML nor JSON"),
    ],
)
def test_what_is_no_study_is_said_to_be_none(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(WidthwiseError, match=rf"study\.yaml.*{complaint}"):
        read_spec(written(tmp_path, text))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(WidthwiseError, match=r"cannot read .*absent\.yaml: No such file"):
        read_spec(tmp_path / "absent.yaml")


@pytest.mark.parametrize(
    ("text", "line", "name"),
    [
        ("family: {name: mlp}\nfamily: {name: gpt}\n", 1, "family"),
        ("family:\n  name: mlp\n  name: gpt\n", 2, "name"),
        ('{"target": {"width": 64, "width": 128}}', 1, "width"),
    ],
)
def test_a_field_that_is_named_twice_is_refused(
    tmp_path: Path, text: str, line: int, name: str
) -> None:
    """Read silently, the second one would win."""
    path = written(tmp_path, text)
    with pytest.raises(WidthwiseError) as refused:
        read_spec(path)
    assert (
        str(refused.value) == f"{path}: the mapping at line {line} names {name!r} twice: keep one"
    )


def test_what_is_merged_into_a_mapping_may_be_said_again(tmp_path: Path) -> None:
    text = "a: &a {name: mlp, depth: 3}\nfamily:\n  <<: *a\n  depth: 4\n"
    assert read_spec(written(tmp_path, text))["family"] == {"name": "mlp", "depth": 4}


def test_a_file_that_is_nested_too_deeply_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(WidthwiseError, match="is nested too deeply: flatten it"):
        read_spec(written(tmp_path, "[" * 100_000))
