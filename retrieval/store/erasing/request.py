"""The requests to erase samples, a space or a bank."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from retrieval.config import Config

READER_SECONDS = 60.0


def _texts(value: object) -> object:
    """Convert one text to a list of one."""
    return (value,) if isinstance(value, str) else value


Texts = Annotated[tuple[str, ...], BeforeValidator(_texts)]


class EraseRequest(Config):
    """What all requests to erase have."""

    dry_run: bool = Field(default=False, description="Whether to say what would be erased, and to erase nothing.")
    wait: float = Field(
        default=READER_SECONDS,
        ge=0,
        description="Seconds to wait for another writer, and for readers of what is erased.",
    )
    quiet: bool = Field(default=False, description="Whether to show no progress.")


class ForgetRequest(EraseRequest):
    """A request to forget samples, chosen by exactly one of ``identity``, ``id`` and ``where``."""

    identity: Texts = Field(default=(), description="All samples of an identity; may be given several times.")
    id: Texts = Field(
        default=(),
        description="A sample: its id, the beginning of it, its path or the name of its file; may be given several "
        "times.",
    )
    where: str | None = Field(default=None, description="All samples that meet this condition over their columns.")
    finish: bool = Field(
        default=False, description="Only finish an erasure that was stopped, and erase old versions of everything."
    )

    @model_validator(mode="after")
    def _one_choice(self) -> Self:
        chosen = [bool(self.identity), bool(self.id), self.where is not None, self.finish]
        if sum(chosen) != 1:
            raise ValueError("say what to forget: one of identity, id and where, or finish")
        texts = [*self.identity, *self.id, *([] if self.where is None else [self.where])]
        if not all(text.strip() for text in texts):
            raise ValueError("what to forget is empty")
        return self

    @property
    def selection(self) -> str:
        """What is chosen, as one text: the same for the same command."""
        return repr((sorted(self.identity), sorted(self.id), self.where))


class DropSpaceRequest(EraseRequest):
    """A request to erase a space: its vectors, and the banks that were made for it."""

    space: str = Field(description="Space: its name, or the beginning of it.")

    @property
    def selection(self) -> str:
        """What is dropped, as one text: the same for the same command."""
        return repr(("space", self.space))


class DropBankRequest(EraseRequest):
    """A request to erase a bank."""

    bank: str = Field(description="Name of the bank, or the beginning of its sha256.")
    space: str | None = Field(default=None, description="Space of the bank; needed where several have one of its name.")

    @property
    def selection(self) -> str:
        """What is dropped, as one text: the same for the same command."""
        return repr(("bank", self.bank, self.space))
