"""Share links: each gives read access to one study, and to nothing else."""

import datetime as dt
from typing import Annotated, Final

from fastapi import APIRouter, Path

from app.dependencies import Db, IdempotencyKey, Known, StudyId
from app.http.json_requests import JsonRoute
from app.http.write_turns import InTurn
from app.schemas.access import LinkAsked, LinkList, LinkMade, LinkRead, link_read
from tuner.storage.access import share_links

router = APIRouter(
    prefix="/v1/studies/{study_id}",
    tags=["access"],
    route_class=JsonRoute,
    dependencies=[InTurn],
)

LinkId = Annotated[
    str, Path(max_length=64, pattern=r"^[A-Za-z0-9_-]+$", description="A link's id, `shr_...`")
]
_FOR_A_MONTH: Final = LinkAsked()


@router.post("/share-links", status_code=201)
def create_share_link(
    study_id: StudyId,
    database: Db,
    known: Known,
    body: LinkAsked = _FOR_A_MONTH,
    idempotency_key: IdempotencyKey = None,
) -> LinkMade:
    """Make a link that lets whoever has it read this study. Its secret is shown once.

    Sent again with the same `Idempotency-Key`, because the answer was lost, it gives the same link
    with a new secret.
    """
    with database.write() as session:
        link, secret = share_links.create_link(
            session,
            study_id,
            body.name,
            dt.timedelta(days=body.expires_in_days),
            idempotency_key=idempotency_key,
        )
    known.forget()
    return LinkMade(
        **link_read(link).model_dump(), secret=secret.text, path=f"/shared/{secret.text}"
    )


@router.get("/share-links")
def list_share_links(study_id: StudyId, database: Db) -> LinkList:
    """Every link of the study, without its secret."""
    with database.read() as session:
        links = share_links.list_links(session, study_id)
    return LinkList(share_links=tuple(map(link_read, links)))


@router.post("/share-links/{link_id}:revoke")
def revoke_share_link(study_id: StudyId, link_id: LinkId, database: Db, known: Known) -> LinkRead:
    """End a link for good."""
    with database.write() as session:
        link = share_links.revoke_link(session, study_id, link_id)
    known.forget()
    return link_read(link)
