"""What can go wrong with posters; the messages are one line and name the source, the file or the setting.

PosterError
    PosterMissing        there is none: the next source is asked
    PosterUnavailable    trouble of this one poster: try again later
        SourceTroubled   trouble of the source itself: try again later, and blame no movie for it
    PosterRejected       there is one and it cannot be used: never tried again
    SourceWaiting        the source is not asked now: its outage lasts, or it refuses us
    TransferFailed       no answer over HTTP, or not all of it; stays in this package, sources say what it means
        NoAnswer         no connection, or nothing came back
        CutShort         the answer began and did not end, or too slowly
        TooLong          the answer is larger than wanted
    SourceInvalid        a poster source is set up wrongly
    WeightsUnavailable   the weights cannot be read or downloaded
    WeightsMismatch      the weights are not the ones that were asked for
    EncoderOutOfMemory   not even one poster fits into the memory of the device
    EncoderSetup         TensorFlow was started in another way before the GPU was asked for
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class PosterError(Exception):
    """Root of the errors about posters."""


class PosterMissing(PosterError):
    """The source has no poster of this movie; the only error that lets the next source try.

    An empty `why` is the silence of a source that this movie does not concern. `misses` are what is worth remembering:
    source name -> why.
    """

    def __init__(self, source: str, why: str, misses: Mapping[str, str] = MappingProxyType({})) -> None:
        super().__init__(f"{source}: {why}")
        self.source, self.why, self.misses = source, why, dict(misses)


class PosterUnavailable(PosterError):
    """The source cannot say now whether it has a poster; asking again later is right."""

    def __init__(self, source: str, why: str) -> None:
        super().__init__(f"{source}: {why}")
        self.source, self.why = source, why


class SourceTroubled(PosterUnavailable):
    """A source that all movies share has trouble: 429, 5xx, no answer in time. It costs the movie no attempt.

    `retry_after_s` is how long the source wants to be left alone, if it says so.
    """

    def __init__(self, source: str, why: str, retry_after_s: float | None = None) -> None:
        super().__init__(source, why)
        self.retry_after_s = retry_after_s


class SourceWaiting(PosterError):
    """The source is not asked before `until` (seconds since 1970): it has an outage, or refuses us."""

    def __init__(self, source: str, why: str, until: float) -> None:
        super().__init__(f"{source}: {why}")
        self.source, self.why, self.until = source, why, until


class RejectReason(StrEnum):
    """Why a poster can never be used; the value is what the catalog stores."""

    IMAGE_INVALID = "image_invalid"
    IMAGE_TRUNCATED = "image_truncated"
    IMAGE_TOO_LARGE = "image_too_large"
    IMAGE_TOO_SMALL = "image_too_small"
    IMAGE_CMYK = "image_cmyk"
    ADDRESS_REFUSED = "address_refused"


class PosterRejected(PosterError):
    """The bytes are there and are no usable poster; trying again would change nothing."""

    def __init__(self, reason: RejectReason, where: str, why: str) -> None:
        super().__init__(f"{where}: {why} ({reason})")
        self.reason, self.where, self.why = reason, where, why


class TransferFailed(PosterError):
    """An HTTP request did not bring its answer; `why` names no address."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class NoAnswer(TransferFailed):
    """Not even the head of an answer came."""


class CutShort(TransferFailed):
    """The head of an answer came, and not the rest in time."""


class TooLong(TransferFailed):
    """More bytes were announced, or came, than are wanted."""


class SourceInvalid(PosterError):
    """A poster source cannot be opened as it is written in the settings."""

    def __init__(self, spec: str, why: str) -> None:
        super().__init__(f"POSTERITY_POSTER_SOURCES: {spec!r}: {why}")
        self.spec, self.why = spec, why


class WeightsUnavailable(PosterError):
    """The file of weights is missing, unreadable, incomplete or could not be downloaded."""

    def __init__(self, where: object, why: str) -> None:
        super().__init__(f"weights {where}: {why}")
        self.where, self.why = where, why


class WeightsMismatch(PosterError):
    """The file of weights has another digest than the one it must have."""

    def __init__(self, expected: str, got: str, path: object) -> None:
        super().__init__(f"weights {path}: digest is {got}, expected {expected}; restore the file or remove it")
        self.expected, self.got, self.path = expected, got, path


class EncoderOutOfMemory(PosterError):
    """The device has no room for the network and a single poster."""

    def __init__(self, device: str) -> None:
        super().__init__(f"{device}: out of memory with one poster; free memory on it or run the encoder on the CPU")
        self.device = device


class EncoderSetup(PosterError):
    """TensorFlow already runs in this process with other settings, and cannot change them any more."""
