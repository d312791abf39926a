"""Find files of the Hugging Face hub and of torch in their local caches, and download those that are absent."""

from __future__ import annotations

import re
import socket
import urllib.parse
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from retrieval.errors import NetworkError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Sequence

HUB = "hf-hub:"
REPOSITORY = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+)(@(?P<revision>(?!.*\.\.)[\w.-]+(/[\w.-]+)*))?", re.ASCII)


def hub_file(repository: str, names: Sequence[str]) -> Path:
    """Return the first of several files that a Hugging Face repository has, from the local cache if it is there.

    Args:
        repository: ``ORGANISATION/REPOSITORY``, of which the newest version is read, or
            ``ORGANISATION/REPOSITORY@REVISION``; a revision is a commit, a tag or a branch.
        names: names of the files.

    Raises:
        UnknownNameError: the repository or the revision does not exist, cannot be read without a log-in, or has none
            of the files.
        NetworkError: the download failed.
    """
    parts = REPOSITORY.fullmatch(repository)
    if parts is None:
        raise UnknownNameError(f"{HUB}{repository} is not of the form hf-hub:ORGANISATION/REPOSITORY[@REVISION].")
    identifier, revision = parts["repository"], parts["revision"]
    from huggingface_hub import try_to_load_from_cache

    for name in names:
        if isinstance(cached := try_to_load_from_cache(identifier, name, revision=revision), str):
            return Path(cached)
    _reach_hub(f"{names[0]} of {HUB}{repository}")
    for name in names:
        if (path := _download(identifier, name, revision)) is not None:
            return path
    raise UnknownNameError(f"{HUB}{repository} has none of the files {', '.join(names)}.")


def _download(identifier: str, name: str, revision: str | None) -> Path | None:
    """Download a file; None if the repository does not have it."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    spoken = f"{HUB}{identifier}" + (f"@{revision}" if revision else "")
    try:
        return Path(hf_hub_download(identifier, name, revision=revision))
    except GatedRepoError:
        raise UnknownNameError(f"{spoken} asks for a log-in; accept its terms and log in first.") from None
    except RevisionNotFoundError:
        raise UnknownNameError(
            f"{HUB}{identifier} has no revision '{revision}'; name a commit, a tag or a branch of it, or leave out "
            f"'@{revision}' for the newest version."
        ) from None
    except RepositoryNotFoundError:
        raise UnknownNameError(f"{spoken} does not exist, or may not be read without a log-in.") from None
    except LocalEntryNotFoundError as error:
        raise _no_network(f"{name} of {spoken}", error.__cause__ or error) from None
    except EntryNotFoundError:
        return None
    except Exception as error:  # noqa: BLE001  # the transport raises classes of its own, which change with its versions
        raise _no_network(f"{name} of {spoken}", error) from None


def torch_file(url: str) -> Path:
    """Return the file of a torch download address from torch's cache, or download it and check its hash.

    Raises:
        NetworkError: the download failed.
    """
    import torch

    path = Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
    if path.is_file():
        return path
    stem = re.search(r"-([a-f0-9]{8,})\.", path.name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path), stem.group(1) if stem else None, progress=False)
    except (OSError, RuntimeError) as error:
        raise _no_network(url, error) from None
    return path


def _reach_hub(what: str) -> None:
    """Look up the address of the hub, because without a network its client would retry for half a minute."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE or urllib.request.getproxies():
        return
    try:
        socket.getaddrinfo(urllib.parse.urlsplit(constants.ENDPOINT).hostname, 443)
    except OSError as error:
        raise _no_network(what, error) from None


def _no_network(what: str, error: BaseException) -> NetworkError:
    reason = str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else type(error).__name__
    return NetworkError(
        f"{what} is not in the local cache and could not be downloaded ({reason}); "
        "fetch the weights on a machine with a network and pass them with `weights=FILE`."
    )
