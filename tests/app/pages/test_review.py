"""A study's page begins with a summary for its reviewer, who finds the decision from there."""

import html
import re
from typing import Final, Literal

import pytest
from playwright.sync_api import Page, PdfMargins, expect

from app.dashboard.review.summary import Mark, summary_of
from app.dashboard.words import least_sure, weakest_point
from parametrization.recommendation.document import RecommendationDocument
from parametrization.recommendation.reading import read_recommendation
from parametrization.recommendation.trust import Reason, Verdict
from tests.app.pages.accessibility import violations
from tests.app.pages.test_pages import page
from tests.app.served import Served

SCHEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")


def summary(served: Served, study_id: str) -> dict[str, tuple[str, str]]:
    """The words and the link of every fact at the top of the study's page."""
    text = page(served.client, f"/studies/{study_id}")
    facts = re.findall(r'<dt><a href="([^"]+)">([^<]+)</a></dt>(.*?)</div>', text)
    return {
        title: (html.unescape(re.sub(r"<.*?>", "", words)).strip(), link)
        for link, title, words in facts
    }


def answer_of(served: Served, study_id: str) -> RecommendationDocument:
    read = served.client.get(f"/v1/studies/{study_id}/recommendation").json()
    return read_recommendation(read)


def test_the_top_of_a_study_says_what_holds_how_surely_and_what_it_cost(
    finished: tuple[Served, str],
) -> None:
    served, study_id = finished
    answer, said = answer_of(served, study_id), summary(served, study_id)
    drift, own = answer.evidence.drift, f"/studies/{study_id}"
    assert drift is not None
    words, link = said["Optimum across widths"]
    assert f"{abs(drift.octaves_per_doubling):.2f} octaves a doubling" in words
    assert f"{drift.widths} widths" in words
    assert link == f"{own}/transfer"
    assert said["Coordinate check"][0].startswith("✔ passed")
    assert said["Coordinate check"][1] == f"{own}/check"
    assert f"± {answer.learning_rate.half_width_octaves:.2f}" in said["How sure the rate is"][0]
    assert f"{answer.cost.trials} trials" in said["Cost of tuning"][0]
    assert said["Review"] == (
        "not stored yet store the answer to have it approved",
        f"{own}/configuration#review-title",
    )


def test_the_top_of_a_study_leads_to_the_decision_and_names_who_made_it(
    reviewed: tuple[Served, str],
) -> None:
    served, study_id = reviewed
    kept = served.client.post(f"/v1/studies/{study_id}/recommendations", json={}).json()
    link = f"/recommendations/{kept['id']}"
    assert summary(served, study_id)["Review"] == ("○ not decided approve or reject it", link)
    certificate = page(served.client, link)
    assert '<a href="#decision-title">Approve or reject</a>' in certificate
    assert "eight times wider</a>" in certificate
    assert "Optimum across widths" in certificate
    decision = {"by": "Kim", "note": "as measured"}
    served.client.post(f"{kept['links']['self']}:approve", json=decision)
    assert summary(served, study_id)["Review"] == ("✔ approved by Kim", link)
    assert "#decision-title" not in page(served.client, link)


def test_a_mark_is_as_grave_as_the_gravest_that_speaks_against_its_fact(
    finished: tuple[Served, str],
) -> None:
    answer = answer_of(*finished)
    drift = Reason(topic="drift", severity="caution", words="it drifts", excess=2.0)
    widths = Reason(topic="widths", severity="abstain", words="too few", excess=1.0)

    def marks(verdict: Verdict, *reasons: Reason) -> list[Mark]:
        changed = answer.model_copy(update={"verdict": verdict, "reasons": reasons})
        return [fact.mark for fact in summary_of(changed, ())][:3]

    assert marks("recommend") == ["recommend"] * 3
    assert marks("caution", drift) == ["caution", "recommend", "recommend"]
    assert marks("abstain", drift, widths) == ["abstain", "recommend", "recommend"]
    assert marks("in_progress", widths) == ["", "recommend", ""]  # the check alone is over


def test_an_answer_without_a_reason_against_it_names_the_axis_that_it_is_least_sure_about(
    finished: tuple[Served, str],
) -> None:
    answer = answer_of(*finished)
    assert weakest_point(answer).startswith(f"Weakest point: {answer.reasons[0].words}")
    measured, *others = (
        axis.model_copy(update={"basis": "measured", "beyond": 1.0}) for axis in answer.axes
    )
    ruled = measured.model_copy(update={"name": "depth", "basis": "theory", "words": "by a rule"})
    assert least_sure([measured, ruled, *others]) == ruled
    changed = answer.model_copy(update={"reasons": (), "axes": (measured, ruled, *others)})
    said = "Nothing speaks against it. Least sure: depth, theory: by a rule."
    assert weakest_point(changed) == said


@pytest.mark.browser
def test_answers_that_wait_for_a_decision_are_listed_and_lead_to_it(
    tab: Page, reviewed: tuple[Served, str]
) -> None:
    served, study_id = reviewed
    kept = served.client.post(f"/v1/studies/{study_id}/recommendations", json={}).json()
    tab.goto(served.address)
    tab.wait_for_selector("[data-ready]", state="attached")
    tab.get_by_role("link", name="to decide").click()
    expect(tab.get_by_role("heading", level=1)).to_have_text("Answers for review")
    row = tab.get_by_role("row").filter(has_text=kept["id"])
    expect(row).to_contain_text("○ not decided")
    for scheme in SCHEMES:
        tab.emulate_media(color_scheme=scheme)
        assert violations(tab) == []
    tab.set_viewport_size({"width": 390, "height": 800})
    assert violations(tab) == []
    expect(tab.locator("html")).to_have_js_property("scrollWidth", 390)

    decision = {"by": "Kim", "note": "too narrow"}
    served.client.post(f"{kept['links']['self']}:reject", json=decision)
    tab.reload()
    expect(row).to_have_count(0)
    tab.get_by_label("Decision").select_option("✖ rejected")
    tab.get_by_role("button", name="Show").click()
    expect(row).to_contain_text("✖ rejected")
    expect(row).to_contain_text("by Kim")
    row.get_by_role("link").click()
    expect(tab.get_by_role("heading", level=1)).to_have_text("Transfer certificate")


def test_a_certificate_holds_what_a_reviewer_signs(reviewed: tuple[Served, str]) -> None:
    served, study_id = reviewed
    kept = served.client.post(f"/v1/studies/{study_id}/recommendations", json={}).json()
    answer = served.client.get(kept["links"]["self"]).json()["recommendation"]
    text = page(served.client, f"/recommendations/{kept['id']}").replace("&#39;", "'")
    rate = answer["learning_rate"]
    wanted = [
        kept["sha256"],
        answer["provenance"]["spec_sha256"],
        answer["provenance"]["evidence_sha256"],
        rate["words"],
        f"from {rate['predicted_loss']['low']:.4g} to {rate['predicted_loss']['high']:.4g}",
        answer["reasons"][0]["words"],
        answer["check"]["summary"],
        "not decided",
    ]
    assert [words for words in wanted if words not in text] == []
    assert f"/recommendations/{kept['id']}" in page(
        served.client, f"/studies/{study_id}/configuration"
    )
    decision = {"by": "<i>Kim</i>", "note": "as measured"}
    served.client.post(f"{kept['links']['self']}:approve", json=decision)
    text = page(served.client, f"/recommendations/{kept['id']}")
    assert re.search(r"<strong>Approved</strong> by &lt;i&gt;Kim&lt;/i&gt;, .*: as measured", text)
    assert 'id="decide"' not in text


@pytest.mark.browser
def test_a_certificate_that_was_decided_about_prints_on_one_page(
    tab: Page, reviewed: tuple[Served, str]
) -> None:
    served, study_id = reviewed
    kept = served.client.post(f"/v1/studies/{study_id}/recommendations", json={}).json()
    decision = {"by": "Kim", "note": "as measured, at every width and with every seed. " * 4}
    served.client.post(f"{kept['links']['self']}:approve", json=decision)
    tab.goto(f"{served.address}/recommendations/{kept['id']}")
    tab.wait_for_selector("[data-ready]", state="attached")
    edge: PdfMargins = {"top": "10mm", "bottom": "10mm", "left": "10mm", "right": "10mm"}
    for paper in ("A4", "Letter"):
        printed = tab.pdf(format=paper, margin=edge)
        assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 1
