"""The doctor's look at settings that are allowed and unwise."""

import ipaddress
from collections.abc import Iterator

from cli.doctor_findings import Finding, Patient, note, ok, warning

GIVE_ONE = "put one into a file (openssl rand -hex 32) and name it:"


def access(patient: Patient) -> Iterator[Finding]:
    """Who may ask, and who may change."""
    settings = patient.settings
    if settings.admin_token is None:
        do = f"nothing, or {GIVE_ONE} POSTERITY_ADMIN_TOKEN_FILE"
        yield note("settings", "POSTERITY_ADMIN_TOKEN", "not set: the admin routes do not exist", do)
    open_to_all = not is_loopback(settings.host)
    if open_to_all and settings.read_token is None:
        found = f"the API listens on {settings.host} and answers whoever reaches it"
        do = f"let a proxy decide who comes, or {GIVE_ONE} POSTERITY_READ_TOKEN_FILE"
        yield warning("settings", "POSTERITY_HOST", found, do)
    if open_to_all and not settings.trusted_hosts:
        found = "empty: the API answers to any host name, which helps attacks by DNS rebinding"
        yield warning("settings", "POSTERITY_TRUSTED_HOSTS", found, "set it to the names that people use")
    if not open_to_all:
        yield ok("settings", "POSTERITY_HOST", f"the API listens on {settings.host} only")


def is_loopback(host: str) -> bool:
    """True when only this machine reaches it."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
