"""One guard switched off: what is replaced in which file, and which tests must notice."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Mutant:
    """A change of the product that must turn a test red.

    Attributes:
        name: what is switched off, in words. file: below the repository. old, new: exact text and what takes its place.
        tests: files or node ids that pytest takes, quickest first.
    """

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def applied(self, text: str) -> str:
        """The file's text with the guard switched off.

        Raises:
            LookupError: the text to be replaced is not there, or not there once.
        """
        found = text.count(self.old)
        if found != 1:
            raise LookupError(f"{self.name}: {self.file} holds the text to be replaced {found} times, not once")
        return text.replace(self.old, self.new)

    def apply(self, root: Path) -> str:
        """Switches the guard off in a copy of the repository; returns the file's text as it was."""
        path = root / self.file
        before = path.read_text()
        path.write_text(self.applied(before))
        return before
