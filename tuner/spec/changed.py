"""The error of a study whose data or own code have changed since it began."""


class Changed(Exception):
    """Data or code are not those that the study began with; the message names them and the remedy.

    A worker that raises it gives its order back as `StateReason.CHANGED`, which pauses the study:
    its trials could not be compared with those before.
    """
