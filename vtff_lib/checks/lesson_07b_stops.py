"""The checks of lesson 07b, third part: a test that finds what a stopped run forgets."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from vtff_lib.checks.faults import judge_test
from vtff_lib.checks.judging import exercise

STEPS = 4  # to an epoch
GOALS = torch.tensor([[1.0, 0.0, 2.0], [0.0, 3.0, 1.0], [2.0, 1.0, 0.0], [4.0, 1.0, 1.0]])


class Run:
    """A run of few weights: momentum, a rate that falls, and an order from seed and epoch."""

    def __init__(self) -> None:
        self.weight, self.momentum, self.number = torch.zeros(3), torch.zeros(3), 0

    def order(self) -> Tensor:
        """Return the order of the images in this epoch."""
        dice = torch.Generator().manual_seed(self.number // STEPS)
        return torch.randperm(STEPS, generator=dice)

    def step(self) -> None:
        """Learn from the next image."""
        wanted = GOALS[self.order()[self.number % STEPS]]
        self.momentum.mul_(0.9).add_(self.weight - wanted)
        self.weight.sub_(self.momentum, alpha=0.5 / (1 + self.number))
        self.number += 1

    def state(self) -> dict[str, Any]:
        """Return all that is needed to go on."""
        weight, momentum = self.weight.clone(), self.momentum.clone()
        return {"weight": weight, "momentum": momentum, "number": self.number}

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.weight = state["weight"].clone()
        self.momentum = state["momentum"].clone()
        self.number = state["number"]


class DrawnRun(Run):
    """A run that draws its orders one after another."""

    def __init__(self) -> None:
        super().__init__()
        self.dice, self.drawn = torch.Generator().manual_seed(5), torch.zeros(0)

    def order(self) -> Tensor:
        """Draw a new order when an epoch begins."""
        if self.number % STEPS == 0:
            self.drawn = torch.randperm(STEPS, generator=self.dice)
        return self.drawn

    def state(self) -> dict[str, Any]:
        """Return the order of this epoch beside all else."""
        return super().state() | {"drawn": self.drawn.clone()}

    def load(self, state: dict[str, Any]) -> None:
        """Go on with the order of this epoch."""
        super().load(state)
        self.drawn = state["drawn"].clone()


class CarefulRun(DrawnRun):
    """It keeps its random state, too."""

    def state(self) -> dict[str, Any]:
        """Return the random state beside all else."""
        return super().state() | {"dice": self.dice.get_state()}

    def load(self, state: dict[str, Any]) -> None:
        """Go on with the random state."""
        super().load(state)
        self.dice.set_state(state["dice"])


class Plain(Run):
    """A run without momentum, whose state is plain numbers."""

    def step(self) -> None:
        """Learn from the next image."""
        wanted = GOALS[self.order()[self.number % STEPS]]
        self.weight = self.weight - 0.3 * (self.weight - wanted)
        self.number += 1

    def state(self) -> dict[str, Any]:
        """Return all that is needed to go on."""
        return {"weights": self.weight.tolist(), "steps": self.number}

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.weight, self.number = torch.tensor(state["weights"]), state["steps"]


class WithoutMomentum(Run):
    """It starts with no momentum again."""

    def load(self, state: dict[str, Any]) -> None:
        """Forget the momentum."""
        super().load(state | {"momentum": torch.zeros(3)})


class WithoutNumber(Run):
    """It counts its steps from 0 again, and takes the first rate."""

    def load(self, state: dict[str, Any]) -> None:
        """Forget the number of the step."""
        super().load(state | {"number": 0})


class ByEpochs(Run):
    """It knows the epoch, and begins it anew."""

    def load(self, state: dict[str, Any]) -> None:
        """Forget how far the epoch was."""
        super().load(state | {"number": state["number"] // STEPS * STEPS})


class TwiceTheLast(Run):
    """Killed between two epochs, it learns the last image of the old one again."""

    def load(self, state: dict[str, Any]) -> None:
        """Go one step back where an epoch ended."""
        number = state["number"]
        back = number > 0 and number % STEPS == 0
        super().load(state | {"number": number - back})


class LentIn(Run):
    """It goes on with the very tensors of the state, which change with it."""

    def load(self, state: dict[str, Any]) -> None:
        """Take the tensors themselves."""
        self.weight, self.momentum = state["weight"], state["momentum"]
        self.number = state["number"]


class LentOut(Run):
    """Its state is no copy, and changes with the run."""

    def state(self) -> dict[str, Any]:
        """Return the tensors themselves."""
        return {"weight": self.weight, "momentum": self.momentum, "number": self.number}


RIGHT: dict[str, type[Run]] = {
    "its orders follow from seed and epoch": Run,
    "it draws its orders, and keeps its random state": CarefulRun,
    "it does without momentum, and writes its weights down as a list": Plain,
}
FAULTY: dict[str, type[Run]] = {
    "forgets its random state: it is right until the epoch is over": DrawnRun,
    "forgets its momentum: what is loaded is right, and the next step is not": WithoutMomentum,
    "counts its steps from 0 again": WithoutNumber,
    "begins its epoch anew: it is right where an epoch ends": ByEpochs,
    "goes wrong only where it is stopped just when an epoch has ended": TwiceTheLast,
    "hands out a state that is no copy: a step that follows changes it": LentOut,
    "goes on with the tensors of the state itself: whoever loads it a second time gets others": (
        LentIn
    ),
}


@exercise("07b", "Find the fault: does a stopped run go on?")
def fault_in_resume(answer: Callable[[type[Run]], Any]) -> str:
    """Check Exercise 3 of lesson 07b: a test for runs, tried on right and faulty ones."""
    judge_test(answer, RIGHT, FAULTY)
    return (
        f"Your test lets {len(RIGHT)} right runs pass, and catches {len(FAULTY)} that go wrong. "
        "Lesson 07's loop needs no random state in its checkpoint: that is one thing less to "
        "forget."
    )
