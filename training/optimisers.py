"""The optimisers of a stage, with their parameter groups, rates and schedules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from training.processes import add_gradients

if TYPE_CHECKING:
    import torch

    from training.schedule import Moment, Schedule


class ScheduledOptimiser(NamedTuple):
    """A torch optimiser and the schedule of its rates.

    The schedule gets the initial rate (``lr``) of a parameter group and the moment.
    """

    optimiser: torch.optim.Optimizer
    schedule: Schedule


class ParameterGroup(NamedTuple):
    """What an optimiser trains at one rate: its name, the number of its parameters, initial rate, and decay."""

    name: str
    numbers: int
    rate: float
    decay: float


class Optimisers:
    """All optimisers of a stage, stepped together, with a common bound of the gradient norm.

    A stage calls ``zero_grad``, then ``backward`` once or, to accumulate gradients, several times, then ``step``.

    Attributes:
        weight: share of the batch that this process trains on; gradients of all processes are added with it.
    """

    def __init__(
        self,
        named: Mapping[str, ScheduledOptimiser],
        clip_norm: float | None = None,
        clipped: Iterable[Any] = (),
        scaler: torch.amp.GradScaler | None = None,
    ) -> None:
        """Take the present rates of the groups as their initial rates.

        Args:
            named: optimisers by name; checkpoints use the names.
            clip_norm: largest norm of the gradient of ``clipped``; None does not clip.
            clipped: parameters whose gradient is clipped.
            scaler: scales losses in fp16, where small gradients would be 0 (:meth:`training.hardware.Hardware.scaler`).
        """
        self._named, self._scaler = dict(named), scaler
        self._clip_norm, self._clipped = clip_norm, list(clipped)
        self.weight = 1.0
        for group in self._groups():
            group.setdefault("initial_lr", group["lr"])

    def backward(self, loss: torch.Tensor) -> None:
        """Add the gradients of a loss, scaled in fp16."""
        scaled = loss if self._scaler is None else self._scaler.scale(loss)
        scaled.backward()  # type: ignore[no-untyped-call]

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
        add_gradients((parameter for group in self._groups() for parameter in group["params"]), self.weight)
        stepped = [part.optimiser for part in self._named.values()]
        if self._scaler is not None:
            stepped = [optimiser for optimiser in stepped if _has_gradient(optimiser)]
            for optimiser in stepped:
                self._scaler.unscale_(optimiser)
        if self._clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(self._clipped, self._clip_norm)
        if before is not None:
            before()
        for optimiser in stepped:
            if self._scaler is None:
                optimiser.step()
            else:
                self._scaler.step(optimiser)
        if self._scaler is not None and stepped:
            self._scaler.update()

    def rates(self) -> dict[str, list[float]]:
        """The present rates of the groups of every optimiser."""
        return {
            name: [float(group["lr"]) for group in part.optimiser.param_groups] for name, part in self._named.items()
        }

    def groups(self) -> list[ParameterGroup]:
        """The groups of all optimisers; a group is named by its key ``name``, or by its optimiser."""
        return [
            ParameterGroup(
                group.get("name", name),
                sum(parameter.numel() for parameter in group["params"]),
                float(group["initial_lr"]),
                float(group.get("weight_decay", 0.0)),
            )
            for name, part in self._named.items()
            for group in part.optimiser.param_groups
        ]

    def state_dict(self) -> dict[str, Any]:
        """State of all optimisers by name, and of the scaler; schedules have no state."""
        states = {name: part.optimiser.state_dict() for name, part in self._named.items()}
        return {"named": states, "scaler": self._scaler and self._scaler.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        for name, part in self._named.items():
            part.optimiser.load_state_dict(state["named"][name])
        if self._scaler is not None:
            self._scaler.load_state_dict(state["scaler"])

    def _groups(self) -> Iterable[dict[str, Any]]:
        return (group for part in self._named.values() for group in part.optimiser.param_groups)


def _has_gradient(optimiser: torch.optim.Optimizer) -> bool:
    return any(parameter.grad is not None for group in optimiser.param_groups for parameter in group["params"])


def decay_groups(model: torch.nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Two groups of the trainable parameters: gains, biases and other vectors do not decay (CLIP's appendix F)."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [
        {
            "name": "matrices",
            "params": [parameter for parameter in trained if parameter.ndim >= 2],
            "weight_decay": weight_decay,
        },
        {"name": "vectors", "params": [parameter for parameter in trained if parameter.ndim < 2], "weight_decay": 0.0},
    ]
