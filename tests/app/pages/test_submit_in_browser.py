"""The form for a new study in a browser: it writes what the API gets, and shows its answers."""

import json
import shlex

import pytest
from playwright.sync_api import Page, expect

from tests.app.pages.accessibility import violations
from tests.app.served import Served

pytestmark = pytest.mark.browser


def test_a_study_is_filled_in_previewed_copied_and_submitted(served: Served, tab: Page) -> None:
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.goto(f"{served.address}/new")
    tab.wait_for_selector("[data-ready]", state="attached")
    assert violations(tab) == []

    target = tab.get_by_role("group", name="The target")
    tab.get_by_label("Family").select_option("mlp")
    target.get_by_label("Width").fill("sixty")
    expect(target.get_by_label("Width")).to_have_attribute("aria-invalid", "true")
    expect(tab.locator("#target-width-problem")).to_contain_text("must be a number")
    expect(tab.locator("#preview")).to_be_hidden()

    target.get_by_label("Width").fill("512")
    target.get_by_label("Tokens").fill("1_000_000")
    tab.get_by_label("Widths to measure").fill("32, 64 128")
    tab.get_by_label("sgd", exact=True).check()
    tab.get_by_text("options of mlp").click()
    tab.locator("#mlp-family-activation").select_option("tanh")
    tab.get_by_text("Search of the schedule").click()
    for shape in ("cosine", "polynomial"):
        tab.get_by_label(shape, exact=True).check()
    tab.get_by_label("Power", exact=True).fill("1 to 4 log")
    tab.get_by_label("Warmup fraction").fill("0 to")
    expect(tab.locator("#search-training-warmup-fraction")).to_have_attribute(
        "aria-invalid", "true"
    )
    tab.get_by_label("Warmup fraction").fill("0 to 0.1")
    tab.get_by_label("Warmup min steps").fill("0 to 1_0")
    tab.get_by_label("Gradient clip norm").fill("0.5, 1, 2")
    expect(tab.get_by_label("Cycles")).to_be_hidden()
    tab.get_by_label("Name").fill("it's filled in")
    wanted = {
        "family": {"name": "mlp", "activation": "tanh"},
        "target": {"width": 512, "tokens": 1_000_000},
        "measure": {"widths": [32, 64, 128]},
        "optimizers": [{"name": "sgd"}],
        "search": {
            "training": {
                "shape": {"type": "categorical", "choices": ["cosine", "polynomial"]},
                "numbers": {"power": {"type": "float", "low": 1, "high": 4, "log": True}},
                "warmup_fraction": {"type": "float", "low": 0, "high": 0.1},
                "warmup_min_steps": {"type": "int", "low": 0, "high": 10},
                "gradient_clip_norm": {"type": "categorical", "choices": [0.5, 1, 2]},
            }
        },
        "name": "it's filled in",
    }
    document = tab.locator("#document")
    assert json.loads(document.input_value()) == wanted
    previewed = served.client.post("/v1/studies:preview", json=wanted).json()
    for name, words in previewed["words"].items():
        expect(tab.locator(f"[data-word={name}]")).to_have_text(words)
    expect(tab.get_by_label("Proxy width")).to_have_attribute("placeholder", "64")
    tab.emulate_media(color_scheme="dark")
    assert violations(tab) == []
    tab.set_viewport_size({"width": 390, "height": 800})
    expect(tab.locator("html")).to_have_js_property("scrollWidth", 390)

    tab.get_by_role("button", name="Copy as curl").click()
    expect(tab.locator("#copied")).to_have_text("Copied.")
    command = shlex.split(tab.evaluate("navigator.clipboard.readText()").replace("\\\n", ""))
    assert command[:4] == ["curl", "-X", "POST", f"{served.address}/v1/studies"]
    assert json.loads(command[command.index("-d") + 1]) == wanted

    wrong = {**wanted, "measure": {"widths": [32, 64, -1]}, "colour": "red"}
    document.fill(json.dumps(wrong))
    expect(tab.locator("#measure-widths-problem")).to_contain_text("greater than or equal to 1")
    expect(tab.locator("#problems")).to_contain_text("/colour: unknown field")
    tab.reload()
    expect(tab.get_by_label("Widths to measure")).to_have_value("32, 64, -1")  # the address kept it
    document.fill(json.dumps(wanted))
    tab.get_by_role("button", name="Submit").click()
    tab.wait_for_url("**/studies/std_*")
    (study,) = served.client.get("/v1/studies").json()["studies"]
    assert served.client.get(study["links"]["self"]).json()["spec"] == previewed["spec"]

    tab.goto(f"{served.address}/new?like={study['id']}")
    expect(tab.get_by_label("Name")).to_have_value("it's filled in")
    expect(tab.get_by_label("polynomial", exact=True)).to_be_checked()
    expect(tab.get_by_label("Power", exact=True)).to_have_value("1 to 4 log")
    expect(tab.get_by_label("Warmup min steps")).to_have_value("0 to 10")
    expect(tab.locator("[data-word=trials]")).to_have_text(previewed["words"]["trials"])
