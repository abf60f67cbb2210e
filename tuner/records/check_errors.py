"""Define the errors of studies that end with their coordinate check, and of those that do not."""

from tuner.records.errors import NotReady, TunerError


class CheckNotFound(TunerError):
    """There is no such coordinate check that stands alone."""

    def __init__(self, check_id: str) -> None:
        super().__init__(
            f"There is no coordinate check {check_id!r} that stands alone: GET"
            " /v1/coordinate-checks lists those there are. That of a study is at"
            " /v1/studies/ID/coordinate-check."
        )
        self.check_id = check_id


class NothingSearched(NotReady):
    """The study ends with its coordinate check, and never searches."""

    def __init__(self, study_id: str, what: str) -> None:
        super().__init__(study_id, what)
        self.args = (
            f"Study {study_id} is a coordinate check alone, and has no {what}: GET"
            f" /v1/coordinate-checks/{study_id} has its verdict. Submit a study without stop_after"
            " to have hyperparameters tuned.",
        )


class CheckWhole(TunerError):
    """Every statistic of a posted check is there: it is judged by them, and takes no others."""

    def __init__(self, study_id: str, optimizer: str, name: str) -> None:
        super().__init__(
            f"The coordinate check of study {study_id} is whole for {optimizer}, and judged as it"
            f" is: {name[:80]!r} would be no part of it. What stands beside the tensors is sent"
            " before the last tensor, or with it. Submit the study again to have all of it checked."
        )
        self.study_id = study_id
