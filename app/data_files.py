"""Look at the data that a submitted study names, and say what is wrong with them."""

from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from tuner.data_files.look import with_facts
from tuner.data_files.places import Places
from tuner.data_files.refused import DataRefused
from tuner.spec.datasets.files import FileDataset
from tuner.spec.study import StudySpec


def with_data(spec: StudySpec, places: Places) -> StudySpec:
    """The study with what its data files say filled in.

    Raises:
        RequestValidationError: if they cannot be trained on.

    """
    if not isinstance(spec.dataset, FileDataset):
        return spec
    try:
        dataset = with_facts(spec.dataset, spec.family, places)
    except DataRefused as error:
        problems = [(f"/dataset/{error.field}", str(error))]
        raise RequestValidationError(
            [
                {
                    "type": "fields_disagree",
                    "loc": ("body",),
                    "msg": str(error),
                    "input": None,
                    "ctx": {"problems": problems},
                }
            ]
        ) from error
    document = spec.model_dump(mode="json") | {"dataset": dataset.model_dump(mode="json")}
    try:
        return StudySpec.model_validate(document)
    except ValidationError as error:
        errors = error.errors()
        raise RequestValidationError(
            [one | {"loc": ("body", *one["loc"])} for one in errors], body=document
        ) from error
