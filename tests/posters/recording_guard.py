"""A guard that lets everything pass and remembers what it was told."""

from dataclasses import dataclass, field


@dataclass
class RecordingGuard:
    name: str = "tmdb"
    admitted: int = 0
    answers: int = 0
    troubles: list[tuple[str, float | None]] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)

    def admit(self) -> None:
        self.admitted += 1

    def answered(self) -> None:
        self.answers += 1

    def troubled(self, why: str, retry_after_s: float | None) -> None:
        self.troubles.append((why, retry_after_s))

    def refused(self, why: str) -> None:
        self.refusals.append(why)

    @property
    def told(self) -> int:
        """How many requests it heard the end of."""
        return self.answers + len(self.troubles) + len(self.refusals)
