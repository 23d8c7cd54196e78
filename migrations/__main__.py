"""`python -m migrations`: bring the database at `LIMBECK_DATABASE_URL` to the newest schema."""

import argparse
import os
import sys
from pathlib import Path

from alembic import command
from alembic.config import Config


def config(database_url: str) -> Config:
    """Alembic's configuration, without a file of its own."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    config.set_main_option("sqlalchemy.url", database_url.replace("%", "%%"))
    return config


def main() -> int:
    """The command. `upgrade` is what runs without a word; the others are for those who write one."""
    parser = argparse.ArgumentParser(prog="python -m migrations", description=__doc__)
    verbs = parser.add_subparsers(dest="verb")
    verbs.add_parser("upgrade").add_argument("revision", nargs="?", default="head")
    verbs.add_parser("downgrade").add_argument("revision")
    verbs.add_parser("check", help="fail where tables and migrations differ")
    revise = verbs.add_parser("revision", help="draft the next migration from the tables")
    revise.add_argument("number", help="such as 0002")
    revise.add_argument("message")
    arguments = parser.parse_args()
    url = os.environ.get("LIMBECK_DATABASE_URL")
    if not url:
        sys.stderr.write("LIMBECK_DATABASE_URL is not set; it says which database to migrate\n")
        return 2
    match arguments.verb:
        case "downgrade":
            command.downgrade(config(url), arguments.revision)
        case "check":
            command.check(config(url))
        case "revision":
            command.revision(config(url), arguments.message, autogenerate=True, rev_id=arguments.number)
        case _:
            command.upgrade(config(url), getattr(arguments, "revision", "head"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
