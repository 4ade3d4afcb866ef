"""What can be wrong with the settings."""


class ConfigError(Exception):
    """A setting is unknown or has a bad value; the message is one line and names the key."""
