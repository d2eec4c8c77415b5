"""`data_scripts/fetch.py` keeps the file that is pinned, or none, and says why in a sentence."""

import contextlib
import hashlib
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from data_scripts import fetch as script
from data_scripts.fetch import DOWNLOADS, Download, fetch, main

ROOT = Path(__file__).parent.parent
BODY = bytes(range(256)) * 500  # 128,000 bytes


def half(answer: BaseHTTPRequestHandler) -> None:
    answer.send_header("Content-Length", str(len(BODY)))
    answer.end_headers()
    answer.wfile.write(BODY[:1000])


def slow(answer: BaseHTTPRequestHandler) -> None:
    answer.end_headers()
    for start in range(len(BODY)):
        answer.wfile.write(BODY[start : start + 1])
        time.sleep(0.02)


def sends(content: bytes, times: int = 1):
    def send(answer: BaseHTTPRequestHandler) -> None:
        answer.end_headers()
        for _ in range(times):
            answer.wfile.write(content)

    return send


ANSWERS = {
    "right": sends(BODY),
    "half": half,
    "slow": slow,
    "short": sends(BODY[:-1]),
    "longer": sends(BODY + b"x"),
    "endless": sends(BODY, 10**6),
    "another": sends(BODY[::-1]),
    "page": sends(b"<html>Please log in</html>"),
    "empty": sends(b""),
}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path[1:]
            self.send_response(200 if name in ANSWERS else int(name))
            with contextlib.suppress(OSError):  # whoever asked has gone
                ANSWERS.get(name, sends(b"refused"))(self)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as running:
        running.daemon_threads = True
        threading.Thread(target=running.serve_forever).start()
        yield f"http://127.0.0.1:{running.server_port}/"
        running.shutdown()


def offered(url: str) -> Download:
    return Download("file.bin", url, len(BODY), hashlib.sha256(BODY).hexdigest(), "CC BY 4.0.")


def test_the_right_file_is_kept_and_not_asked_for_again(server, tmp_path):
    path = fetch(offered(f"{server}right"), tmp_path / "new")
    assert path.read_bytes() == BODY
    assert [*path.parent.iterdir()] == [path]
    assert fetch(offered("http://127.0.0.1:1/"), path.parent) == path


@pytest.mark.parametrize("name", sorted({*ANSWERS, "404", "429", "500"} - {"right"}))
def test_nothing_else_is_kept(name, server, tmp_path, monkeypatch):
    monkeypatch.setattr(script, "DEADLINE", 0.3)
    started = time.monotonic()
    with pytest.raises((ValueError, ConnectionError), match="fetch again") as told:
        fetch(offered(f"{server}{name}"), tmp_path)
    assert time.monotonic() - started < 10
    assert "\n" not in str(told.value)
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "https://nowhere.invalid/"])
def test_a_server_that_is_not_there_is_told_with_the_way_by_hand(url, tmp_path):
    with pytest.raises(ConnectionError, match=r"could not be fetched.*save it as .*file\.bin"):
        fetch(offered(url), tmp_path)


def test_what_lies_there_is_verified_and_left_alone(tmp_path):
    (tmp_path / "file.bin").write_bytes(b"mine")
    with pytest.raises(ValueError, match="is there, but is another file; move it"):
        fetch(offered("http://127.0.0.1:1/"), tmp_path)
    assert (tmp_path / "file.bin").read_bytes() == b"mine"


def test_every_offer_is_pinned_to_a_version_a_size_and_a_hash():
    for download in DOWNLOADS.values():
        assert re.search(r"^https://.*/[0-9a-f]{40}/", download.url)
        assert re.fullmatch(r"[0-9a-f]{64}", download.sha256)
        assert download.size > 0


@pytest.mark.parametrize("arguments", [[], ["--list"]])
def test_the_list_names_every_download_its_terms_and_the_ways_by_hand(arguments, capsys):
    main(arguments)
    printed = capsys.readouterr().out
    for name, download in DOWNLOADS.items():
        assert f"{name}: {download.name}" in printed
        assert download.terms in printed
    assert "CC BY 4.0" in printed


def test_the_terms_are_shown_before_anything_is_fetched(tmp_path, monkeypatch, capsys):
    shown = []

    def fetched(download: Download, folder: Path) -> Path:
        shown.append(capsys.readouterr().out)
        return folder / download.name

    monkeypatch.setattr(script, "fetch", fetched)
    monkeypatch.setitem(DOWNLOADS, "faces", offered("https://example.invalid/"))
    main(["faces", "--out", str(tmp_path)])
    assert shown == ["CC BY 4.0.\nFrom https://example.invalid/\n"]


def test_an_unknown_name_ends_the_command_with_1_and_the_names_that_there_are(tmp_path):
    command = [sys.executable, str(ROOT / "data_scripts" / "fetch.py"), "fer"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr == "There is no download 'fer'; choose one of ferplus-labels.\n"
    assert not list(tmp_path.iterdir())
