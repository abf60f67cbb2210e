"""Validate what a user asks for: one study, with a default for all but family and target."""

from typing import Self

from pydantic import ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

from tuner.spec.contradictions import contradictions
from tuner.spec.study_fields import StudyFields
from tuner.spec.submitted import is_stored


class StudySpec(StudyFields):
    """One study as stored: every default filled in."""

    @model_validator(mode="after")
    def _fields_agree_and_are_filled(self, info: ValidationInfo) -> Self:
        if not is_stored(info) and (problems := list(contradictions(self))):
            raise PydanticCustomError(
                "fields_disagree",
                "{summary}",
                {"summary": "; ".join(text for _, text in problems), "problems": problems},
            )
        checked = self.check.widths or self.check_widths
        seeds = {config.name: self.check_seeds(config.name) for config in self.optimizers}
        check = self.check.model_copy(update={"widths": checked, "seeds": seeds})
        widths = self.measure.widths or self.measure_widths
        compares_curves = self.control != "none" or self.at_target
        measure = self.measure.planned(compares_curves=compares_curves)
        measure = measure.model_copy(update={"widths": widths})
        object.__setattr__(self, "check", check)  # frozen for everybody else
        object.__setattr__(self, "measure", measure)
        return self
