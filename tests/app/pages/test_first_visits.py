"""First visitors wait for nothing that could have been made before they came."""

import html
import re
from urllib.parse import quote

import pytest
from fastapi import FastAPI

from app.dashboard.assets import STYLE
from app.dashboard.prepared import IDLE_SHARE, prepare, prepare_list, until_idle
from app.main import create_app
from app.settings import AppSettings
from tests.app.pages.test_pages import HTML, page
from tests.app.served import Served
from tuner.storage.sql.database import open_database


def test_the_api_page_lists_every_route_without_waiting_for_their_description(
    untouched: Served,
) -> None:
    app = untouched.server.config.app
    assert isinstance(app, FastAPI)
    text = html.unescape(re.sub("</?code>", "", page(untouched.client, "/docs")))
    assert app.openapi_schema is None
    prepare(wait=lambda: None)
    paths = untouched.client.get("/openapi.json").json()["paths"]
    listed = re.findall(r'"Method">(.*?)</td> <th scope="row">(.*?)</th>', text)
    assert listed == [(method.upper(), path) for path in paths for method in paths[path]]
    for operation in (each for path in paths.values() for each in path.values()):
        words = operation["description"].partition("\n\n")[0].replace("`", "")
        assert " ".join(words.split()) in text


@pytest.mark.parametrize(
    ("kept", "root"),
    [
        ("dark", '<html lang="en" data-theme="dark">'),
        ("light", '<html lang="en" data-theme="light">'),
        ('"><script>', '<html lang="en">'),
        (None, '<html lang="en">'),
    ],
)
def test_a_page_comes_in_its_readers_theme_compressed_and_waits_for_its_style_alone(
    untouched: Served, kept: str | None, root: str
) -> None:
    cookies = {} if kept is None else {"cookie": f"widthwise_theme={quote(kept)}"}
    asked = HTML | {"accept-encoding": "gzip"} | cookies
    response = untouched.client.get("/", headers=asked)
    assert response.headers["content-encoding"] == "gzip"
    assert response.text.startswith(f"<!doctype html>\n{root}\n")
    assert response.text.endswith("</html>")
    scripts = re.findall("<script (.*?)>", response.text)
    assert [script for script in scripts if not re.search('type="module"| defer', script)] == []


def test_the_list_brings_its_style_and_is_made_before_anybody_asks(untouched: Served) -> None:
    app = untouched.server.config.app
    assert isinstance(app, FastAPI)
    prepare_list(app)
    text = page(untouched.client, "/")
    assert 'rel="stylesheet"' not in text
    assert f"<style> {' '.join(STYLE.split())} </style>" in text
    assert 'rel="stylesheet"' in page(untouched.client, "/workers")


def test_a_service_whose_database_is_away_starts_without_the_list() -> None:
    database = open_database("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    prepare_list(create_app(database, AppSettings()))
    database.close()


def test_a_busy_service_prepares_once_it_has_little_to_do() -> None:
    seen = iter([0.9, 2 * IDLE_SHARE, IDLE_SHARE / 2, 0.0])
    until_idle(seen)
    assert list(seen) == [0.0]


def test_it_waits_before_everything_that_it_prepares() -> None:
    waits = list[int]()
    prepare(wait=lambda: waits.append(1))
    assert len(waits) == 3
