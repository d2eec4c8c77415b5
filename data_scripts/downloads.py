"""Downloads: resumed where they broke off, in place only when they are what they should be.

`DOWNLOADS` lists the data that the project can fetch. ImageNet weights are not among them:
torchvision downloads them itself and checks their hash. Taught in 10.
"""

import errno
import hashlib
import math
import re
import ssl
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from tqdm import tqdm

CHUNK = 2**16  # bytes
BYTES: dict[str, Any] = {"unit": "B", "unit_scale": True}
TIMEOUT = 30  # seconds without a byte
BROKEN = (URLError, ConnectionError, TimeoutError, HTTPException, ssl.SSLError)


@dataclass(frozen=True)
class Download:
    """A file that can be fetched, and how to know that it is the right one.

    Args:
        name: of the file when it is here, without a folder.
        url: where it is, `https://…`.
        size: bytes, or None if nobody has pinned it yet.
        sha256: 64 hexadecimal digits in lower case, or None if nobody has pinned it yet.
        terms: who gives it out, and what one may do with it, in a sentence or two.

    Taught in 10.
    """

    name: str
    url: str
    size: int | None
    sha256: str | None
    terms: str


FERPLUS = "FER+ labels (Microsoft), MIT licence. The pictures are not part of them."
LONDON = (
    "Face Research Lab London Set (DeBruine and Jones, 2017, figshare 5047666), CC BY 4.0: name "
    "its authors wherever you show a picture of it. The people in it agreed to its publication."
)
LABELS_AT = "https://raw.githubusercontent.com/microsoft/FERPlus/master/fer2013new.csv"
# Not figshare.com/ndownloader, which answers programs with a puzzle for browsers.
LONDON_AT = "https://ndownloader.figshare.com/files/"
DOWNLOADS = {  # name, URL, size, SHA-256, terms; what is None is not pinned yet
    "ferplus-labels": Download("fer2013new.csv", LABELS_AT, None, None, FERPLUS),
    "london-neutral": Download("neutral_front.zip", LONDON_AT + "8541961", None, None, LONDON),
    "london-smiling": Download("smiling_front.zip", LONDON_AT + "8541964", None, None, LONDON),
}


def fetch(
    download: Download,
    folder: str | Path,
    progress: bool = True,
    tries: int = 4,
    pause: Callable[[float], Any] = time.sleep,
) -> Path:
    """Download a file into `folder`, verify it, and return its path; once there, it stays.

    What came of a download that was stopped lies beside it as `.partial`, and the next call goes on
    from there. A file without a pinned hash is kept, and what to pin is printed.

    Args:
        download: what to fetch.
        folder: where to; it is made if it is missing.
        progress: whether to show a bar.
        tries: how often to ask when the connection breaks or the server fails, at least 1.
        pause: called with the seconds to wait before another try: 2, 4, 8 …

    Raises:
        ValueError: if the URL is not https, or what came, or lies there already, has another size
            or SHA-256 than expected.
        ConnectionError: if the server refuses, or no try succeeds.
        OSError: if the disk is full, or the file cannot be written for another reason.

    Taught in 10.
    """
    if not _is_allowed(download.url, download.url):
        raise ValueError(f"{download.url} is not fetched; give a URL that begins with https://.")
    target = Path(folder) / download.name
    if target.exists():
        wrong = _difference(target, download)
        if wrong:
            raise ValueError(f"{target} is there, but {wrong}; delete or move it, and fetch again.")
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f"{target.name}.partial")
        _receive_patiently(download, partial, progress, tries, pause)
        _put_in_place(partial, target, download)
    if download.sha256 is None:
        print(
            f"{target} was NOT verified, as no hash is pinned for it. If you trust it, pin this in "
            f"data_scripts/downloads.py:\nsize={target.stat().st_size}, sha256={_sha256(target)!r}"
        )
    return target


def _put_in_place(partial: Path, target: Path, download: Download) -> None:
    wrong = _difference(partial, download)
    if wrong:
        partial.unlink()
        raise ValueError(
            f"{download.url} did not give the right {target.name}: {wrong}. It was deleted. Fetch "
            "it again; if that fails too, the file has changed there, and must not be trusted."
        )
    partial.rename(target)


def _receive_patiently(
    download: Download, partial: Path, progress: bool, tries: int, pause: Callable[[float], Any]
) -> None:
    """Write the whole body to `partial`, in as many tries as it takes."""
    reason: object = "tries must be at least 1"
    for attempt in range(tries):
        if attempt:
            pause(2.0**attempt)
        try:
            return _receive(download, partial, progress)
        except HTTPError as error:
            error.close()
            if error.code < 500:
                raise ConnectionError(
                    f"{download.url} gave no file but the answer {error.code} ({error.reason}); "
                    f"download it in a browser and save it as {partial.with_suffix('')}."
                ) from error
            reason = error
        except BROKEN as error:
            reason = error
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            sentence = f"The disk is full. Make room and fetch again: it goes on after {partial}."
            raise OSError(sentence) from error
    raise ConnectionError(
        f"{download.url} could not be fetched in {tries} tries ({reason}); check the connection "
        "and fetch again: it goes on where it stopped."
    )


def _receive(download: Download, partial: Path, progress: bool) -> None:
    """Ask once, for what is missing, and write what comes; all of it anew if need be."""
    start = partial.stat().st_size if partial.exists() else 0
    try:
        response = _ask(download.url, start)
    except HTTPError as error:
        if error.code != 416 or not start:
            raise
        error.close()
        whole = download.sha256 or error.headers.get("Content-Range") == f"bytes */{start}"
        if whole and not _difference(partial, download):
            return
        partial.unlink()
        response = _ask(download.url, 0)
    with response:
        begin, end = _extent(response)
        if begin not in (0, start):
            raise ConnectionError(f"asked for what follows byte {start:,}, it sent something else")
        end, limit = end or download.size, download.size or math.inf
        bar = tqdm(None, download.name, end, initial=begin, disable=not progress, **BYTES)
        received = _write(response, partial, begin, limit, bar)
    if end and received < end and received <= limit:
        raise ConnectionError(f"the connection ended after {received:,} of {end:,} bytes")


def _ask(url: str, start: int) -> HTTPResponse:
    headers = {"User-Agent": "vtff_lib"} | ({"Range": f"bytes={start}-"} if start else {})
    opener = urllib.request.build_opener(_SafeRedirects)
    return opener.open(urllib.request.Request(url, headers=headers), timeout=TIMEOUT)


def _extent(response: HTTPResponse) -> tuple[int, int | None]:
    """Return at which byte a body begins, and how many the whole file has, if the server says."""
    if response.status == 200:  # also from a server that knows no ranges
        return 0, response.length
    said = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", response.headers.get("Content-Range", ""))
    if response.status != 206 or not said:
        status, reason, headers = response.status, response.reason, response.headers
        raise HTTPError(response.url, status, reason, headers, response)
    return int(said[1]), int(said[2])


def _write(response: HTTPResponse, partial: Path, begin: int, limit: float, bar: tqdm) -> int:
    """Write a body behind byte `begin` until it ends or passes `limit`; return how far it came."""
    received = begin
    with partial.open("ab" if begin else "wb") as file, bar:
        while received <= limit and (chunk := response.read(CHUNK)):
            received += file.write(chunk)
            bar.update(len(chunk))
    return received


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        if not _is_allowed(newurl, req.full_url):
            reason = f"{msg}: it leads to {newurl}, which is not fetched, as only https is safe"
            raise HTTPError(req.full_url, code, reason, headers, fp)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _is_allowed(url: str, origin: str) -> bool:
    """Say if `url` is https, or http from this machine to itself, as in the tests."""
    return url.startswith("https://") or (_is_local(url) and _is_local(origin))


def _is_local(url: str) -> bool:
    return url.startswith("http://") and urlsplit(url).hostname in ("127.0.0.1", "localhost")


def _difference(path: Path, download: Download) -> str:
    """Say how a file differs from what is expected; nothing if it does not."""
    size = path.stat().st_size
    if download.size is not None and size != download.size:
        amount = f"{size:,}" if size < download.size else "more"
        return f"it has {amount} bytes, expected are {download.size:,}"
    sha256 = _sha256(path)
    if download.sha256 not in (None, sha256):
        return f"its SHA-256 is {sha256}, expected is {download.sha256}"
    return ""


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
