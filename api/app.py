"""The Flask app: `gunicorn "api.app:create_app()"`, or waitress under `posterity serve`."""

import logging

from flask import Flask
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.info import Info
from flask_openapi3.openapi import OpenAPI
from werkzeug.middleware.proxy_fix import ProxyFix

from api import (
    admin,
    curating,
    declaring,
    documentation,
    errors,
    guarded,
    headers,
    health,
    jobs,
    limiting,
    metrics,
    movies,
    origins,
    pages,
    quick,
    ratings,
    services,
    similar,
    tokens,
    user_page,
    users,
)
from catalog.catalog import Catalog
from config.loading import load_settings
from config.settings import Settings
from index.live import LiveSnapshot
from workers.enqueue import Bell

API_VERSION = "1.0.0"  # of the HTTP interface: its first number changes when a program written for it would break
ABOUT = "Movies that look alike and movies that are liked alike. Errors are application/problem+json (RFC 9457)."
# reliability.md section 9; Flask's own defaults have no limit.
LIMITS = {"MAX_CONTENT_LENGTH": 1_048_576, "MAX_FORM_MEMORY_SIZE": 65_536, "MAX_FORM_PARTS": 20}

log = logging.getLogger(__name__)


def create_app(settings: Settings | None = None) -> Flask:
    """The app with its catalog open; it follows the published snapshots from its first request on.

    Args:
        settings: by default those of the environment.

    Raises:
        ConfigError: a setting is unknown or bad.
        CatalogError: the catalog cannot be opened.
    """
    settings = settings or load_settings()
    known, limits = tokens.Tokens.of(settings), limiting.Limits.of(settings)
    app = _bare(settings, known)
    headers.install(app)
    metrics.install(app)
    errors.install(app)
    limiting.install(app, limits)  # before tokens are compared: guessing is counted, too
    tokens.install(app, known)
    guarded.install(app)
    services.install(app, _services(settings))
    for routes in _resources(known):
        _register(app, routes)
    for path, item in app.paths.items():
        app.paths[path] = declaring.declared(path, item, known, limits)
    app.register_blueprint(documentation.routes)
    app.register_blueprint(pages.routes)
    app.register_blueprint(user_page.routes)
    _install_outside(app, settings)
    _tell(settings)
    return app


def _services(settings: Settings) -> services.Services:
    return services.Services(
        catalog=Catalog.open(settings.catalog_url, settings.data_dir),
        live=LiveSnapshot(settings.index_dir),
        bell=Bell(settings.broker_url),
        broker_url=settings.broker_url,
        index_dir=settings.index_dir,
        poster_hosts=settings.poster_hosts,
    )


def _install_outside(app: Flask, settings: Settings) -> None:
    """What stands in front of Flask, the innermost first."""
    quick.install(app)
    origins.install(app, settings.allowed_origins)
    if settings.trusted_proxies:
        number = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=number, x_proto=number)  # type: ignore[method-assign]


def _tell(settings: Settings) -> None:
    """One line for whoever wonders later why something is refused, or is not."""
    admin_routes = "with their token" if settings.admin_token else "not there, POSTERITY_ADMIN_TOKEN is not set"
    reading = "with a token" if settings.read_token else "open, POSTERITY_READ_TOKEN is not set"
    log.info("admin routes: %s; reading: %s", admin_routes, reading)


def _bare(settings: Settings, known: tokens.Tokens) -> OpenAPI:
    app = OpenAPI(
        __name__,
        info=Info(title="Posterity", version=API_VERSION, description=ABOUT),
        security_schemes=declaring.schemes(known),
        validation_error_status=400,
        validation_error_model=errors.Problem,
        validation_error_callback=errors.refuse,
        doc_ui=False,
    )
    app.config.update(LIMITS)
    app.config["TRUSTED_HOSTS"] = [host.strip() for host in settings.trusted_hosts.split(",") if host.strip()] or None
    return app


def _resources(known: tokens.Tokens) -> list[APIBlueprint]:
    resources = [similar.routes, users.routes, ratings.routes, movies.routes, jobs.routes, health.routes]
    if known.admin is not None:
        resources += [admin.admin_routes(known), curating.curating_routes(known)]
    return resources


def _register(app: OpenAPI, routes: APIBlueprint) -> None:
    """Registers routes; a path that others answer too, by other methods, keeps them all in the document."""
    for path, item in routes.paths.items():
        before = app.paths.get(path)
        if before is not None:
            added = {name: getattr(item, name) for name in item.model_fields_set}
            routes.paths[path] = before.model_copy(update=added)
    app.register_api(routes)
