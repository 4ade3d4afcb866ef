"""What poster sources outside this installation need, from the settings."""

from config.settings import Settings
from posters.guard import SourceGuard
from posters.sources import OutsideOptions

TMDB = "tmdb"


def outside_options(settings: Settings, guard: SourceGuard) -> OutsideOptions:
    """Tokens and addresses as plain values for the posters room."""
    return OutsideOptions(
        tmdb_token=settings.tmdb_token.get_secret_value() if settings.tmdb_token else None,
        tmdb_api_url=settings.tmdb_api_url,
        tmdb_image_url=settings.tmdb_image_url,
        guard=guard,
        poster_hosts=settings.poster_hosts,
    )
