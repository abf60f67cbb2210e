"""Define the errors of a study whose data, or whose owner's code, are others by now."""


class Changed(Exception):
    """The study has to wait until it is as it was; the message says what, and what to do.

    A worker that raises it gives its order back as `StateReason.CHANGED`, which pauses the study:
    its trials could not be compared with those before.
    """
