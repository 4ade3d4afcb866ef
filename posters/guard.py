"""How an outside source is treated: who asks it asks for leave first, and says how the source behaved."""

from typing import Protocol


class SourceGuard(Protocol):
    """Manners towards one outside source that all workers share; may be called from several threads at once.

    Every `admit` that returns is followed by exactly one of the other three.
    """

    @property
    def name(self) -> str:
        """The source's name, as in the settings."""

    def admit(self) -> None:
        """Waits for the turn of one request.

        Raises:
            SourceWaiting: the source has an outage or refuses us; the error says until when it is not asked.
        """

    def answered(self) -> None:
        """The source gave a proper answer; that there is no poster is one."""

    def troubled(self, why: str, retry_after_s: float | None) -> None:
        """No proper answer: 429, 5xx, none in time. `retry_after_s` is how long the source wants to be left alone."""

    def refused(self, why: str) -> None:
        """The source will not serve us, whatever is asked (401, 403): a person has to do something."""


class FreeGuard:
    """A guard without limits, for tools and tests."""

    def __init__(self, name: str) -> None:
        self.name = name

    def admit(self) -> None:
        """Every request may start now."""

    def answered(self) -> None:
        """Nothing is kept."""

    def troubled(self, why: str, retry_after_s: float | None) -> None:
        """Nothing is kept."""

    def refused(self, why: str) -> None:
        """Nothing is kept."""
