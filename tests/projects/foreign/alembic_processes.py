"""Plain `alembic`, a new process for each command, forked from one that has imported it: 0.1 s, not 0.6 s."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

_IMPORTED = (
    "alembic.config",
    "alembic.command",
    "alembic.autogenerate",
    "sqlalchemy.ext.asyncio",
    "sqlalchemy.orm",
    "sqlalchemy.dialects.postgresql.asyncpg",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite",
)


class AlembicProcesses:
    """Runs Alembic's command line, `alembic.config.main`: only an env.py of ours imports migrator there."""

    def __init__(self, requests: IO[str], answers: IO[str]) -> None:
        self._requests = requests
        self._answers = answers

    def run(self, arguments: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> tuple[int, str, str]:
        """Run `alembic <arguments>` with these variables and no others. Gives exit code, stdout, stderr."""
        request = {"arguments": list(arguments), "cwd": str(cwd), "env": dict(env)}
        self._requests.write(json.dumps(request) + "\n")
        self._requests.flush()
        code, out, err = json.loads(self._answers.readline())
        return int(code), str(out), str(err)


@contextmanager
def alembic_processes() -> Iterator[AlembicProcesses]:
    """Start the process that the others are forked from, and end it with the block."""
    command = [sys.executable, "-P", str(Path(__file__))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        yield AlembicProcesses(server.stdin, server.stdout)
        server.stdin.close()


def _serve() -> None:
    for name in _IMPORTED:
        importlib.import_module(name)
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_forked(json.loads(line))) + "\n")
        sys.stdout.flush()


def _forked(request: Mapping[str, Any]) -> tuple[int, str, str]:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            _become_alembic(request, out.fileno(), err.fileno())
        _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status), _content(out), _content(err)


def _become_alembic(request: Mapping[str, Any], out: int, err: int) -> None:
    from alembic.config import main

    for stream, descriptor in ((os.open(os.devnull, os.O_RDONLY), 0), (out, 1), (err, 2)):
        os.dup2(stream, descriptor)
    code = 1
    try:
        os.chdir(request["cwd"])
        os.environ.clear()
        os.environ.update(request["env"])
        main(argv=request["arguments"], prog="alembic")
        code = 0
    except SystemExit as exc:
        code = exc.code if isinstance(exc.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code & 255)


def _content(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


if __name__ == "__main__":
    _serve()
