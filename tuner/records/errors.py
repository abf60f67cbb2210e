"""Define the tuner's errors, each with a message that can be shown to a user."""

import inspect


class TunerError(Exception):
    """The tuner cannot do that."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or inspect.getdoc(type(self)))


class StudyNotFound(TunerError):
    """There is no such study."""

    def __init__(self, study_id: str) -> None:
        super().__init__(f"There is no study {study_id!r}: GET /v1/studies lists those there are.")
        self.study_id = study_id


class IllegalMove(TunerError):
    """The study cannot go from its state to that one."""

    def __init__(self, study_id: str, from_: str, to: str) -> None:
        super().__init__(f"Study {study_id} is {from_} and cannot become {to}.")
        self.study_id = study_id
        self.from_ = from_
        self.to = to


class NoSeeds(TunerError):
    """The study that was named as prior has nothing to begin a search with."""

    def __init__(self, study_id: str, words: str) -> None:
        super().__init__(f"Study {study_id} cannot seed a search: {words}.")
        self.study_id = study_id


class SearchOver(TunerError):
    """The study's search has ended, so that no points can be given to it."""

    def __init__(self, study_id: str, state: str) -> None:
        super().__init__(
            f"Study {study_id} is {state}, and its search takes no more trials:"
            " give them to a new study, which may import this one's."
        )
        self.study_id = study_id


class TooManyLabels(TunerError):
    """The study would have more labels than one may have."""

    def __init__(self, study_id: str, count: int, most: int) -> None:
        super().__init__(
            f"Study {study_id} would have {count} labels, and may have {most}:"
            ' take some away with null, {"labels": {"name": null}}.'
        )
        self.study_id = study_id


class IdempotencyKeyReused(TunerError):
    """The idempotency key belongs to another request."""

    def __init__(self, key: str) -> None:
        super().__init__(
            f"Idempotency-Key {key!r} was used for a request with another body:"
            " send a new key with a new request."
        )
        self.key = key


class BadPageToken(TunerError):
    """The page token is not one that this service gave."""

    def __init__(self, token: str) -> None:
        super().__init__(
            f"page_token {token[:80]!r} is not one that this service gave:"
            " send next_page_token as it was received, or none for the first page."
        )
        self.token = token


class OtherPlugin(TunerError):
    """The study was made with a plugin that is not the one installed."""

    def __init__(self, words: str) -> None:
        super().__init__(f"This takes the plugin that the study was made with: {words}.")
        self.words = words


class DocumentUnreadable(TunerError):
    """A stored document cannot be read."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"A stored document cannot be read: {reason}.")
        self.reason = reason


class StudyUnreadable(TunerError):
    """The study's stored record cannot be read."""

    def __init__(self, study_id: str, reason: str) -> None:
        super().__init__(f"Study {study_id} cannot be shown or continued: {reason}.")
        self.study_id = study_id
        self.reason = reason


class OrderUnreadable(TunerError):
    """The order's stored record cannot be read."""

    def __init__(self, study_id: str, order_id: str, reason: str) -> None:
        super().__init__(f"Order {order_id} of study {study_id} cannot be run: {reason}.")
        self.study_id = study_id
        self.order_id = order_id
        self.reason = reason


class StudyMoved(TunerError):
    """The study changed after the decision about it was made: read it again, decide again."""

    def __init__(self, study_id: str) -> None:
        super().__init__(
            f"Study {study_id} changed after the decision about it was made:"
            " read it again, decide again."
        )
        self.study_id = study_id


class OtherVersion(TunerError):
    """The study is not the one that the change was to be made to."""

    def __init__(self, study_id: str, state: str) -> None:
        super().__init__(
            f"Study {study_id} is not as If-Match says, it is {state} by now: read it again, then"
            " send the ETag of that answer, or no If-Match."
        )
        self.study_id = study_id
        self.state = state


class NotReady(TunerError):
    """The study has no evidence for that yet."""

    def __init__(self, study_id: str, what: str) -> None:
        super().__init__(f"Study {study_id} has nothing yet for {what}: ask again when it has run.")
        self.study_id = study_id
        self.what = what


class NoModel(NotReady):
    """The study was stored from a table of losses, which names no tensors."""

    def __init__(self, study_id: str, what: str) -> None:
        super().__init__(study_id, what)
        self.args = (
            f"Study {study_id} was stored from a table of losses, which names no tensors to give"
            f" {what} for: GET /v1/sweeps/{study_id} says what its losses do.",
        )


class NotExternal(TunerError):
    """The study's trials are trained by the service's own workers."""

    def __init__(self, study_id: str) -> None:
        super().__init__(
            f"The trials of study {study_id} are trained by the service's own workers: only a study"
            " of the family external has trials to lease."
        )
        self.study_id = study_id


class StudyEnded(TunerError):
    """The study has ended: no trial of it is left to train."""

    def __init__(self, study_id: str, state: str, *, only_checked: bool = False) -> None:
        end = f"studies/{study_id}/recommendation"
        answer = f"coordinate-checks/{study_id}" if only_checked else end
        super().__init__(
            f"Study {study_id} is {state}: there is no trial left to train. Its answer is at"
            f" /v1/{answer}."
        )
        self.study_id = study_id
        self.state = state


class OrderNotFound(TunerError):
    """There is no such order."""

    def __init__(self, order_id: str) -> None:
        super().__init__(
            f"There is no order {order_id!r}: lease a trial with POST /v1/studies/ID:lease, which"
            " names its order."
        )
        self.order_id = order_id


class LeaseLost(TunerError):
    """The trial is somebody else's by now."""

    def __init__(self, order_id: str, attempt: int) -> None:
        super().__init__(
            f"Attempt {attempt} at order {order_id} is over: its lease expired, or was given to"
            " another worker. Stop training it and lease another trial."
        )
        self.order_id = order_id
        self.attempt = attempt


class ReportRefused(TunerError):
    """A field of a trainer's report does not fit the trial."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class RecommendationNotFound(TunerError):
    """There is no such stored recommendation."""

    def __init__(self, recommendation_id: str) -> None:
        super().__init__(
            f"There is no stored recommendation {recommendation_id!r}: GET /v1/recommendations"
            " lists those there are."
        )
        self.recommendation_id = recommendation_id


class RecommendationDecided(TunerError):
    """The recommendation was approved or rejected before, and a decision stands."""

    def __init__(self, recommendation_id: str, study_id: str, decision: str) -> None:
        super().__init__(
            f"Recommendation {recommendation_id} was {decision}. A decision stands: to decide anew,"
            f" store the answer again with POST /v1/studies/{study_id}/recommendations and decide"
            " on that one."
        )
        self.recommendation_id = recommendation_id


class RecommendationUnreadable(TunerError):
    """The recommendation's stored record cannot be read."""

    def __init__(self, recommendation_id: str, reason: str) -> None:
        super().__init__(f"Recommendation {recommendation_id} cannot be shown: {reason}.")
        self.recommendation_id = recommendation_id
        self.reason = reason


class RunMoved(TunerError):
    """The target run reported more while its losses were judged: send them again."""

    def __init__(self, recommendation_id: str) -> None:
        super().__init__(
            f"The run of recommendation {recommendation_id} reported more while these losses were"
            " judged: send them again, what is stored already changes nothing."
        )
        self.recommendation_id = recommendation_id


class DatabaseMismatch(TunerError):
    """The database's revision is not one that this code can serve."""


class StorageUnavailable(TunerError):
    """The database cannot be reached: check that it runs and that its address is right."""


class StorageFull(StorageUnavailable):
    """The database's disk is full: free some space on it, then try again."""


class StorageReadOnly(StorageUnavailable):
    """The database cannot be written: make its directory or server writable, then try again."""


class StorageBusy(StorageUnavailable):
    """The database was busy with other writers for too long: try again."""


class LeadershipLost(TunerError):
    """Another coordinator may have taken over this database."""


class NotAtWork(TunerError):
    """No study moves: the coordinator, or every slot, is not at work."""
