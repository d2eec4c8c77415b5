"""A download ends with the right file in place, or with a sentence and nothing in place.

The server is a real one, on this machine, that follows a script: one answer for each request.
"""

import contextlib
import errno
import hashlib
import http.server
import io
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from data_scripts.downloads import DOWNLOADS, Download, fetch

from data_scripts import downloads

BODY = bytes(range(256)) * 1000  # 256,000 bytes: four reads
SHA256 = hashlib.sha256(BODY).hexdigest()
PAUSES = [2.0, 4.0, 8.0]

Answer = Callable[[http.server.BaseHTTPRequestHandler], None]


class Site:
    """A server that gives its `answers` one by one, and keeps which range each request named."""

    def __init__(self) -> None:
        site = self
        self.answers: list[Answer] = []
        self.ranges: list[str | None] = []
        self.sent = 0

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.ranges.append(self.headers["Range"])
                site.answers.pop(0)(self)

            def log_message(self, *args: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/file.bin"

    def endless(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        """Send 64 MiB without saying so before, or until nobody listens."""
        answer(handler, 200)
        try:
            for _ in range(1024):
                self.sent += handler.wfile.write(bytes(2**16))
        except OSError:
            pass


def answer(handler: http.server.BaseHTTPRequestHandler, status: int, **headers: str) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()


def whole(body: bytes = BODY, stop: int | None = None, silent: bool = False) -> Answer:
    """Answer with all of `body`, whatever the request; break off after `stop` bytes of it."""

    def send(handler: http.server.BaseHTTPRequestHandler) -> None:
        answer(handler, 200, **({} if silent else {"Content_Length": str(len(body))}))
        with contextlib.suppress(OSError):  # nobody listens any more
            handler.wfile.write(body[:stop])

    return send


def rest(stop: int | None = None, shift: int = 0) -> Answer:
    """Answer with what the request asked for; break off at byte `stop`."""

    def send(handler: http.server.BaseHTTPRequestHandler) -> None:
        start = int(handler.headers["Range"].removeprefix("bytes=").removesuffix("-")) + shift
        span = f"bytes {start}-{len(BODY) - 1}/{len(BODY)}"
        answer(handler, 206, Content_Range=span, Content_Length=str(len(BODY) - start))
        handler.wfile.write(BODY[start:stop])

    return send


def only(status: int, **headers: str) -> Answer:
    return lambda handler: answer(handler, status, **headers)


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    site = Site()
    with site.server:
        thread = threading.Thread(target=site.server.serve_forever, args=(0.01,))
        thread.start()
        yield site
        site.server.shutdown()
        thread.join()
    assert not site.answers, "the script was not played to its end"


@pytest.fixture
def download(site: Site) -> Download:
    return Download("file.bin", site.url, len(BODY), SHA256, "for tests")


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def get(download: Download, tmp_path: Path, pauses: list[float]) -> Callable[..., Path]:
    """Fetch the download, or one that differs in some fields, without a bar or a real pause."""
    return lambda **changes: fetch(
        replace(download, **changes), tmp_path, progress=False, pause=pauses.append
    )


@pytest.fixture
def partial(tmp_path: Path) -> Path:
    return tmp_path / "file.bin.partial"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_arrives_in_a_new_folder_and_nothing_beside_it(
    site: Site, download: Download, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site.answers = [whole()]
    path = fetch(download, tmp_path / "new" / "folder")
    assert path == tmp_path / "new" / "folder" / "file.bin"
    assert path.read_bytes() == BODY
    assert names(path.parent) == ["file.bin"]
    printed = capsys.readouterr()
    assert not printed.out
    assert "file.bin: 100%" in printed.err
    assert "256k/256k" in printed.err


def test_without_progress_nothing_is_shown(
    site: Site, get: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    site.answers = [whole()]
    get()
    assert capsys.readouterr() == ("", "")


def test_a_right_file_is_returned_without_asking(
    site: Site, get: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "file.bin").write_bytes(BODY)
    assert get() == tmp_path / "file.bin"
    assert site.ranges == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (BODY[:-1], r"is there, but it has 255,999 bytes, expected are 256,000; delete or move"),
        (BODY[::-1], r"is there, but its SHA-256 is \w{64}, expected is \w{64}; delete or move"),
    ],
)
def test_a_wrong_file_that_is_there_is_refused_and_left_alone(
    site: Site, get: Callable[..., Path], tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "file.bin").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        get()
    assert (tmp_path / "file.bin").read_bytes() == content
    assert site.ranges == []


@pytest.mark.parametrize("size", [len(BODY), None])
def test_a_broken_connection_is_taken_up_where_it_broke(
    site: Site, get: Callable[..., Path], pauses: list[float], tmp_path: Path, size: int | None
) -> None:
    site.answers = [whole(stop=100_000), rest(stop=200_001), rest()]
    assert get(size=size).read_bytes() == BODY
    assert site.ranges == [None, "bytes=100000-", "bytes=200001-"]
    assert pauses == PAUSES[:2]
    assert names(tmp_path) == ["file.bin"]


def test_an_end_that_comes_early_without_a_length_is_taken_up(
    site: Site, get: Callable[..., Path]
) -> None:
    site.answers = [whole(stop=100_000, silent=True), rest()]
    assert get().read_bytes() == BODY


def test_what_an_earlier_call_left_is_not_asked_for_again(
    site: Site, get: Callable[..., Path], partial: Path
) -> None:
    partial.write_bytes(BODY[:70_000])
    site.answers = [rest()]
    assert get().read_bytes() == BODY
    assert site.ranges == ["bytes=70000-"]


@pytest.mark.parametrize("silent", [False, True])
def test_a_server_that_ignores_ranges_is_read_anew(
    site: Site, get: Callable[..., Path], partial: Path, silent: bool
) -> None:
    partial.write_bytes(BODY[:70_000])
    site.answers = [whole(silent=silent)]
    assert get().read_bytes() == BODY
    assert site.ranges == ["bytes=70000-"]


def test_a_part_that_was_not_asked_for_is_not_written(
    site: Site, get: Callable[..., Path], partial: Path
) -> None:
    partial.write_bytes(BODY[:70_000])
    site.answers = [rest(shift=256), rest()]
    assert get().read_bytes() == BODY


def test_a_partial_file_that_is_whole_is_only_verified(
    site: Site, get: Callable[..., Path], partial: Path
) -> None:
    partial.write_bytes(BODY)
    site.answers = [only(416)]
    assert get().read_bytes() == BODY
    assert site.ranges == ["bytes=256000-"]


@pytest.mark.parametrize("stale", [BODY[::-1], BODY + b"more"])
def test_a_partial_file_of_something_else_is_read_anew(
    site: Site, get: Callable[..., Path], partial: Path, pauses: list[float], stale: bytes
) -> None:
    partial.write_bytes(stale)
    site.answers = [only(416), whole()]
    assert get().read_bytes() == BODY
    assert site.ranges == [f"bytes={len(stale)}-", None]
    assert not pauses


@pytest.mark.parametrize(
    ("length", "answers"), [(256_000, [only(416, Content_Range="bytes */256000")]), (256_004, [])]
)
def test_without_a_hash_only_the_server_can_say_that_a_partial_file_is_whole(
    site: Site, get: Callable[..., Path], partial: Path, length: int, answers: list[Answer]
) -> None:
    partial.write_bytes((BODY + b"more")[:length])
    site.answers = answers or [only(416, Content_Range="bytes */256000"), whole()]
    assert get(size=None, sha256=None).read_bytes() == BODY


def test_a_failing_server_is_asked_again_after_growing_pauses(
    site: Site, get: Callable[..., Path], pauses: list[float]
) -> None:
    site.answers = [only(503), only(503), only(500), whole()]
    assert get().read_bytes() == BODY
    assert pauses == PAUSES


def test_after_the_last_try_what_came_is_kept(
    site: Site, get: Callable[..., Path], pauses: list[float], partial: Path, tmp_path: Path
) -> None:
    site.answers = [whole(stop=100_000), only(503), only(503), rest(stop=150_000)]
    told = r"could not be fetched in 4 tries \(.*after 150,000 of 256,000 bytes\).*goes on where"
    with pytest.raises(ConnectionError, match=told):
        get()
    assert pauses == PAUSES
    assert names(tmp_path) == ["file.bin.partial"]
    assert partial.read_bytes() == BODY[:150_000]


def test_a_server_that_is_not_there_is_told_in_a_sentence(
    get: Callable[..., Path], pauses: list[float]
) -> None:
    with pytest.raises(ConnectionError, match=r"could not be fetched in 4 tries .*check the conn"):
        get(url="http://127.0.0.1:9/file.bin")
    assert pauses == PAUSES


@pytest.mark.parametrize("status", [202, 204, 401, 403, 404, 410, 429])
def test_an_answer_without_the_file_is_not_repeated(
    site: Site, get: Callable[..., Path], partial: Path, pauses: list[float], status: int
) -> None:
    """202 is what a server answers that wants to see a browser first."""
    partial.write_bytes(BODY[:70_000])
    site.answers = [only(status)]
    with pytest.raises(ConnectionError, match=rf"the answer {status} \(.+\); .*in a browser.*bin"):
        get()
    assert not pauses
    assert partial.read_bytes() == BODY[:70_000]


@pytest.mark.parametrize("size", [10, 100_000])
def test_a_body_that_is_too_long_is_stopped_while_it_comes(
    site: Site, get: Callable[..., Path], tmp_path: Path, pauses: list[float], size: int
) -> None:
    site.answers = [site.endless]
    with pytest.raises(ValueError, match=f"it has more bytes, expected are {size:,}.*deleted"):
        get(size=size)
    assert site.sent < 2**25
    assert not pauses
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("body", "changes", "message"),
    [
        (BODY[::-1], {}, r"the right file.bin: its SHA-256 is \w{64}, expected is \w{64}. It was"),
        (BODY[::-1], {"size": None}, r"its SHA-256 is \w{64}, expected is \w{64}. It was deleted"),
        (BODY + b"!", {}, r"it has more bytes, expected are 256,000. It was deleted"),
        (BODY * 9, {}, r"it has more bytes, expected are 256,000. It was deleted"),
        (BODY[1:], {}, r"it has 255,999 bytes, expected are 256,000. It was deleted"),
        (BODY[1:], {"sha256": None}, r"it has 255,999 bytes, expected are 256,000"),
    ],
)
def test_wrong_content_is_refused_and_removed(
    site: Site,
    get: Callable[..., Path],
    tmp_path: Path,
    pauses: list[float],
    body: bytes,
    changes: dict[str, None],
    message: str,
) -> None:
    site.answers = [whole(body)]
    with pytest.raises(ValueError, match=message):
        get(**changes)
    assert not pauses
    assert not list(tmp_path.iterdir())


def test_what_a_stale_part_made_wrong_is_removed_so_that_the_next_call_is_right(
    site: Site, get: Callable[..., Path], partial: Path
) -> None:
    partial.write_bytes(bytes(70_000))
    site.answers = [rest(), whole()]
    with pytest.raises(ValueError, match="its SHA-256 is"):
        get()
    assert get().read_bytes() == BODY


@pytest.mark.parametrize("there", [False, True])
def test_a_file_without_a_pinned_hash_is_called_unverified_with_what_to_pin(
    site: Site,
    get: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    there: bool,
) -> None:
    if there:
        (tmp_path / "file.bin").write_bytes(BODY)
    else:
        site.answers = [whole()]
    assert get(size=None, sha256=None).read_bytes() == BODY
    printed = capsys.readouterr().out
    assert "file.bin was NOT verified" in printed
    assert f"size=256000, sha256='{SHA256}'" in printed


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/file.bin",
        "http://127.0.0.1@example.org/file.bin",
        "http://127.0.0.1.example.org/file.bin",
        "ftp://127.0.0.1/file.bin",
        "file:///etc/hostname",
        "data:text/plain,a",
        "file.bin",
    ],
)
def test_only_https_is_fetched(get: Callable[..., Path], tmp_path: Path, url: str) -> None:
    with pytest.raises(ValueError, match="is not fetched; give a URL that begins with https://"):
        get(url=url)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("where", ["http://example.org/a", "file:///etc/hostname", "ftp://a.org/a"])
def test_a_redirect_away_from_https_is_refused(
    site: Site, get: Callable[..., Path], tmp_path: Path, pauses: list[float], where: str
) -> None:
    site.answers = [only(302, Location=where)]
    with pytest.raises(ConnectionError, match=rf"the answer 302 \(.*{where}.*(only https|allowed)"):
        get()
    assert not pauses
    assert not list(tmp_path.iterdir())


def test_a_page_of_the_web_cannot_lead_to_a_server_on_this_machine() -> None:
    assert not downloads._is_allowed("http://127.0.0.1:8888/api", "https://example.org/file.bin")
    assert downloads._is_allowed("https://example.org/b", "https://example.org/a")


def test_a_redirect_keeps_the_range(site: Site, get: Callable[..., Path], partial: Path) -> None:
    partial.write_bytes(BODY[:70_000])
    site.answers = [only(302, Location=site.url + "2"), rest()]
    assert get().read_bytes() == BODY
    assert site.ranges == ["bytes=70000-"] * 2


class Failing(io.FileIO):
    """A file on a disk that takes 100,000 bytes, or is stopped there by Ctrl-C."""

    error: BaseException

    def write(self, content: bytes) -> int:  # type: ignore[override]
        taken = super().write(content[: 100_000 - self.tell()])
        if taken < len(content):
            raise self.error
        return taken


@pytest.mark.parametrize(
    ("error", "raised", "message"),
    [
        (
            OSError(errno.ENOSPC, "No space"),
            OSError,
            "^The disk is full. Make room and fetch again",
        ),
        (OSError(errno.EIO, "Input/output error"), OSError, "Input/output error"),
        (KeyboardInterrupt(), KeyboardInterrupt, None),
    ],
)
def test_a_full_disk_or_a_stop_leaves_what_came_and_the_next_call_goes_on(
    site: Site,
    get: Callable[..., Path],
    partial: Path,
    pauses: list[float],
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    raised: type[BaseException],
    message: str | None,
) -> None:
    site.answers = [whole(), rest()]
    monkeypatch.setattr(Failing, "error", error, raising=False)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", lambda path, mode: Failing(path, mode.replace("b", "")))
        with pytest.raises(raised, match=message):
            get()
    assert not pauses
    assert partial.read_bytes() == BODY[:100_000]
    assert get().read_bytes() == BODY
    assert site.ranges == [None, "bytes=100000-"]


def test_what_the_project_offers_is_fetched_safely_and_with_its_terms() -> None:
    assert len({download.name for download in DOWNLOADS.values()}) == len(DOWNLOADS)
    for download in DOWNLOADS.values():
        assert download.url.startswith("https://")
        assert Path(download.name).name == download.name
        assert any(licence in download.terms for licence in ("MIT", "CC BY 4.0"))
        assert download.sha256 is None or len(download.sha256) == 64
