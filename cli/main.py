"""Entry of the command `posterity`: finds the command's module, and turns every known error into one line."""

import importlib
import sys
import warnings

import click

from api.refusals import Refusal
from catalog.errors import CatalogError
from config.errors import ConfigError
from index.errors import VectorIndexError
from posters.errors import PosterError
from ratings.errors import RatingsError

KNOWN_ERRORS = (Refusal, CatalogError, ConfigError, VectorIndexError, PosterError, RatingsError, OSError)
INTERRUPTED = 130  # 128 + SIGINT, as shells have it

# Command -> (module, visible). Each module is imported when its command runs: FAISS and Celery take a second.
COMMANDS = {
    "demo": ("cli.demo", True),
    "import": ("cli.importing", True),
    "embed": ("cli.embed", True),
    "retry": ("cli.retry", True),
    "train": ("cli.build", True),
    "rebuild": ("cli.build", True),
    "similar": ("cli.similar", True),
    "recommend": ("cli.recommend", True),
    "evaluate": ("cli.evaluate", True),
    "tune": ("cli.tune", True),
    "serve": ("cli.serve", True),
    "worker": ("cli.worker", True),
    "status": ("cli.status", True),
    "rollback": ("cli.rollback", True),
    "doctor": ("cli.doctor", True),
    "backup": ("cli.backup", True),
    "restore": ("cli.restore", True),
    "posters": ("cli.posters", True),
    "reproduce": ("cli.reproduce", True),
    "api": ("cli.api", False),  # the API process of `serve`; production uses gunicorn
}


class LazyCommands(click.Group):
    """A group whose commands are imported when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The visible commands in the order in which one meets them."""
        return [name for name, (_, visible) in COMMANDS.items() if visible]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command's object from its module; a dash or a keyword does not matter."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(COMMANDS[cmd_name][0])
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command


@click.group(cls=LazyCommands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="posterity", prog_name="posterity")
def cli() -> None:
    """Movies that look alike and movies that are liked alike.

    Settings come from the environment (POSTERITY_...) and from .env: see docs/configuration.md.

    Example: posterity demo
    """


def main() -> None:
    """Runs the command line; a known error is one line on standard error and exit code 1."""
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    try:
        code = cli.main(prog_name="posterity", standalone_mode=False)
    except click.ClickException as err:
        err.show()
        code = err.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("posterity: stopped", err=True)
        code = INTERRUPTED
    except KNOWN_ERRORS as err:
        click.echo(f"posterity: {' '.join(str(err).split())}", err=True)
        code = 1
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
