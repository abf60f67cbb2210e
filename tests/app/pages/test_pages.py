"""The pages say what the API says, for people, in every state of a study."""

import gzip
import html
import re

import httpx
import pytest

from app.dashboard.study_pages import TABS
from app.standings.words import VERDICTS
from parametrization.text.rounding import significant
from tests.app.served import Served
from tuner.spec.states import StudyState

HTML = {"accept": "text/html"}


def page(client: httpx.Client, path: str) -> str:
    response = client.get(path, headers=HTML)
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    return re.sub(r"\s+", " ", response.text)


def whole(client: httpx.Client, study_id: str) -> str:
    """Every tab of a study's page."""
    return " ".join(page(client, f"/studies/{study_id}/{tab}") for tab in TABS)


def lead(text: str) -> str:
    """The words of the verdict that a study's page begins with."""
    found = re.search(r'<p class="verdict">(.*?)</p>', text)
    assert found is not None
    return html.unescape(re.sub("<.*?>", "", found[1]))


def test_an_empty_list_shows_how_to_make_a_study_that_works(served: Served) -> None:
    text = page(served.client, "/")
    assert f"curl -X POST {served.address}/v1/studies" in text
    body = re.search(r"-d '(.*?)'", text)
    assert body is not None
    response = served.client.post(
        "/v1/studies",
        content=body[1],
        headers={"content-type": "application/json"},
    )
    assert response.status_code == 202


def test_the_list_leads_to_older_studies(served: Served) -> None:
    names = [f"study {i:02}" for i in range(51)]
    for name in names:
        served.submit(name=name)
    first = page(served.client, "/")
    assert names[-1] in first
    assert names[0] not in first
    older = re.search(r'href="(/\?page_token=[^"]+)"', first)
    assert older is not None
    assert names[0] in page(served.client, older[1])


@pytest.mark.parametrize(
    "until", [None, StudyState.SEARCHING, StudyState.MEASURING], ids=["queued", "search", "measure"]
)
def test_a_study_has_a_page_in_every_state(served: Served, until: StudyState | None) -> None:
    study_id = served.submit()
    if until is not None:
        served.advance(study_id, until)
    text = whole(served.client, study_id)
    state = served.client.get(f"/v1/studies/{study_id}").json()["state"]
    assert f'data-state="{state}"' in text
    assert offered(text) == {"pause", "cancel"}
    moves: list[tuple[str, str, set[str]]] = [
        ("pause", "paused", {"resume", "cancel"}),
        ("cancel", "cancelled", set()),
    ]
    for action, after, next_actions in moves:
        served.client.post(f"/v1/studies/{study_id}:{action}")
        text = whole(served.client, study_id)
        assert f'data-state="{after}"' in text
        assert offered(text) == next_actions


def offered(text: str) -> set[str]:
    """What a study's page lets its reader do to it."""
    return set(re.findall(r'data-action="(\w+)"', text))


def test_the_page_of_a_study_names_what_the_api_recommends(finished: tuple[Served, str]) -> None:
    served, study_id = finished
    text = whole(served.client, study_id)
    recommendation = served.client.get(f"/v1/studies/{study_id}/recommendation").json()
    judged = recommendation["headline"].removeprefix(recommendation["verdict"].upper())
    assert lead(text) == f"{VERDICTS[recommendation['verdict']]}{judged}."
    assert recommendation["learning_rate"]["words"] in text
    for group in recommendation["groups"]:
        rate = significant(group["learning_rate"], recommendation["learning_rate"]["digits"])
        assert f'{group["role"]}</th><td class="n">{rate}</td>' in text
    for reason in recommendation["reasons"]:
        assert reason["words"].replace("<", "&lt;").replace("'", "&#39;") in text
    check = served.client.get(f"/v1/studies/{study_id}/coordinate-check").json()
    assert check["checks"][0]["summary"] in text


def test_a_study_has_no_other_tabs(finished: tuple[Served, str]) -> None:
    served, study_id = finished
    answer = served.client.get(f"/studies/{study_id}/nothing", headers=HTML)
    assert answer.status_code == 404


@pytest.mark.parametrize("path", ["/studies/std_nothing", "/recommendations/rec_nothing"])
def test_what_is_not_found_is_said_without_routes_of_the_api(untouched: Served, path: str) -> None:
    answer = untouched.client.get(path, headers=HTML)
    assert answer.status_code == 404
    assert f"{path.rpartition('/')[2]!r}." in html.unescape(answer.text)
    assert "/v1/" not in answer.text


def test_only_tabs_with_plots_load_plotly(finished: tuple[Served, str]) -> None:
    served, study_id = finished
    with_plotly = {
        tab for tab in TABS if "/assets/plotly" in page(served.client, f"/studies/{study_id}/{tab}")
    }
    assert with_plotly == {"transfer", "importance", "schedule"}


def test_a_study_that_runs_is_in_progress_and_not_judged(served: Served) -> None:
    study_id = served.submit()
    served.advance(study_id, StudyState.MEASURING)
    text = whole(served.client, study_id)
    assert lead(text).startswith("◌ in progress (the study is measuring): width 256, depth 1")
    assert '<span class="state verdict-in_progress">◌ in progress</span>' in text
    assert "Open so far, until the study has ended:" in text
    for judgement in ("not recommended", "<strong>abstain", "<strong>caution", "verdict-abstain"):
        assert judgement not in text
    served.client.post(f"/v1/studies/{study_id}:cancel")
    text = whole(served.client, study_id)
    assert re.match(
        r"(⚠ recommended with caution|✖ not recommended) \(the study is cancelled\): ", lead(text)
    )
    assert "in progress" not in text
    assert re.search(r"<small>\d+ of \d+, \d+ cancelled", text)
    ran = re.search(r'data-cell="trials">(\d+) of (\d+) trials', text)
    assert ran is not None
    assert int(ran[1]) < int(ran[2])  # what was left undone has not run


def test_a_toy_duration_is_named_and_never_recommended(finished: tuple[Served, str]) -> None:
    served, study_id = finished
    text = whole(served.client, study_id).replace("&#39;", "'")
    run = "for a run of 4,096 tokens (the proxies': yours was not given)"
    assert f"Recommendation for width 256, depth 1, batch 16, {run}</h2>" in text
    answer = served.client.get(f"/v1/studies/{study_id}/recommendation")
    assert answer.json()["verdict"] in ("caution", "abstain")
    told = served.client.get(f"/v1/studies/{study_id}/recommendation", params={"tokens": 4096})
    assert "tokens" not in {reason["topic"] for reason in told.json()["reasons"]}
    for form in ("yaml", "python"):
        path = f"/v1/studies/{study_id}/recommendation?format={form}"
        lead = served.client.get(path).text.split(";")[0]
        assert run in " ".join(lead.replace("#", " ").split()).replace("''", "'")


def test_no_percentage_on_a_page_is_more_precise_than_a_tenth(
    finished: tuple[Served, str],
) -> None:
    served, study_id = finished
    text = whole(served.client, study_id)
    assert re.search(r"\d %", text)
    assert re.findall(r"\d\.\d\d+ %", text) == []


def test_a_page_says_what_trials_are_compared_by(
    finished: tuple[Served, str], served: Served
) -> None:
    usual = whole(finished[0].client, finished[1])
    assert "Mean train loss over the second half of training; best of each column" in usual
    assert "Best train loss in the search" in usual
    study_id = served.submit(family={"name": "gan"}, control="none", search={"trials": 4})
    served.advance(study_id)
    text = whole(served.client, study_id)
    assert "Fréchet distance against learning rate, by width" in text
    assert "between generated and held-out digits, per pixel; best of each column" in text
    assert "called a loss on this page is the Fréchet distance between" in text
    assert "called a loss" not in usual
    assert "Best Fréchet distance in the search" in text
    assert "Validation loss" in usual
    assert "Validation loss" not in text
    assert "train loss" not in text.replace('<option value="train_loss">train loss</option>', "")


def test_a_study_of_several_optimizers_ranks_them(served: Served) -> None:
    study_id = served.submit(
        control="none", optimizers=[{"name": "adamw"}, {"name": "sgd"}], search={"trials": 4}
    )
    served.advance(study_id)
    text = whole(served.client, study_id)
    standings = served.client.get(f"/v1/studies/{study_id}/recommendation").json()["optimizers"]
    assert {standing["optimizer"] for standing in standings} == {"adamw", "sgd"}
    table = text[text.index("Optimizers compared") :]
    for standing in standings:
        row = rf'<th scope="row">{standing["optimizer"]}</th>.*?{standing["loss"]:.4g}'
        assert re.search(row, table)


def test_the_table_under_the_plot_has_every_measured_loss(finished: tuple[Served, str]) -> None:
    served, study_id = finished
    text = whole(served.client, study_id)
    curves = served.client.get(f"/v1/studies/{study_id}/sensitivity").json()["curves"]
    points = [point for curve in curves for point in curve["points"]]
    for point in points:
        words = "diverged" if point["diverged"] else f"{point['mean_loss']:.4g}"
        assert words in text
    assert any(point["diverged"] for point in points)


def test_what_users_write_is_shown_and_not_run(served: Served) -> None:
    study_id = served.submit(name="<script>alert(1)</script>", labels={"<b>": "'\"&"})
    for path in ("/", f"/studies/{study_id}"):
        text = page(served.client, path)
        assert "<script>alert" not in text
        assert "&lt;script&gt;alert(1)" in text


def test_the_workers_page_says_who_is_missing(client: httpx.Client) -> None:
    assert "No coordinator has ever run" in page(client, "/workers")


def test_pages_refer_to_this_host_alone_and_to_files_that_are_there(
    finished: tuple[Served, str],
) -> None:
    served, study_id = finished
    tabs = (f"/studies/{study_id}/{tab}" for tab in TABS)
    for path in (
        "/",
        f"/studies/{study_id}",
        *tabs,
        "/new",
        "/compare",
        "/queue",
        "/workers",
        "/cost",
        "/docs",
    ):
        text = page(served.client, path)
        for address in map(html.unescape, re.findall(r'(?:src|href)="([^"]+)"', text)):
            if address.startswith("#"):
                continue
            assert address.startswith("/"), address
            assert served.client.get(address).status_code == 200, address


def test_files_are_kept_for_ever_and_plotly_travels_compressed(
    finished: tuple[Served, str],
) -> None:
    served, study_id = finished
    text = whole(served.client, study_id)
    (plotly,) = set(re.findall(r'src="(/assets/plotly[^"]+)"', text))
    with served.client.stream("GET", plotly, headers={"accept-encoding": "gzip"}) as response:
        packed = b"".join(response.iter_raw())
    plain = served.client.get(plotly, headers={"accept-encoding": "identity"})
    assert response.headers["content-encoding"] == "gzip"
    assert "immutable" in response.headers["cache-control"]
    assert gzip.decompress(packed) == plain.content
    assert len(packed) < len(plain.content) / 3
    assert served.client.get("/assets/0123456789ab/live_page.js").status_code == 404


def test_the_page_names_the_whole_target_and_what_every_axis_rests_on(served: Served) -> None:
    target = {"width": 256, "depth": 4, "batch_size": 32, "steps": 16}
    study_id = served.submit(target=target)
    served.advance(study_id)
    text = whole(served.client, study_id)
    said = "width 256, depth 4, batch 32, for a run of 16,384 tokens"
    assert f"Recommendation for {said}</h2>" in text
    assert f"tuned at width 32 for {said}; submitted" in text
    assert "<dt>Multiplier of every residual branch</dt><dd>0.25</dd>" in text
    assert "depth_rule completep, alpha 1 (Dey et al. 2025, arXiv:2505.01618, Table 1)" in text
    assert "over 16 steps." in text
    for name, basis in (("depth", "theory"), ("batch", "empirical"), ("tokens", "empirical")):
        row = re.search(rf'<th scope="row">{name}</th>(.*?)</tr>', text)
        assert row is not None
        assert f"<td>{basis}</td>" in row[1]
