"""Define the errors of webhooks, each with a message that can be shown to a user."""

from tuner.records.errors import TunerError


class WebhookNotFound(TunerError):
    """There is no such webhook."""

    def __init__(self, webhook_id: str) -> None:
        super().__init__(f"There is no webhook {webhook_id!r}: GET /v1/webhooks lists yours.")
        self.webhook_id = webhook_id


class TooManyWebhooks(TunerError):
    """The owner has as many webhooks as one may have."""

    def __init__(self, most: int) -> None:
        super().__init__(f"There are {most} webhooks, as many as one may have: delete one first.")
