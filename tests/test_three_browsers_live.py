"""The shipped page with its model, driven in Chromium, Firefox and WebKit."""

import pytest
import torch

from figures.drawings import explorer_pages
from tests.test_explorer_live import ANGER, CHANGE, PAGE, STATE, shares
from vtff_lib import explain, load_pretrained

SHARES = """() => {
    const bars = document.querySelectorAll('.vtff-free tr');
    return [...bars].map(each => Number(each.dataset.value));
}"""


@pytest.mark.slow
def test_three_browsers_drive_the_page_and_give_the_same_shares(any_browser):
    model = load_pretrained("tiny")
    chosen = explorer_pages.choose(model)[0]
    out = explain.rerun(model, chosen[[ANGER]], **CHANGE)
    any_browser.open(f"{PAGE.as_uri()}#{STATE}")
    any_browser.wait_for(
        "() => document.querySelector('.vtff-free .vtff-answer')?.textContent.includes('with')"
    )
    found = torch.tensor(any_browser.run(SHARES))
    assert found.allclose(shares(out), atol=5e-3)
    any_browser.click(".vtff-changes .vtff-button")
    any_browser.wait_for(
        "() => !document.querySelector('.vtff-free .vtff-answer').textContent.includes('with')"
    )
    plain = torch.tensor(any_browser.run(SHARES))
    assert plain.allclose(shares(model(chosen[[ANGER]])), atol=5e-3)
