"""The command line: names of commands and where they live. Imports nothing heavy, so ``--help`` is instant."""

from __future__ import annotations

import errno
import importlib
import io
import os
import sys
from pathlib import Path
from typing import Any

import click

COMMANDS = {
    "index": (".indexers.commands:index_command", "Embed images into a store, once."),
    "import-vectors": (".indexers.commands:import_command", "Bring vectors that were made elsewhere into a store."),
    "export-vectors": (".retrieval.commands.export:export_command", "Write vectors of a store, or a bank, to a file."),
    "export-encoder": (".retrieval.commands.export_encoder:export_encoder_command", "Write a space's encoder as ONNX."),
    "index-ann": (".indexers.ann_command:index_ann_command", "Build an approximate index, for search --approx."),
    "search": (".retrieval.commands.search:search_command", "Find similar images, identities or labels."),
    "eval": (".eval.commands.eval:eval_command", "Evaluate a mode from stored vectors."),
    "splits": (".eval.commands.splits:splits_group", "List and export stored split sets."),
    "train": (".training.commands:train_command", "Train an encoder by a recipe."),
    "runs": (".training.runs_command:runs_command", "List training runs, and what differs between two."),
    "refresh": (".training.refresh_command:refresh_command", "Bring a trained encoder into a store."),
    "prompts": (".eval.commands.prompts:prompts_group", "Make, merge, compare and check prompt sets."),
    "compare": (".eval.commands.compare:compare_command", "Is the difference of two evaluations real."),
    "report": (".eval.commands.report:report_command", "Write results as Markdown, one HTML page and pictures."),
    "results": (".eval.commands.results:results_command", "List what was evaluated on a store."),
    "inspect": (".eval.commands.inspect:inspect_command", "Find objects in images, and answer their condition."),
    "audit": (".eval.commands.audit:audit_command", "Find leaks, duplicates and suspected labels."),
    "info": (".retrieval.commands.info:info_command", "What a store holds: spaces, counts, sizes, versions."),
    "encoders": (".retrieval.commands.encoders:encoders_command", "List names of encoders, with licence and size."),
    "verify": (".retrieval.commands.verify:verify_command", "Check every vector and every row of a store."),
    "promote": (".retrieval.commands.promote:promote_command", "Make a space the default."),
    "forget": (".retrieval.commands.forget:forget_command", "Erase samples from every file of a store."),
    "drop-space": (".retrieval.commands.forget:drop_space_command", "Erase a space with its vectors."),
    "drop-bank": (".retrieval.commands.forget:drop_bank_command", "Erase a bank."),
    "sample": (".data.commands:sample_group", "Draw sample images."),
}

OPENBLAS_THREAD_TIMEOUT = "20"
"""Idle threads of NumPy's OpenBLAS wait 2^20 clock ticks for a next product, then they sleep. Of themselves they wait
2^26, about 30 ms of a whole core, in which scores are ranked."""

LONGEST = 4000
"""Characters of an error that are shown; names and cells of a damaged file may have millions."""

EPILOG = (
    "Exit status: 0 done, 1 could not, 2 wrong usage, 3 done but some files could not be read, 4 audit found errors."
)


class LazyGroup(click.Group):
    """A group that imports a command's module only when that command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - Click's signature
        """Names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import and return one command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        name = __package__ + module if __package__ else module.removeprefix(".")  # a checkout has no package around it
        found = getattr(importlib.import_module(name), attribute)
        assert isinstance(found, click.Command)  # noqa: S101 - the table is ours
        return found

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; options that an error names are written as the command has them."""
        from retrieval.errors import VitrineError

        try:
            return super().invoke(ctx)
        except VitrineError as error:
            command = self.get_command(ctx, str(ctx.invoked_subcommand))
            if command is not None:
                from retrieval.commands.flags import with_flags

                error.args = (with_flags(str(error), command),)
            raise

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Suggest the nearest name for an unknown one."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from retrieval.errors import suggest

            ctx.fail(f"No command '{args[0]}'.{suggest(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List commands from the table, importing none."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


ROOM, RIGHTS = "make room on the disk, or choose another place", "choose a place that you may write to"
DISK_ERRORS: dict[int | None, str] = {
    errno.ENOSPC: ROOM,
    errno.EDQUOT: ROOM,
    errno.EFBIG: ROOM,
    errno.EACCES: RIGHTS,
    errno.EPERM: RIGHTS,
    errno.EROFS: RIGHTS,
    errno.EIO: "the disk failed to read or write; check it",
}
"""What to do about errors of a disk, which are no defects of Vitrine wherever they come up."""


@click.group(cls=LazyGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="vitrine", prog_name="vitrine")
def cli() -> None:
    """Vitrine: an embedding store for recognition research.

    Images are embedded once; after that every evaluation and every search is a vector query.
    """


def main() -> None:
    """Run the command line; every error becomes one readable line and an exit status."""
    from retrieval.errors import UnknownNameError, VitrineError
    from retrieval.escapes import printable

    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", OPENBLAS_THREAD_TIMEOUT)  # read when NumPy is first imported
    try:
        # What it returns is the exit status of a command that raised click's Exit.
        status = cli(prog_name="vitrine", standalone_mode=False)
        sys.exit(status if isinstance(status, int) else 0)
    except click.ClickException as error:
        said = io.StringIO()
        error.show(said)
        click.echo(printable(said.getvalue()), err=True, nl=False)
        sys.exit(2 if isinstance(error, click.UsageError) else 1)
    except (click.Abort, KeyboardInterrupt) as error:
        if "marshal" in str(error.__cause__):  # Python does not notice when a full disk cuts off what it compiled
            _fail(
                f"Error: a compiled module is cut off ({error.__cause__}), as by a full disk; make room, delete the "
                f"folders __pycache__ in {Path(__file__).resolve().parent}, and run the same command again."
            )
        _fail("Stopped.")
    except VitrineError as error:
        _fail(f"Error: {error}", 2 if isinstance(error, UnknownNameError) else 1)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        if os.environ.get("VITRINE_DEBUG"):
            raise
        if isinstance(error, OSError) and error.errno in DISK_ERRORS:
            _fail(f"Error: {_name_of(error)}{DISK_ERRORS[error.errno]}, and run the same command again.")
        _fail(
            f"Error: unexpected {type(error).__name__}: {' '.join(str(error).split())[:300]} "
            "(this is a defect of Vitrine; VITRINE_DEBUG=1 shows where)"
        )


def _name_of(error: OSError) -> str:
    return f"{error.filename}: {error.strerror}; " if error.filename else f"{error.strerror}; "


def _fail(message: str, status: int = 1) -> None:
    from retrieval.escapes import printable

    click.echo(printable(" ".join(message[:LONGEST].splitlines())), err=True)
    sys.exit(status)


if __name__ == "__main__":
    main()
