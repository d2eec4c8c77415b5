"""What axe has against a page: for the tests of the explorer, the slides and the site."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page


def faults_of_access(page: Page, *rules: str, contrast: bool = True) -> list[str]:
    """Return the faults, of any degree, by all of axe's rules or some.

    Contrast takes more time than all others; a page with the colours of others may do without.
    """
    # What is well is not listed, which is twice as fast. Style sheets are not fetched once more,
    # which a page from disk may not.
    options: dict[str, object] = {"resultTypes": ["violations"], "preload": False}
    if not contrast:
        options["rules"] = {"color-contrast": {"enabled": False}}
    if rules:
        options["runOnly"] = {"type": "rule", "values": list(rules)}
    found = Axe().run(page, options=options).response["violations"]
    return [
        f"{each['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
        for each in found
        for node in each["nodes"][:4]
    ]
