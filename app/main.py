"""The API process: routes, pages, and what stands before them. Loads no torch."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version

from anyio import CapacityLimiter
from fastapi import Depends, FastAPI
from fastapi.routing import iter_route_contexts

from app.auth.gate import Gate
from app.auth.known import KnownSecrets
from app.auth.limits import RateLimits
from app.auth.scopes import is_open, require_scope
from app.dashboard import assets, compare, cost, log_in, pages, study_list, study_pages
from app.dashboard.review import answers, certificate
from app.dashboard.submit import page as submit_page
from app.described import Description
from app.errors import install_error_handlers, on_tuner_error
from app.event_feed import EventFeed
from app.http.guard import BodyLimit, KnownHosts, SecurityHeaders
from app.http.headers.entity_tags import EntityTags
from app.http.measured import Measured
from app.http.methods import HeadAndOptions
from app.http.openapi import describe, operation_id
from app.http.queries import known_query
from app.http.request_ids import NamedStudies, RequestIds, is_untraced
from app.http.write_turns import WriteTurns
from app.kept_answers import KeptAnswers
from app.metrics import registry_of
from app.packed import CompressedPages
from app.routes import (
    catalogue,
    events,
    evidence,
    health,
    leases,
    metrics,
    observations,
    projects,
    recommendation,
    recommendations,
    trials,
    workers,
)
from app.routes.access import api_keys, share_links, webhooks
from app.routes.comparing import search
from app.routes.comparing import stored as stored_answers
from app.routes.comparing import studies as compared_studies
from app.routes.exchange import given_trials, importances, optuna_export
from app.routes.planning import preview, sweeps
from app.routes.running import coordinate_checks, studies
from app.routes.service import overview, usage
from app.settings import AppSettings
from app.standings.standing import EndedVerdicts
from app.trainers.group_commit import GroupCommit
from app.trainers.quick_reports import QuickReports
from app.trainers.trial_kinds import TrialKinds
from tuner.storage.sql.database import Database

ROUTERS = (
    studies,
    coordinate_checks,
    compared_studies,
    search,
    preview,
    sweeps,
    trials,
    optuna_export,
    given_trials,
    importances,
    events,
    evidence,
    recommendation,
    recommendations,
    observations,
    stored_answers,
    overview,
    usage,
    projects,
    leases,
    catalogue,
    workers,
    api_keys,
    share_links,
    webhooks,
    health,
    metrics,
)


def routed_app() -> FastAPI:
    """The routes and their description, without anything that they could answer from."""
    app = FastAPI(
        title="Widthwise",
        version=version("widthwise"),
        lifespan=_lifespan,
        docs_url=None,  # both fetch scripts from other hosts
        redoc_url=None,
        openapi_url=None,  # made on the event loop, for seconds
        redirect_slashes=False,  # to an address that a proxy in front has another name for
        generate_unique_id_function=operation_id,
        dependencies=[Depends(require_scope), Depends(known_query)],
        telemetry={"exclude": is_untraced},
    )
    app.include_router(assets.router)  # before all others, which are tried in this order
    for module in ROUTERS:
        app.include_router(module.router)
    for shown in (
        submit_page,
        study_list,
        study_pages,
        certificate,
        answers,
        pages,
        compare,
        cost,
        log_in,
    ):
        app.include_router(shown.router, include_in_schema=False)
    app.openapi = partial(describe, app, is_open)  # type: ignore[method-assign]  # FastAPI's own way
    return app


def create_app(database: Database, settings: AppSettings) -> FastAPI:
    """Build the app over an open database, which its caller closes."""
    app = routed_app()
    app.state.database = database
    app.state.settings = settings
    app.state.feed = EventFeed(database, settings.sse_poll_seconds)
    app.state.commits = GroupCommit(database)
    app.state.trial_kinds = TrialKinds(database)
    app.state.verdicts = EndedVerdicts()
    app.state.kept_answers = KeptAnswers()
    # For leases: with a thread for each that is asked for, reports would hardly get a turn.
    app.state.lease_threads = CapacityLimiter(2)
    app.state.write_turns = WriteTurns()
    app.state.metrics = registry_of(database, settings.coordinator_silence_seconds)
    app.state.known = KnownSecrets(database)
    app.state.description = Description(app.openapi)
    app.add_route("/openapi.json", app.state.description.answer, include_in_schema=False)
    install_error_handlers(app)
    # The last one added stands first.
    app.add_middleware(CompressedPages)
    app.add_middleware(QuickReports, commits=app.state.commits)
    app.add_middleware(EntityTags)
    app.add_middleware(
        Gate,
        known=app.state.known,
        limits=RateLimits(),
        on_error=on_tuner_error,
        requests_per_minute=settings.requests_per_minute,
    )
    app.add_middleware(HeadAndOptions)
    app.add_middleware(BodyLimit, max_body_bytes=settings.max_body_bytes)
    app.add_middleware(KnownHosts, allowed_hosts=settings.allowed_hosts)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(NamedStudies)
    app.add_middleware(RequestIds, access_log=settings.access_log)
    app.add_middleware(Measured, registry=app.state.metrics)
    for _ in iter_route_contexts(app.routes):  # else the first request has FastAPI resolve them
        pass
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    feed: EventFeed = app.state.feed
    commits: GroupCommit = app.state.commits
    commits.start()
    known: KnownSecrets = app.state.known
    tasks = [asyncio.create_task(feed.poll()), asyncio.create_task(known.keep_uses())]
    yield
    feed.close()
    known.close()
    await asyncio.gather(*tasks)
    commits.stop()
