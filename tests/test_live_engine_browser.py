"""`engine.js` in Chromium: a page opened from disk, offline, under the strict policy it will have.

What a model answers there is compared with the library's, to the rounding of its weights.
"""

import base64
import hashlib
import json
import re
import struct

import pytest
import torch

from tests.browser import open_browser
from vtff_lib import load_pretrained
from vtff_lib.config import VTFFConfig
from vtff_lib.datasets import load_default
from vtff_lib.explain.surgery import Surgery, masked, operated
from vtff_lib.live import build, pack
from vtff_lib.vtff import VTFF

ENGINE, HOST = (
    (build.FOLDER / f"{name}.js").read_text(encoding="utf-8") for name in ("engine", "host")
)
LIVE = "'wasm-unsafe-eval'; worker-src blob:"
# What the tests call: bytes come as base64, and answers go as plain lists.
BRIDGE = """
window.bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
window.plain = (value) => JSON.parse(JSON.stringify(value, (_, each) =>
  ArrayBuffer.isView(each) ? [...each] : each));
window.live = { openModel, startWorker, code: CODE };
"""
OPEN = """async ([packed, wasm]) => {
    try { return (window.model = await live.openModel(bytes(packed), bytes(wasm))).config; }
    catch (error) { return error.message; }
}"""
RUN = """([rgb, change]) => {
    try { return plain(model.run(bytes(rgb), change)); } catch (error) { return error.message; }
}"""
START = """async ([packed, wasm]) => {
    window.worker = live.startWorker(live.code, bytes(packed), bytes(wasm));
    try { return await worker.ready; } catch (error) { return error.message; }
}"""
ASK = """async ([rgb, change, slot]) => {
    try { return plain(await worker.run(bytes(rgb), change, slot ?? undefined)); }
    catch (error) { return error.message; }
}"""


def as_text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def picture(rgb: torch.Tensor) -> str:
    return as_text(rgb.numpy().tobytes())


WASM = as_text(build.MODULE.read_bytes())


@pytest.fixture(scope="module")
def browser(chromium):
    with open_browser(chromium) as browser:
        yield browser


@pytest.fixture
def show(browser, tmp_path):
    """Return a function that opens a page with the engine in it, under a policy."""
    contexts, faults = [], []

    def open_page(policy=LIVE, before=""):
        script = before + ENGINE + HOST + BRIDGE.replace("CODE", json.dumps(ENGINE))
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        path = tmp_path / "page.html"
        path.write_text(
            "<!doctype html><meta charset='utf-8'><title>engine</title>"
            "<meta http-equiv='Content-Security-Policy' content=\""
            f"default-src 'none'; script-src 'sha256-{digest}' {policy}\">"
            f'<script type="module">{script}</script>',
            encoding="utf-8",
        )
        contexts.append(browser.new_context(offline=True))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda request: note(request.url))
        page.goto(path.as_uri())
        page.wait_for_function("window.live")
        return page

    def note(url):
        if not re.match(r"(file|blob):", url):
            faults.append(f"it asked for {url}")

    yield open_page
    for context in contexts:
        context.close()
    assert faults == []


@pytest.fixture(scope="module")
def faces():
    return load_default().part("test").images[[0, 2, 9, 17, 120]]


@pytest.fixture(scope="module")
def tiny():
    return load_pretrained("tiny")


@pytest.fixture(scope="module")
def packed(tiny):
    return as_text(pack(tiny))


def close(found, expected, error=1e-2):
    torch.testing.assert_close(
        torch.tensor(found, dtype=torch.float32),
        expected.detach().float().flatten(),
        atol=error,
        rtol=0,
    )


CHANGES = [
    ({}, Surgery()),
    ({"patches": [24]}, Surgery(patch=24)),
    ({"heads": [[1, 3]]}, Surgery(head=(1, 3))),
    ({"layers": [0]}, Surgery(layer=0)),
    ({"lbpWeight": 0.25}, Surgery(lbp_weight=0.25)),
    ({"without": "global"}, Surgery(without="global")),
    ({"without": ["local"]}, Surgery(without="local")),
    ({"reading": "mean"}, Surgery(reading="mean")),
]


@torch.no_grad()
@pytest.mark.parametrize("name", ["tiny", "photos"])
def test_a_page_answers_as_the_library_to_faces_and_changes(show, faces, name):
    model, page = load_pretrained(name), show()
    config = page.evaluate(OPEN, [as_text(pack(model)), WASM])
    assert config["class_names"] == [*model.config.class_names]
    assert (config["size"], config["grid"]) == ([112, 112], [7, 7])
    for number, face in enumerate(faces[:3]):
        for change, surgery in CHANGES if number == 0 else CHANGES[:2]:
            with operated(model, [surgery]):
                changed = masked(face[None], [surgery], model.config.reduction)
                expected = model(changed, return_maps=True)
            found = page.evaluate(RUN, [picture(face), change])
            close(found["logits"], expected.logits)
            close(found["probabilities"], expected.logits.softmax(1))
            assert found["lbp"] == expected.lbp.flatten().tolist()
            for key, value in {
                "gate": expected.gate,
                "globalPart": expected.global_attention,
                "localPart": expected.local_attention,
            }.items():
                close(found[key], value, 2e-2)
            for layer, weights in enumerate(expected.attentions):
                close(found["attentions"][layer], weights)
            assert found["after"][-1] == found["probabilities"]
            assert len(found["queries"]) == len(found["keys"]) == model.config.depth
            assert found["milliseconds"] >= 0


@torch.no_grad()
def test_whole_weights_are_as_exact_as_pytorch(show, tiny, faces):
    page = show()
    page.evaluate(OPEN, [as_text(pack(tiny, half=False)), WASM])
    for face in faces:
        found = page.evaluate(RUN, [picture(face), {}])
        close(found["logits"], tiny(face[None]).logits, 1e-4)


@torch.no_grad()
def test_a_model_without_a_gate_or_blocks_says_so(show):
    config = VTFFConfig.tiny(3, image_size=32, fusion="rgb", depth=0)
    model, page = VTFF(config).eval(), show()
    rgb = torch.randint(0, 256, (3, 32, 32), dtype=torch.uint8)
    page.evaluate(OPEN, [as_text(pack(model, half=False)), WASM])
    found = page.evaluate(RUN, [picture(rgb), {"patches": []}])
    close(found["logits"], model(rgb[None]).logits, 1e-4)
    assert [found[name] for name in ("lbp", "lbpMap", "gate", "globalPart", "localPart")] == [
        None
    ] * 5
    assert found["attentions"] == found["after"] == []
    message = page.evaluate(RUN, [picture(rgb), {"lbpWeight": 0.5}])
    assert message == 'This model fuses by "rgb" and has no gate that could be changed.'


REFUSED = [
    ({"patches": [49]}, "There is no patch 49; this model has 49, from 0."),
    ({"patches": [1.5]}, "There is no patch 1.5; this model has 49, from 0."),
    ({"heads": [[2, 0]]}, "There is no layer 2; this model has 2, from 0."),
    ({"heads": [[0, -1]]}, "There is no head -1; this model has 4, from 0."),
    ({"lbpWeight": 1.5}, "lbpWeight is 1.5; give a number from 0 to 1."),
    ({"scores": {"60": 1}}, "There is no place 60; this model has 49, from 0."),
    ({"scores": {"6": "much"}}, "score is much; give a number from -1000000 to 1000000."),
    ({"without": "gate"}, 'without: "gate" is unknown; give "global" or "local".'),
    ({"reading": "max"}, 'reading: "max" is unknown; give "mean".'),
    ({"patch": 3}, 'The change "patch" is unknown.'),
]


def test_bad_input_is_refused_in_a_sentence_and_does_no_harm(show, packed, faces):
    page = show()
    page.evaluate(OPEN, [packed, WASM])
    before = page.evaluate(RUN, [picture(faces[0]), {}])["logits"]
    for change, words in REFUSED:
        assert page.evaluate(RUN, [picture(faces[0]), change]) == words
    small = page.evaluate(RUN, [picture(faces[0, :, :100]), {}])
    assert small == (
        "The picture is 33600 bytes; this model needs 37632: planes R, G and B of 112 rows of 112 "
        "pixels."
    )
    assert page.evaluate(RUN, [picture(faces[0]), {}])["logits"] == before


def changed(packed: bytes, **header: object) -> bytes:
    """Return a packed model with something else in its header."""
    (length,) = struct.unpack("<I", packed[4:8])
    text = json.dumps(json.loads(packed[8 : 8 + length]) | header).encode()
    return b"VTFF" + struct.pack("<I", len(text)) + text + packed[8 + length :]


def test_bytes_that_are_no_model_are_refused(show, packed):
    page, content = show(), base64.b64decode(packed)
    newer, huge = changed(content, version=2), changed(content, settings=[2**14] * 16)
    damaged = "The packed model is cut short or damaged; pack it again."
    for wrong, words in (
        (b"", "These bytes are no packed model; give what vtff_lib.live.pack returns."),
        (b"\0" * 99, "These bytes are no packed model; give what vtff_lib.live.pack returns."),
        (content[:6], damaged),
        (content[:99], damaged),
        (content[:-2], damaged),
        (content + b"\0\0", damaged),
        (newer, "The model was packed as version 2 and this engine reads version 1; pack it again"),
        (huge, "This device has too little memory left for the model; close other pages."),
    ):
        assert page.evaluate(OPEN, [as_text(wrong), WASM]).startswith(words)
    assert page.evaluate(OPEN, [packed, WASM[:400]]).startswith("This browser refuses the engine")


def test_where_webassembly_is_refused_a_sentence_says_so(show, packed):
    refused = show("; worker-src blob:")  # a policy without 'wasm-unsafe-eval'
    words = "This browser refuses the engine, so the model cannot run here"
    assert refused.evaluate(OPEN, [packed, WASM]).startswith(words)
    assert refused.evaluate(START, [packed, WASM]).startswith(words)
    missing = show(before="delete window.WebAssembly;\n")
    words = "This browser runs no WebAssembly, so the model cannot run in this page."
    assert missing.evaluate(OPEN, [packed, WASM]) == words


# The worker


@torch.no_grad()
def test_a_worker_answers_as_the_page_does(show, packed, tiny, faces):
    page = show()
    assert page.evaluate(START, [packed, WASM])["num_heads"] == 4
    for face in faces[:2]:
        found = page.evaluate(ASK, [picture(face), {}, None])
        close(found["logits"], tiny(face[None]).logits)
    words = "There is no patch 99; this model has 49, from 0."
    assert page.evaluate(ASK, [picture(faces[0]), {"patches": [99]}, None]) == words
    assert "logits" in page.evaluate(ASK, [picture(faces[0]), {}, None])


def test_of_a_slider_the_latest_request_wins_and_all_others_are_answered(show, packed, faces):
    page = show()
    page.evaluate(START, [packed, WASM])
    asked = """async ([rgb]) => {
        const answers = [0, 0.2, 0.4, 0.6, 1].map(
            (lbpWeight) => worker.run(bytes(rgb), { lbpWeight }, "gate"));
        const others = [1, 2, 3].map((cell) => worker.run(bytes(rgb), { patches: [cell] }));
        return [await Promise.all(answers), await Promise.all(others)].map(
            (group) => group.map((answer) => answer && answer.gate && answer.gate[0]));
    }"""
    slider, others = page.evaluate(asked, [picture(faces[0])])
    assert slider == [0, None, None, None, 1]  # one was at work already
    assert None not in others


def test_a_stopped_worker_refuses_what_waits_and_what_comes(show, packed, faces):
    page = show()
    page.evaluate(START, [packed, WASM])
    asked = """async ([rgb]) => {
        const refused = [1, 2].map(() => worker.run(bytes(rgb)).catch((error) => error.message));
        worker.stop();
        refused.push(worker.run(bytes(rgb)).catch((error) => error.message));
        return Promise.all(refused);
    }"""
    assert page.evaluate(asked, [picture(faces[0])]) == ["The model was stopped."] * 3


@pytest.mark.parametrize(
    ("policy", "before"),
    [("'wasm-unsafe-eval'; worker-src 'none'", ""), (LIVE, "delete window.Worker;\n")],
)
def test_where_no_worker_is_allowed_a_sentence_says_so(show, packed, policy, before):
    page = show(policy, before)
    assert re.fullmatch(
        r"This (page's worker cannot run|browser allows no worker), so the model cannot.*",
        page.evaluate(START, [packed, WASM]),
    )
    assert "logits" not in page.evaluate(ASK, [as_text(b""), {}, None])
