"""Options and arguments that several commands share, under Alembic's names."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from migrator.cli.complete import complete_revision
from migrator.errors import UsageError

Target = Annotated[
    str,
    typer.Argument(
        metavar="TARGET",
        help="head, base, an id or its beginning, +2, -1, label@head.",
        autocompletion=complete_revision,
    ),
]
Targets = Annotated[
    list[str],
    typer.Argument(
        metavar="TARGET...", help="Revisions; heads for all heads.", autocompletion=complete_revision
    ),
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Everything that each file says.")]
Sql = Annotated[bool, typer.Option("--sql", help="Print the SQL instead of running it.")]
Tag = Annotated[
    str | None, typer.Option("--tag", metavar="TAG", help="Tag for env.py (context.get_tag_argument).")
]
Confirm = Annotated[
    str | None,
    typer.Option("--confirm", metavar="ENVIRONMENT", help="Name of the environment, where it is protected."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would happen, and change nothing.")]
LockWait = Annotated[
    str | None,
    typer.Option("--lock-wait", metavar="TIME", help="How long to wait for another run, such as 60s."),
]
Backup = Annotated[
    bool, typer.Option("--backup/--no-backup", help="Copy an SQLite file to .migrator/backups first.")
]
Message = Annotated[
    str | None, typer.Option("--message", "-m", metavar="TEXT", help="What the revision does.")
]
RevId = Annotated[
    str | None, typer.Option("--rev-id", metavar="ID", help="Id of the revision, instead of a random one.")
]
BranchLabel = Annotated[
    str | None, typer.Option("--branch-label", metavar="LABEL", help="Label of the branch that begins here.")
]
AgainstOption = Annotated[
    str | None,
    typer.Option("--against", metavar="history|database", help="What the models are compared with."),
]
Fresh = Annotated[
    bool, typer.Option("--fresh", help="Replay the history from its beginning, as if for the first time.")
]
Summary = Annotated[
    str | None,
    typer.Option("--summary", metavar="FILE", help="Append the answer to a file too, in Markdown."),
]


def comparing_with(text: str | None) -> Literal["history", "database"] | None:
    """Read what `--against` says, None where it is not given. Raises UsageError."""
    match text:
        case None | "history" | "database":
            return text
    raise UsageError(f"--against {text} is not known.", hint="Give --against history or --against database.")
