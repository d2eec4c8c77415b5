"""Whatever an answer does, a check says what is wrong, in time, and leaves all as it was.

FUZZ=5000 tries more odd answers than the few hundred of every run.
"""

import contextlib
import copy
import functools
import itertools
import json
import os
import random
import signal
import sys
import threading
import time
import warnings
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.lessons import NUMBERS, tables
from vtff_lib import checks
from vtff_lib.checks import judging, time_limit
from vtff_lib.checks.judging import EXERCISES, Verdict, call, exercise, require, require_tensor
from vtff_lib.checks.solved import SOLVED, SolvedExercises, progress_file

ANSWERS = {name: a for number in NUMBERS for name, a in tables(number).ANSWERS.items()}
FUZZ = int(os.environ.get("FUZZ", "400"))
SECONDS = judging.SECONDS  # for learners; tests have more
QUICK = 0.3  # seconds for an answer that never ends


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    """No test reads or writes the progress of whoever runs it."""
    monkeypatch.setenv("VTFF_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.setattr(SOLVED, "_solved", set())


def made(demand):
    """Make a check that is not registered."""
    check = exercise("99", "Try.")(demand)
    del EXERCISES[demand.__name__]
    return check


@made
def doubled(answer):
    require(call(answer, 4) == 8, "Four should give eight.")
    return "Doubled."


@made
def halved(answer):
    given = torch.arange(6.0)
    require(bool((require_tensor(call(answer, given), (6,), "Half") == given / 2).all()), "No.")
    return "Halved."


# Answers that do not end.


def loops(number):
    while True:
        pass


def catches_everything(number):
    while True:
        try:
            len(str(number))
        except:  # noqa: E722
            number = 0


def sleeps_whatever_comes(number):
    while True:
        with contextlib.suppress(BaseException):
            time.sleep(0.05)


def goes_on_finally(number):
    while True:
        try:
            time.sleep(0.001)
        finally:
            continue  # noqa: B012


def calls_itself_whatever_comes(number):
    try:
        return calls_itself_whatever_comes(number)
    except:  # noqa: E722
        return calls_itself_whatever_comes(number)


def waits(number):
    threading.Event().wait()


def collects(number):
    return [each for each in itertools.count() if each < 0]


class Endless:
    def __eq__(self, other):
        return loops(other)

    __hash__ = None


def is_never_compared(number):
    return Endless()


class Chatty(Exception):  # noqa: N818
    def __str__(self):
        return loops(0)


class Shy:
    def __eq__(self, other):
        raise Chatty

    __hash__ = None


def fails_at_length(number):
    return Shy()


def checks_another(number):
    doubled(loops)
    return 8


ENDLESS = [
    loops,
    catches_everything,
    sleeps_whatever_comes,
    goes_on_finally,
    calls_itself_whatever_comes,
    waits,
    collects,
    is_never_compared,
    fails_at_length,
]


def in_a_thread(check, answer):
    """Return the verdict of a check that is called outside the main thread."""
    verdicts = []
    thread = threading.Thread(target=lambda: verdicts.append(check(answer)))
    thread.start()
    thread.join()
    return verdicts[0]


def in_a_process(work):
    """Return the words of `work()`; a thread that it leaves behind ends with its process."""
    reading, writing = os.pipe()
    with warnings.catch_warnings(action="ignore"):  # of threads, which are PyTorch's and idle
        child = os.fork()
    if not child:
        try:
            os.write(writing, work().encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as pipe:
        words = pipe.read()
    os.waitpid(child, 0)
    return words


@pytest.mark.parametrize("answer", [*ENDLESS, checks_another], ids=lambda a: a.__name__)
def test_an_answer_that_never_ends_is_stopped(monkeypatch, answer):
    monkeypatch.setattr(judging, "SECONDS", QUICK)
    began, handler = time.monotonic(), signal.getsignal(signal.SIGALRM)
    verdict = doubled(answer)
    assert time.monotonic() - began < 8
    assert "still at work, so it was stopped" in verdict.words
    assert (signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)[0]) == (
        handler,
        0,
    )
    assert doubled(lambda number: 2 * number)  # nothing is left of the alarm


@pytest.mark.parametrize("answer", ENDLESS, ids=lambda a: a.__name__)
def test_so_it_is_outside_the_main_thread(monkeypatch, answer):
    monkeypatch.setattr(judging, "SECONDS", QUICK)
    began = time.monotonic()
    words = in_a_process(lambda: in_a_thread(doubled, answer).words)
    assert "still at work, so it was stopped" in words
    assert time.monotonic() - began < 8
    assert in_a_thread(doubled, lambda number: 2 * number)


def test_a_check_ends_within_ten_seconds():
    assert SECONDS + time_limit.GRACE < 10


def test_a_module_is_imported_whole_or_not_at_all(tmp_path, monkeypatch):
    monkeypatch.setattr(judging, "SECONDS", QUICK)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "slow_to_import.py").write_text("import time\ntime.sleep(0.6)\nwhole = True\n")

    def imports(number):
        import slow_to_import

        time.sleep(0.1)
        return slow_to_import

    for check in (doubled, functools.partial(in_a_thread, doubled)):
        assert "still at work" in check(imports).words
        assert sys.modules.pop("slow_to_import").whole


def test_a_timer_of_the_learner_goes_on():
    rung = []
    before = signal.signal(signal.SIGALRM, lambda number, frame: rung.append(number))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.4)
        assert doubled(lambda number: time.sleep(0.1) or 8)
        assert 0 < signal.getitimer(signal.ITIMER_REAL)[0] < 0.35
        time.sleep(0.4)
        assert rung
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


# Answers that end otherwise than by returning.


class Mute(Exception):  # noqa: N818
    def __str__(self):
        raise SystemExit


def raising(error):
    def answer(*given, **named):
        raise error

    return answer


RAISED = [SystemExit(3), KeyboardInterrupt(), GeneratorExit(), RecursionError(), Mute(), Warning()]


@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
def test_whatever_is_raised_by_hand_is_told(error):
    assert f"it raised {type(error).__name__}" in doubled(raising(error)).words


def test_an_error_is_told_in_few_words_that_can_be_shown():
    words = doubled(raising(ValueError("\ud800" + "x" * 10**6))).words
    assert len(words) < 2000
    assert words.encode()


def test_ctrl_c_is_the_learners():
    # A shell has what it starts in the background ignore it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            doubled(lambda number: signal.raise_signal(signal.SIGINT))
    finally:
        signal.signal(signal.SIGINT, before)


class Unwritten(nn.Module):
    pass


@pytest.mark.parametrize(
    "answer",
    [
        lambda given: given.to("meta").tolist(),
        lambda given: given.to(torch.complex64) >> 1,
        lambda given: given.to_sparse().eq(given),
        Unwritten(),
    ],
)
def test_what_pytorch_has_not_implemented_is_no_untouched_stub(answer):
    assert "it raised NotImplementedError: " in halved(answer).words


@torch.no_grad()
def decorated_stub(given):
    raise NotImplementedError


def test_a_stub_is_to_be_done_however_it_is_called():
    for stub in (decorated_stub, functools.partial(decorated_stub), lambda x: decorated_stub(x)):
        assert halved(stub).words.startswith("To do")


# All that is lent comes back.


def upsets_everything(number):
    torch.set_default_dtype(torch.float64)
    torch.set_default_device("meta")
    torch.set_num_threads(torch.get_num_threads() + 1)
    torch.set_grad_enabled(False)
    torch.set_autocast_enabled("cpu", True)
    torch.autograd.set_detect_anomaly(True)
    torch.inference_mode().__enter__()
    np.seterr(all="raise")
    sys.setrecursionlimit(sys.getrecursionlimit() + 1)
    warnings.simplefilter("error")
    sys.stdout, sys.stderr = None, None
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    for seed in (random.seed, np.random.seed, torch.manual_seed):
        seed(5)
    return 8


def surroundings():
    return (
        torch.get_default_dtype(),
        torch.get_default_device(),
        torch.get_num_threads(),
        torch.is_grad_enabled(),
        torch.is_autocast_enabled("cpu"),
        torch.is_anomaly_enabled(),
        torch.is_inference_mode_enabled(),
        torch.random.get_rng_state().tolist(),
        random.getstate(),
        str(np.random.get_state()),  # noqa: NPY002
        np.geterr(),
        sys.getrecursionlimit(),
        list(warnings.filters),
        (sys.stdout, sys.stderr),
        signal.getsignal(signal.SIGALRM),
        torch.cuda._lazy_seed_tracker.get_calls(),
    )


@pytest.mark.parametrize("answer", [upsets_everything, lambda n: upsets_everything(n) / 0])
def test_settings_and_dice_come_back(answer):
    torch.manual_seed(7)  # a seed that waits for a GPU, where there is one
    before = surroundings()
    doubled(answer)
    assert surroundings() == before


@pytest.mark.parametrize("name", ["learn_in_parts", "selective_fusion"])
def test_a_check_does_not_depend_on_what_the_notebook_has_chosen(name):
    torch.set_default_dtype(torch.float64)
    try:
        with torch.inference_mode():
            verdict = getattr(checks, name)(ANSWERS[name].right[0])
    finally:
        torch.set_default_dtype(torch.float32)
    assert verdict, verdict  # it needs gradients
    assert "float" not in verdict.words


MODULE = nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1))


def wrecks(module):
    def answer(number):
        for part in module.modules():
            part.train(not part.training)
        module(torch.ones(3, 1)).sum().backward()
        with torch.no_grad():
            for tensor in (*module.parameters(), *module.buffers()):
                tensor += 1
        module[0].weight.requires_grad_(False)
        module[1].register_forward_hook(print)
        module[0].bias = None
        module[1].double()
        module.append(nn.ReLU())
        return 8

    return answer


class Answerer:
    def __init__(self, module):
        self.module = module

    def __call__(self, number):
        return wrecks(self.module)(number)


class Named:
    @staticmethod
    def answer(number):
        return wrecks(MODULE)(number)

    def __call__(self, number):
        return self.answer(number)


def moves(parameter):
    parameter.data.add_(1)
    return 8


HOLDERS = {
    "closure": lambda: wrecks(MODULE),
    "global": lambda: lambda number: wrecks(MODULE)(number),
    "partial": lambda: functools.partial(lambda module, number: wrecks(module)(number), MODULE),
    "object": lambda: Answerer(MODULE),
    "method": lambda: Answerer(MODULE).__call__,
    "decorated": lambda: torch.no_grad()(torch.enable_grad()(wrecks(MODULE))),
    "default": lambda: lambda number, module=MODULE: wrecks(module)(number),
    "inner function": lambda: lambda number: next(wrecks(MODULE)(number) for _ in "1"),
    "cache": lambda: functools.cache(lambda number: wrecks(MODULE)(number)),
    "class": lambda: Named.answer,
    "its class": lambda: Named(),
    "deque": lambda: lambda number, held=deque([MODULE]): wrecks(held[0])(number),
    "parameters": lambda: lambda number, held=MODULE[0].weight: moves(held),
}


def inside(module):
    return [
        (name, part.training, len(part._forward_hooks), part.__class__)
        for name, part in module.named_modules()
    ]


def test_the_learners_own_generators_come_back():
    torchs, numpys = torch.Generator().manual_seed(1), np.random.default_rng(1)
    old, pythons = np.random.RandomState(1), random.Random(1)

    def states():
        own = numpys.bit_generator.state, old.get_state()[1].tolist(), pythons.getstate()
        return torchs.get_state().tolist(), *own

    def answer(number):
        torch.rand(3, generator=torchs)
        return [numpys.random(), old.random_sample(), pythons.random(), 8][-1]

    before = states()
    assert doubled(answer)
    assert states() == before


def test_a_function_that_names_what_is_not_there_yet_gets_a_verdict():
    verdict = doubled(lambda number: later + number)
    later = 4
    assert "NameError" in verdict.words
    assert doubled(lambda number: later + number)


def test_checks_in_several_threads_give_all_back():
    """Each finds what the one before it had set, and would give that back."""
    torch.set_default_dtype(torch.float64)
    before, answer = surroundings(), lambda number: time.sleep(0.01) or 8
    with ThreadPoolExecutor(4) as pool:
        verdicts = list(pool.map(doubled, [answer] * 8))
    after = surroundings()
    torch.set_default_dtype(torch.float32)
    assert all(verdicts)
    assert after == before


@pytest.mark.parametrize("holder", HOLDERS.values(), ids=HOLDERS)
def test_the_learners_modules_come_back(holder):
    MODULE.zero_grad()
    MODULE[0].weight.grad = torch.full((1, 1), 7.0)
    parameters, state = list(MODULE.parameters()), copy.deepcopy(MODULE.state_dict())
    before = inside(MODULE)
    assert doubled(holder())
    assert inside(MODULE) == before
    assert all(x is y for x, y in zip(MODULE.parameters(), parameters, strict=True))
    assert all(part.requires_grad for part in MODULE.parameters())
    assert [None if p.grad is None else p.grad.item() for p in parameters] == [7, None, None, None]
    after = MODULE.state_dict()
    assert after.keys() == state.keys()
    assert all(after[k].dtype == v.dtype and torch.equal(after[k], v) for k, v in state.items())


class Secretive:
    """Nothing about it can be asked."""

    def __getattribute__(self, name):
        raise KeyboardInterrupt

    def __call__(self, number):
        return 8


class Compared(nn.Linear):
    def __eq__(self, other):
        raise SystemExit


def test_odd_modules_and_objects_are_left_alone():
    module = nn.Sequential(Compared(1, 1), nn.LazyLinear(3), nn.Linear(1, 1, device="meta"))
    module.register_buffer("wide", torch.ones(1).expand(5))
    module.register_buffer("made", 2 * module[0].weight)
    assert doubled(lambda number: module and 8)
    assert doubled(Secretive())
    assert doubled(functools.partial(lambda held, number: 8, Secretive()))


def test_a_module_that_answers_keeps_its_statistics():
    norm = nn.BatchNorm1d(6).train()

    @made
    def any_map(answer):
        require_tensor(call(answer, torch.randn(4, 6)), (4, 6), "It")
        return "Yes."

    assert any_map(norm)
    assert norm.training
    assert norm.num_batches_tracked == 0
    assert not norm.running_mean.any()


def test_of_what_is_printed_the_beginning_is_shown(capsys):
    def floods(number):
        for _ in range(3):
            print("x" * 10**6)
            print("y" * 10**6, file=sys.stderr)
        sys.stdout.close()
        return 8

    assert doubled(floods)
    for shown in capsys.readouterr():
        assert 5_000 < len(shown) < 20_000
        assert shown.endswith("… (what follows is not shown)\n")


def test_a_warning_breaks_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert doubled(lambda number: warnings.warn("odd", stacklevel=1) or 8)


# What is expected does not depend on what the answer does to its inputs.


def wreck(value):
    """Spoil everything that was given."""
    if isinstance(value, Tensor) and value.is_leaf:
        value.data.zero_()
    elif isinstance(value, nn.Module):
        value.train(not value.training)
        for tensor in (*value.parameters(), *value.buffers()):
            tensor.data.zero_()
    elif isinstance(value, np.ndarray):
        value[...] = 0
    elif isinstance(value, list):
        value.clear()


def kept(result):
    """Return a result that no longer depends on what it was made of."""
    if isinstance(result, tuple | list):
        return type(result)(map(kept, result))
    return result.clone() if isinstance(result, Tensor) else copy.copy(result)


# What these are given is theirs to keep or to change, and to be told of.
WATCHED = {
    "lbp_of_image",
    "dot_product_attention",
    "tokens_from_map",
    "smoothed_loss",
    "moved_average",
    "expected_calibration_error",
    "learn_in_parts",
    "randomisation_control",
    "square_crop",
    "frozen_trunk",
}


@pytest.mark.parametrize("name", [name for name in ANSWERS if callable(ANSWERS[name].right[0])])
def test_an_answer_that_spoils_its_inputs_is_judged_by_what_it_returned(name):
    right = ANSWERS[name].right[0]

    def spoils(*given, **named):
        result = kept(right(*given, **named))
        for value in given:
            wreck(value)
        return result

    verdict = getattr(checks, name)(spoils)
    assert isinstance(verdict, Verdict)
    assert bool(verdict) != (name in WATCHED), verdict


# Odd values.


class Sly(Tensor):
    """A tensor that is equal to everything."""

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        if function in (torch.allclose, torch.equal, Tensor.eq, Tensor.__eq__):
            return True
        return super().__torch_function__(function, types, args, kwargs or {})


def test_a_tensor_that_compares_as_it_likes_is_compared_by_its_numbers():
    def zeros(like):
        return torch.zeros_like(like, dtype=torch.double).as_subclass(Sly)

    assert not checks.mixed_map(lambda rgb, *others: zeros(rgb))
    assert not checks.pushed_gate(lambda gate, shift: zeros(gate))


class Liar:
    """An object each of whose answers is a lie, an error or an exit."""

    def __init__(self, *effects):
        self.effects = itertools.cycle(effects)

    def lie(self, *given):
        effect = next(self.effects)
        if isinstance(effect, BaseException):
            raise effect
        return effect

    __eq__ = __bool__ = __len__ = __float__ = __int__ = __repr__ = __str__ = lie
    __iter__ = __getitem__ = __contains__ = __array__ = __index__ = __lt__ = __gt__ = lie
    __hash__ = object.__hash__

    @property
    def shape(self):
        return self.lie()


ODD_VALUES = {
    "sparse": lambda: torch.eye(3).to_sparse(),
    "csr": lambda: torch.eye(3).to_sparse_csr(),
    "meta": lambda: torch.ones(3, 3, device="meta"),
    "nested": lambda: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]),
    "quantised": lambda: torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8),
    "complex": lambda: torch.ones(3, dtype=torch.complex64),
    "half": lambda: torch.ones(3, dtype=torch.float16),
    "sly": lambda: torch.ones(3).as_subclass(Sly),
    "with gradient": lambda: torch.ones(3, requires_grad=True),
    "empty": lambda: torch.ones(0),
    "nan": lambda: torch.full((3,), float("nan")),
    "anything": lambda: mock.ANY,
    "mock": mock.MagicMock,
    "raises": lambda: Liar(ValueError("no"), SystemExit(), KeyboardInterrupt(), Mute()),
    "lies": lambda: Liar(True, 10**30, None, "", -1, float("nan")),
    "counts for ever": itertools.count,
    "itself": lambda: (lambda own: own.append(own) or own)([]),
    "deep": lambda: functools.reduce(lambda inside, _: [inside], range(10**4), []),
    "huge": lambda: 10**5000,
    "imaginary": lambda: 1j,
    "text": lambda: "\ud800\x1b[0m",
    "bytes": lambda: b"abc",
    "objects": lambda: np.array([None, "x", 10**400], dtype=object),
    "dates": lambda: np.array(["2020-01-01"], dtype="datetime64[D]"),
    "dict": lambda: {"A": 1},
    "class": lambda: Tensor,
    "module": lambda: nn.Linear(2, 2),
    "coroutine": lambda: (each for each in ()),
}
SHAPES = ((), (1,), (5, 7), (2, 3, 5, 7), (2, 256), (2, 8, 16), (2, 6, 1, 1), (3, 7, 4), (2, 15, 6))


def odd_tensor(dice: random.Random) -> Any:
    """Return a tensor of a shape that some check asks for, of any kind."""
    kinds = (torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.bool)
    tensor = torch.full(dice.choice(SHAPES), dice.choice((0.0, -1.0, 3e38, float("nan"))))
    tensor = tensor.to(dice.choice((*kinds, torch.complex64, torch.uint8)))
    turns = (Tensor.to_sparse, Tensor.tolist, Tensor.detach, lambda odd: odd.double().numpy())
    return dice.choice(turns)(tensor)


def test_any_check_has_a_verdict_for_any_odd_value(dice):
    values = [*ODD_VALUES.values(), lambda: odd_tensor(dice), lambda: [odd_tensor(dice)] * 2]
    for _ in range(FUZZ):
        name, make = dice.choice(list(ANSWERS)), dice.choice(values)
        value = make()
        answer = dice.choice((value, lambda *given, value=value, **named: value))
        verdict = getattr(checks, name)(answer)
        assert isinstance(verdict, Verdict), name
        assert not verdict, (name, make)
        assert verdict.words
        assert verdict._repr_mimebundle_()["text/html"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ANSWERS)
def test_every_check_has_a_verdict_for_every_odd_value(name):
    for make in ODD_VALUES.values():
        value = make()
        assert not getattr(checks, name)(value)
        assert not getattr(checks, name)(lambda *given, value=value, **named: value)


def test_numbers_of_another_dtype_are_right_and_told_of():
    right = ANSWERS["pushed_gate"].right[0]
    verdict = checks.pushed_gate(lambda *given: right(*given).double())
    assert verdict
    assert "should be torch.float32; yours is torch.float64." in verdict.words
    assert "float" not in checks.pushed_gate(right).words
    verdict = checks.pushed_gate(lambda *given: right(*given).half())
    assert "yours is torch.float16." in verdict.words


# Progress that is kept.


def test_two_kernels_lose_nothing_of_each_other():
    checks.keep_progress()
    kernels = SolvedExercises(), SolvedExercises()

    def solve(kernel, letter):
        for number in range(20):
            kernel.note(f"{letter}{number}", True)

    threads = [
        threading.Thread(target=solve, args=pair) for pair in zip(kernels, "ab", strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert SOLVED.names() == {f"{letter}{number}" for letter in "ab" for number in range(20)}


ODD_FILES = {
    "nothing": b"",
    "null": b"null",
    "list": b"[1]",
    "text": b'{"solved": 5}',
    "deep": b"[" * 100_000,
    "binary": b"\xff\x00",
    "digits": b'{"solved": [' + b"1" * 5000 + b"]}",
    "other names": b'{"solved": [1, null, ["x"], "doubled"]}',
    "with a mark": b'\xef\xbb\xbf{"solved": ["doubled"]}',
}


@pytest.mark.parametrize("content", ODD_FILES.values(), ids=ODD_FILES)
def test_odd_content_stops_nothing(content):
    progress_file().write_bytes(content)
    assert SOLVED.names() == ({"doubled"} if b"doubled" in content else set())
    assert doubled(lambda number: 2 * number)
    assert json.loads(progress_file().read_text()) == {"solved": ["doubled"]}


@pytest.mark.parametrize("name", ["folder", "pipe", "zero\0", "x" * 300])
def test_a_place_that_cannot_be_written_stops_nothing(tmp_path, monkeypatch, name):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.setattr("vtff_lib.checks.solved.progress_file", lambda: tmp_path / name)
    assert doubled(lambda number: 2 * number)
    assert "cannot be kept" in checks.keep_progress()
    checks.erase_progress()
    assert checks.progress()


def test_a_full_disk_stops_nothing(monkeypatch):
    checks.keep_progress()
    monkeypatch.setattr("vtff_lib.files.write", mock.Mock(side_effect=OSError(28, "No space")))
    assert doubled(lambda number: 2 * number)
    assert "No space" in checks.keep_progress()
