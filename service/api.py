"""The API process: answers HTTP on the socket it was given, or on its own."""

import argparse
import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress

import uvicorn

from app.dashboard.prepared import AFTER_SECONDS, prepare, prepare_list
from app.described import Description, written
from app.main import create_app, routed_app
from app.server import ApiServer, PromptProtocol
from app.settings import AppSettings
from service.logs import configure_logs, log_plugins
from service.opened import open_or_exit, require_keys
from service.pulse import beat_of
from service.settings import settings_or_exit
from service.sockets import listen
from tuner.engine.tracing import start_tracing
from tuner.spec.families.registered_tasks import REGISTERED
from workers.slot.process import end_once_orphaned, follow_parent_into_death, keep_loaded

GRACE_SECONDS = 3
KEEP_ALIVE_SECONDS = 75
"""Longer than the minute for which clients and proxies keep an idle connection to use again:
closed earlier, it would break as the next request is sent."""
DESCRIBED_AFTER_SECONDS = 60.0
"""Of a process's start: pages do without the description, and programs ask for it rarely."""
_LEAST_URGENT = 19


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--socket", type=int, help="descriptor of a listening socket")
    parser.add_argument("--parent", type=int, help="process id to live and die with")
    parser.add_argument("--heartbeat", type=int, help="descriptor to beat in")
    parser.add_argument("--describe", action="store_true", help="print the OpenAPI document alone")
    arguments = parser.parse_args()
    if arguments.describe:
        _describe()
        return
    if arguments.parent:
        follow_parent_into_death(arguments.parent)
    configure_logs("api")
    log_plugins()
    start_tracing("api", os.environ)
    # The supervisor blocks these to wait for them; a child inherits the mask.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM, signal.SIGINT, signal.SIGCHLD])

    settings = settings_or_exit("service.api")
    REGISTERED.read_from(settings.tasks_dir)
    database = open_or_exit("service.api", settings.url)
    try:
        require_keys(database, settings.host, keyless=settings.keyless)
    except ValueError as error:
        sys.exit(f"service.api: {error}")
    application = create_app(
        database,
        AppSettings(
            allowed_hosts=settings.allowed_hosts,
            dataset_dirs=settings.dataset_dirs,
            access_log=settings.access_log,
            slots_per_owner=settings.slots_per_owner,
            requests_per_minute=settings.requests_per_minute,
            webhook_hosts=settings.webhook_hosts,
            price_per_hour=settings.price_per_hour,
            currency=settings.currency,
            slots_per_gpu=settings.slots_per_gpu if settings.gpus else None,
        ),
    )
    config = uvicorn.Config(
        application,
        http=PromptProtocol,
        log_level="warning",
        log_config=None,  # its loggers write as all others do
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,  # a client that reads slowly must not hold us up
    )
    if arguments.socket is not None:
        listening = socket.socket(fileno=arguments.socket)
    else:
        listening = listen(settings.host, settings.port)
    prepare_list(application)
    timers = (
        threading.Timer(AFTER_SECONDS, _prepare),
        threading.Timer(DESCRIBED_AFTER_SECONDS, _keep_described, [application.state.description]),
    )
    for timer in timers:
        timer.daemon = True  # the process may end before it
        timer.start()
    keep_loaded()
    ApiServer(config, application, beat_of(arguments.heartbeat)).run(sockets=[listening])
    for timer in timers:
        timer.cancel()
    database.close()


def _prepare() -> None:
    prepare()
    keep_loaded()


def _keep_described(description: Description) -> None:
    """Have the description made beside this process, unless a request has asked for it before.

    Here it would hold up all answers, some by a third of a second. What fails is left to who asks.
    """
    if description.is_made:
        return
    command = [sys.executable, "-m", "service.api", "--describe"]
    described = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    if described.returncode == 0:
        description.keep(described.stdout)


def _describe() -> None:
    end_once_orphaned()
    os.nice(_LEAST_URGENT)
    with suppress(BrokenPipeError):  # the process that asked has ended meanwhile
        sys.stdout.buffer.write(written(routed_app().openapi()))
        sys.stdout.flush()


if __name__ == "__main__":
    main()
