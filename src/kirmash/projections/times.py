"""Times as the views hold them: their text order is time order (PS-0.6)."""

from kirmash.messages.times import text_from_time

__all__ = ["minute_of", "text_from_time"]


def minute_of(text: str) -> str:
    """The minute in which a time of the views lies, as the time at which it begins."""
    return f"{text[:16]}:00.000000000Z"
