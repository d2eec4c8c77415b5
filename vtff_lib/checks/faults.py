"""Find the fault: the learner writes a test, and it is tried on versions that are known.

A test is a function of one argument, the thing under test. It may assert, raise, or return False
for what is wrong; for what is right it returns anything else. It has to pass each right version,
however it is written, and to fail each faulty one.
"""

from collections.abc import Callable, Mapping
from typing import Any

from vtff_lib.checks.judging import Wrong, call, require
from vtff_lib.checks.time_limit import TimeUp


class Rejected(Exception):  # noqa: N818 (a test that fails has done its work)
    """What a learner's test says of a version."""


def judge_test(
    answer: Any,
    right: Mapping[str, Callable[..., Any]],
    faulty: Mapping[str, Callable[..., Any]],
) -> None:
    """Say what is wrong with a learner's test, unless it tells right versions from faulty ones.

    Args:
        answer: the test.
        right: right versions, by how each is written ("in one expression", say).
        faulty: faulty ones, by what each does ("pads with ones", say), the given one first.
    """
    for words, version in right.items():
        if (reason := _rejects(answer, version)) is not None:
            raise Wrong(
                f"Your test rejects a version that is right, only written differently ({words}): "
                f"{reason}"
            )
    for words, version in faulty.items():
        require(
            _rejects(answer, version) is not None,
            f"Your test lets a faulty version through, one that {words}. On which input does that "
            "show?",
        )


def _rejects(answer: Any, version: Callable[..., Any]) -> str | None:
    """Return why a test rejects a version, or None if it does not."""
    raised: list[BaseException] = []

    def tried(version: Callable[..., Any]) -> bool:
        try:
            verdict = answer(version)
            return repr(verdict) not in ("False", "np.False_", "tensor(False)")
        except (TimeUp, KeyboardInterrupt):
            raise
        except BaseException as error:  # what pytest raises is no Exception
            if isinstance(error, NotImplementedError) and not error.args:  # the untouched stub
                raise
            raised.append(error)
            return False

    require(callable(answer), f"Pass the test itself, not what it returned ({answer!r:.60}).")
    passed = call(tried, version)
    if passed:
        return None
    if not raised:
        return "it returned False."
    said = f"{type(raised[0]).__name__}: {raised[0]}".removesuffix(": ")
    return f"it raised {said:.200}"
