"""Rules of accessibility, judged in the page by axe-core, which the tests alone bring."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page


def violations(tab: Page) -> list[str]:
    """Every rule of axe-core that the page breaks, with the elements that do."""
    found = Axe().run(tab).response["violations"]
    return [
        f"{rule['id']}: {' '.join(map(str, node['target']))}"
        for rule in found
        for node in rule["nodes"]
    ]
