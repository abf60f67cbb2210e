"""Conditions on what JSON columns hold, alike on SQLite and PostgreSQL.

Names are bound as values, never written into a path: a label may be called anything.
"""

from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.sql import FromClause

JsonColumn = InstrumentedAttribute[dict[str, object]] | ColumnElement[object]


def has_member(
    session: Session, document: JsonColumn, name: str, value: str | None
) -> ColumnElement[bool]:
    """Condition: an object of texts has this member, with this value unless that is None."""
    each = func.json_each_text if _is_postgresql(session) else func.json_each
    members = each(document).table_valued("key", "value", name="members")
    found = select(members.c.key).where(members.c.key == name)
    if value is not None:
        found = found.where(members.c.value == value)
    return exists(found)


def has_named_element(session: Session, document: JsonColumn, name: str) -> ColumnElement[bool]:
    """Condition: an array of objects has one with this `name`."""
    if _is_postgresql(session):
        of_each: FromClause = func.json_array_elements(document).table_valued("value", name="each_")
        named = func.json_extract_path_text(of_each.c.value, "name")
    else:
        of_each = func.json_each(document).table_valued("value", name="each_")
        named = func.json_extract(of_each.c.value, "$.name")
    return exists(select(of_each.c.value).where(named == name))


def _is_postgresql(session: Session) -> bool:
    return session.get_bind().dialect.name == "postgresql"
