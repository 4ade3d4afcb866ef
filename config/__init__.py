"""Typed settings from the environment, `.env` and secret files; read once, at the edges."""
