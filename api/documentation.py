"""`/openapi.json`, and `/docs`: Swagger UI from the files of its package, so that it works without a network."""

from importlib.resources import files
from pathlib import Path
from typing import Any, cast

from flask import Blueprint, Response, current_app, render_template, send_from_directory
from flask_openapi3.openapi import OpenAPI

SWAGGER = Path(str(files("flask_openapi3_swagger") / "templates" / "swagger"))
ASSET_AGE_S = 86_400

routes = Blueprint("documentation", __name__)


@routes.get("/openapi.json")
def openapi() -> dict[str, Any]:
    """The OpenAPI 3.1 document of this app."""
    document: dict[str, Any] = cast(OpenAPI, current_app).api_doc
    return document


@routes.get("/docs")
def docs() -> str:
    """A page to read the document and to try the calls."""
    return render_template("docs.html")


@routes.get("/docs/swagger/<path:name>")
def swagger(name: str) -> Response:
    """A file of Swagger UI."""
    return send_from_directory(SWAGGER, name, max_age=ASSET_AGE_S)
