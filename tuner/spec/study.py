"""A study's specification: validated, and every default filled in."""

from typing import Any, Final, Self

from pydantic import ModelWrapValidatorHandler, ValidationInfo, model_validator

from tuner.spec.contradictions import contradictions
from tuner.spec.study_fields import StudyFields
from tuner.spec.submitted import fields_disagree, is_stored

AT_THE_END: Final = 0.1
"""Share of training that schedules are compared over."""


class StudySpec(StudyFields):
    """One study as stored: every default filled in."""

    @model_validator(mode="wrap")
    @classmethod
    def _fields_agree_and_are_filled(
        cls,
        given: Any,  # noqa: ANN401  a document or a record
        handler: ModelWrapValidatorHandler[Self],
        info: ValidationInfo,
    ) -> Self:
        """Check and fill a document; a record is left as it is, checked when it was made."""
        if isinstance(given, cls):
            return given
        spec = handler(given)
        if not is_stored(info) and (problems := list(contradictions(spec))):
            raise fields_disagree(problems)
        return spec._filled()

    def _filled(self) -> Self:
        self._fill_comparison()
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

    def _fill_comparison(self) -> None:
        """Compare searched schedules at their end; external trainers report their second half."""
        named = "compared_over" in self.training.model_fields_set
        if named or self.search.training is None or self.family.is_external:
            return
        training = self.training.model_copy(update={"compared_over": AT_THE_END})
        object.__setattr__(self, "training", training)
