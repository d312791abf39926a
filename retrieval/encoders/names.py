"""Complete the name of an encoder: aliases, bare names of models, repositories of the hub, folders and files.

A name that may mean several encoders is refused, with the names of each to type instead.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from retrieval.encoders.aliases import ALIASES, find_alias
from retrieval.encoders.artefact import split_inside
from retrieval.encoders.hub import HUB, REPOSITORY, hub_config
from retrieval.encoders.repository_configs import config_family, folder_family
from retrieval.encoders.weights import SUFFIXES
from retrieval.errors import InputError, MissingFileError, NetworkError, UnknownNameError, first_names, suggest

if TYPE_CHECKING:
    from pathlib import Path

    from retrieval.encoders.family import Family

LISTED = ("open_clip", "timm", "torchvision")
"""Families whose libraries list their models, so that a bare name can be looked up."""

NO_USUAL_WEIGHTS = "open_clip"
"""A family that publishes many weights of a model, of which none is the usual one."""

SHOWN = 6
"""Largest number of names that a message lists."""

ALIKE = 0.8
"""How similar the first part of a name must be to a family to be taken for a misspelling of it."""

_HUB_SPELLINGS = re.compile(r"(hf_hub:|https?://(www\.)?(huggingface\.co|hf\.co)/)")


class CompleteName(NamedTuple):
    """The name of an encoder with its family, ``FAMILY/MODEL[:WEIGHTS]``, and the tag of its usual weights or None."""

    name: str
    weights: str | None = None


def complete(name: str, families: Collection[str], family: Callable[[str], Family]) -> CompleteName:
    """Complete a name as people type it; names with a family are unchanged.

    Args:
        name: an alias, the name of a model, ``hf-hub:ORGANISATION/REPOSITORY[@REVISION]``, the same without
            ``hf-hub:``, or the path of a folder or file.
        families: names of all families.
        family: loads a family by its name.

    Raises:
        UnknownNameError: nothing of that name exists, or several encoders may be meant.
        MissingFileError: the path does not exist.
        InputError: the path is a file that no family can identify.
        NetworkError: the configuration of a repository could not be downloaded.
    """
    name = _plain(name)
    kind, slash, _ = name.partition("/")
    if slash and kind in families:
        return CompleteName(name)
    path, _ = split_inside(name)
    claimed = _claimed(name, families, family) if name and path.exists() else None
    alias = _alias(name)
    if claimed is not None and alias is not None:
        raise UnknownNameError(
            f"'{name}' is an encoder in this folder and a name for another; say `encoder={path.absolute()}` or "
            f"`encoder={alias.name}`."
        )
    complete_name = claimed or alias or _model(name, family)
    if complete_name is not None:
        return complete_name
    if name and path.exists():
        return _unclaimed(path, name)
    if name.startswith(HUB) or (REPOSITORY.fullmatch(name) and not _is_path(name)):
        return _of_repository(name, families)
    raise _nothing(name, family)


def _plain(name: str) -> str:
    """Return a name with one spelling of the hub: ``hf_hub:`` and addresses of its pages become ``hf-hub:``."""
    name = _HUB_SPELLINGS.sub(HUB, name.strip(), count=1)
    return re.sub(r"/tree/(?=[^/]+$)", "@", name).removesuffix("/") if HUB in name else name


def _claimed(name: str, families: Iterable[str], family: Callable[[str], Family]) -> CompleteName | None:
    """Return the name of a folder or file that a family recognises."""
    path, inside = split_inside(name)
    kind = folder_family(path) or next((key for key in families if family(key).claims(path)), None)
    return None if kind is None else CompleteName(f"{kind}/{path}" + (f"#{inside}" if inside else ""))


def _unclaimed(path: Path, name: str) -> CompleteName:
    if path.is_dir():
        return CompleteName(f"checkpoint/{path}")  # this family's error message describes a valid folder
    folder = path.parent
    if folder_family(folder) is not None:
        raise InputError(f"`encoder={path}` is a file; its folder says of which model it is: `encoder={folder}`.")
    raise InputError(f"`encoder={name}` is a file; say which model it belongs to: FAMILY/MODEL `weights={name}`.")


def _alias(name: str) -> CompleteName | None:
    """Return what an alias stands for, with weights if they are in the name, ``ALIAS:WEIGHTS``."""
    base, _, given = name.removeprefix(HUB).partition(":")
    alias = find_alias(base)
    if alias is None:
        return None
    return CompleteName(f"{alias.encoder}:{given}" if given else alias.encoder, alias.weights or None)


def _model(name: str, family: Callable[[str], Family]) -> CompleteName | None:
    """Return what the bare name of a model stands for, with weights if they are in it, ``MODEL:WEIGHTS``.

    Raises:
        UnknownNameError: several families have the model.
    """
    base = name.partition(":")[0]
    if not base or "/" in base or name.startswith(HUB) or _is_path(base):
        return None
    model = base.partition(".")[0]  # without a tag of timm
    kinds = [kind for kind in LISTED if (base if kind != "timm" else model) in family(kind).models()]
    if len(kinds) > 1:
        raise _several(name, [f"{kind}/{name}{_first_tag(family(kind), name)}" for kind in kinds])
    return CompleteName(f"{kinds[0]}/{name}", _usual_weights(family(kinds[0]), kinds[0], model)) if kinds else None


def _usual_weights(family: Family, kind: str, model: str) -> str | None:
    tags = family.tags(model)
    return tags[0] if len(tags) == 1 or (tags and kind != NO_USUAL_WEIGHTS) else None


def _first_tag(family: Family, name: str) -> str:
    """Return ``:TAG`` of the first weights of a model; empty if it has none or the name has some."""
    tags = () if ":" in name or "." in name else family.tags(name)
    return f":{tags[0]}" if tags else ""


def _several(name: str, names: Sequence[str]) -> UnknownNameError:
    listed = " or ".join(f"`encoder={text}`" for text in names)
    return UnknownNameError(f"'{name}' may mean {len(names)} encoders; say which: {listed}.")


def several_weights(name: str, encoder: str, tags: Sequence[str]) -> UnknownNameError:
    """Make the exception for a bare name of a model of which many weights are published, none of them usual."""
    listed = " or ".join(f"`encoder={encoder}:{tag}`" for tag in tags[:SHOWN])
    more = f"; its other weights: {', '.join(tags[SHOWN:])}" if len(tags) > SHOWN else ""
    return UnknownNameError(f"'{name}' has {len(tags)} published weights; say which: {listed}{more}.")


def _of_repository(name: str, families: Iterable[str]) -> CompleteName:
    """Return the name of a repository with the family that its configuration is of."""
    repository = name.removeprefix(HUB)
    kind = repository.partition("/")[0]
    alike = difflib.get_close_matches(kind, families, n=1, cutoff=ALIKE)
    if alike and not name.startswith(HUB):
        raise UnknownNameError(
            f"No encoder family '{kind}'.{suggest(kind, families)} A repository of the hub would be "
            f"`encoder={HUB}{repository}`."
        )
    try:
        path = hub_config(repository)
    except NetworkError as error:
        read = "" if name.startswith(HUB) else f"'{name}' is no alias, family or path, so it is read as {HUB}{name}: "
        raise NetworkError(f"{read}{error}") from None
    built = config_family(path)
    if built is None:
        raise UnknownNameError(
            f"{HUB}{repository} is of no library that Vitrine reads (open_clip, timm, transformers): its {path.name} "
            "names neither `architecture` nor `model_type`; name another encoder."
        )
    return CompleteName(f"{built}/{HUB if built in LISTED else ''}{repository}")


def _is_path(name: str) -> bool:
    """Return whether a name is written as a path."""
    return "\\" in name or name.startswith((".", "~", "/")) or name.endswith((*SUFFIXES, ".onnx"))


def _nothing(name: str, family: Callable[[str], Family]) -> Exception:
    """Make the exception for a name that is neither an encoder nor a path."""
    base = name.partition(":")[0]
    if "/" in name or _is_path(name):
        return MissingFileError(f"`encoder={name}`: no such file or folder; check the path.")
    models = [f"{kind}/{model}" for kind in LISTED for model in family(kind).models()]
    listed = [alias for alias in ALIASES if base.lower() in alias.lower()]
    listed += [model for model in models if base.lower() in model.lower()]
    if base and listed:
        return UnknownNameError(
            f"No encoder is named '{name}' alone; {len(listed)} have it in their names ({first_names(listed, SHOWN)}), "
            f"and 'vitrine encoders {base}' lists them."
        )
    names = [*ALIASES, *(model.partition("/")[2] for model in models)]
    return UnknownNameError(
        f"No encoder '{name}'.{suggest(name, names)} 'vitrine encoders WORD' lists names; FAMILY/MODEL, "
        f"{HUB}ORGANISATION/REPOSITORY and the path of a folder or file are understood, too."
    )
