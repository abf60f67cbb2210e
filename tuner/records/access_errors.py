"""Define the errors of keys and share links, each with a message that can be shown to a user."""

from tuner.records.errors import TunerError


class ApiKeyNotFound(TunerError):
    """There is no such key."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"There is no key {key_id!r}: GET /v1/api-keys lists those there are.")
        self.key_id = key_id


class ApiKeyRevoked(TunerError):
    """The key was revoked or has expired."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"Key {key_id} was revoked or has expired: make a new one instead.")
        self.key_id = key_id


class ShareLinkNotFound(TunerError):
    """The study has no such share link."""

    def __init__(self, link_id: str, study_id: str) -> None:
        super().__init__(
            f"Study {study_id} has no share link {link_id!r}:"
            f" GET /v1/studies/{study_id}/share-links lists those there are."
        )
        self.link_id = link_id


class Keyless(TunerError):
    """This service runs without keys: the first is made on its own machine."""

    def __init__(self) -> None:
        super().__init__(
            "This service runs without keys. The first one is made on its own machine, with"
            " `widthwise keys create --scope admin`; from then on every request needs one."
        )


class QuotaReached(TunerError):
    """The key has made as many studies today as it may."""

    def __init__(self, studies_per_day: int, retry_seconds: int) -> None:
        super().__init__(
            f"This key may queue {studies_per_day} studies in 24 hours, and has:"
            f" try again in {retry_seconds} s, or ask an administrator for another key."
        )
        self.retry_seconds = retry_seconds
