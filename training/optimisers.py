"""The optimisers of a stage, with their parameter groups, rates and schedules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import torch

    from training.schedule import Moment, Schedule


class ScheduledOptimiser(NamedTuple):
    """A torch optimiser and the schedule of its rates.

    The schedule gets the initial rate (``lr``) of a parameter group and the moment.
    """

    optimiser: torch.optim.Optimizer
    schedule: Schedule


class Optimisers:
    """All optimisers of a stage, stepped together, with a common bound of the gradient norm.

    A stage calls ``zero_grad``, adds gradients, and calls ``step``.
    """

    def __init__(
        self, named: Mapping[str, ScheduledOptimiser], clip_norm: float | None = None, clipped: Iterable[Any] = ()
    ) -> None:
        """Take the present rates of the groups as their initial rates.

        Args:
            named: optimisers by name; checkpoints use the names.
            clip_norm: largest norm of the gradient of ``clipped``; None does not clip.
            clipped: parameters whose gradient is clipped.
        """
        self._named = dict(named)
        self._clip_norm, self._clipped = clip_norm, list(clipped)
        for group in self._groups():
            group.setdefault("initial_lr", group["lr"])

    def zero_grad(self) -> None:
        """Clear all gradients."""
        for part in self._named.values():
            part.optimiser.zero_grad(set_to_none=True)

    def step(self, moment: Moment, *, before: Callable[[], None] | None = None) -> None:
        """Set the rates of the moment, clip the gradient, and update the parameters.

        Args:
            moment: the step of the stage.
            before: called after clipping, for example to scale the gradients of one optimiser.
        """
        import torch

        for part in self._named.values():
            for group in part.optimiser.param_groups:
                group["lr"] = part.schedule(group["initial_lr"], moment)
        if self._clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(self._clipped, self._clip_norm)
        if before is not None:
            before()
        for part in self._named.values():
            part.optimiser.step()

    def rates(self) -> dict[str, list[float]]:
        """The present rates of the groups of every optimiser."""
        return {
            name: [float(group["lr"]) for group in part.optimiser.param_groups] for name, part in self._named.items()
        }

    def state_dict(self) -> dict[str, Any]:
        """State of all optimisers by name; schedules have no state."""
        return {name: part.optimiser.state_dict() for name, part in self._named.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        for name, part in self._named.items():
            part.optimiser.load_state_dict(state[name])

    def _groups(self) -> Iterable[dict[str, Any]]:
        return (group for part in self._named.values() for group in part.optimiser.param_groups)


def decay_groups(model: torch.nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Two groups of the trainable parameters: gains, biases and other vectors do not decay (CLIP's appendix F)."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [
        {"params": [parameter for parameter in trained if parameter.ndim >= 2], "weight_decay": weight_decay},
        {"params": [parameter for parameter in trained if parameter.ndim < 2], "weight_decay": 0.0},
    ]
