"""Find files of the Hugging Face hub and of torch in their local caches, and download those that are absent."""

from __future__ import annotations

import re
import socket
import urllib.parse
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from retrieval.errors import NetworkError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Sequence

HUB = "hf-hub:"
MODEL_CARD = "README.md"
WITH_WEIGHTS = "fetch the weights on a machine with a network and pass them with `weights=FILE`"
WITH_FOLDER = "fetch the repository on a machine with a network and name its folder, `encoder=FOLDER`"
REPOSITORY = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+)(@(?P<revision>(?!.*\.\.)[\w.-]+(/[\w.-]+)*))?", re.ASCII)


def hub_file(repository: str, names: Sequence[str], way_out: str = WITH_WEIGHTS) -> Path:
    """Return the first of several files that a Hugging Face repository has, from the local cache if it is there.

    With a file that is downloaded comes the model card, for :func:`model_card`.

    Args:
        repository: ``ORGANISATION/REPOSITORY``, of which the newest version is read, or
            ``ORGANISATION/REPOSITORY@REVISION``; a revision is a commit, a tag or a branch.
        names: names of the files.
        way_out: what to do where there is no network, for the message.

    Raises:
        UnknownNameError: the repository or the revision does not exist, cannot be read without a log-in, or has none
            of the files.
        NetworkError: the download failed.
    """
    identifier, revision = _split(repository)
    cached = {name: _cached(identifier, name, revision) for name in names}
    for path in cached.values():
        if isinstance(path, Path):
            return path
    missing = [name for name, path in cached.items() if path is None]  # the cache knows what a repository lacks
    if missing:
        _reach_hub(f"{missing[0]} of {HUB}{repository}", way_out)
    for name in missing:
        if (downloaded := _download(identifier, name, revision, way_out)) is not None:
            _download_card(identifier, revision)
            return downloaded
    raise UnknownNameError(f"{HUB}{repository} has none of the files {', '.join(names)}.")


def hub_config(repository: str) -> Path:
    """Return the file that says what the model of a repository is: that of open_clip, or ``config.json``.

    Raises:
        UnknownNameError: the repository does not exist, cannot be read, or has neither.
        NetworkError: the download failed.
    """
    try:
        return hub_file(repository, ["open_clip_config.json"], WITH_FOLDER)
    except UnknownNameError:
        return hub_file(repository, ["config.json"], WITH_FOLDER)
    except NetworkError:  # no network, but transformers and timm cache this one alone
        identifier, revision = _split(repository)
        path = _cached(identifier, "config.json", revision)
        if isinstance(path, Path):
            return path
        raise


def model_card(repository: str) -> Path | None:
    """Return the model card of a repository from the local cache; None if it is not there."""
    identifier, revision = _split(repository)
    path = _cached(identifier, MODEL_CARD, revision)
    return path if isinstance(path, Path) else None


def _split(repository: str) -> tuple[str, str | None]:
    """Return the identifier and the revision of a repository."""
    parts = REPOSITORY.fullmatch(repository)
    if parts is None:
        raise UnknownNameError(f"{HUB}{repository} is not of the form hf-hub:ORGANISATION/REPOSITORY[@REVISION].")
    return parts["repository"], parts["revision"]


def _cached(identifier: str, name: str, revision: str | None) -> Path | object | None:
    """Return a file in the local cache, another object if the repository is known not to have it; else None."""
    from huggingface_hub import try_to_load_from_cache

    cached = try_to_load_from_cache(identifier, name, revision=revision)
    return Path(cached) if isinstance(cached, str) else cached


def _download_card(identifier: str, revision: str | None) -> None:
    """Download the model card, if it is not in the cache; a repository may have none."""
    if _cached(identifier, MODEL_CARD, revision) is None:
        with suppress(NetworkError, UnknownNameError):
            _download(identifier, MODEL_CARD, revision, WITH_WEIGHTS)


def _download(identifier: str, name: str, revision: str | None, way_out: str) -> Path | None:
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
        raise _no_network(f"{name} of {spoken}", error.__cause__ or error, way_out) from None
    except EntryNotFoundError:
        return None
    except Exception as error:  # noqa: BLE001  # the transport raises classes of its own, which change with its versions
        raise _no_network(f"{name} of {spoken}", error, way_out) from None


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
        raise _no_network(url, error, WITH_WEIGHTS) from None
    return path


def _reach_hub(what: str, way_out: str) -> None:
    """Look up the address of the hub, because without a network its client would retry for half a minute."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE or urllib.request.getproxies():
        return
    try:
        socket.getaddrinfo(urllib.parse.urlsplit(constants.ENDPOINT).hostname, 443)
    except OSError as error:
        raise _no_network(what, error, way_out) from None


def _no_network(what: str, error: BaseException, way_out: str) -> NetworkError:
    reason = str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else type(error).__name__
    reason = reason.replace("`", "'")  # in our messages these enclose options
    return NetworkError(f"{what} is not in the local cache and could not be downloaded ({reason}); {way_out}.")
