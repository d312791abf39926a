"""The page of the Python interface, made from signatures and docstrings."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import vitrine

INTRODUCTION = """\
# Python

This page is made from the docstrings by `python -m docs.write_pages`. All names are those of `import vitrine`; nothing
deeper is meant to be imported. A store is given by its path or as an object.

```python
import vitrine

vitrine.index("images", "images.vitrine", encoder="timm/resnet50:a1_in1k", thumbnails=False)
result = vitrine.evaluate("images.vitrine", "knn", protocol="holdout", k=[1, 5, 20])
ids, X, y = vitrine.vectors("images.vitrine", where="split = 'train'")
result.to_frame()
```
"""

SECTION = re.compile(r"^(Args|Options|Attributes|Returns|Raises|Yields):$", re.MULTILINE)
ITEM = re.compile(r"^(\*{0,2}[\w., ]+): (.*)$")
WIDTH = 100
OUTLINED = ("LanceStore",)
"""Classes whose members are those of another that is on the page."""

ROLE = re.compile(r":\w+:`~?(?:[\w.]+\.)?(\w+)`")


def api_page() -> str:
    """Functions first, then classes, in the order of ``vitrine.__all__``."""
    names = [name for name in vitrine.__all__ if name != "__version__"]
    objects = {name: getattr(vitrine, name) for name in names}
    functions = "".join(_function(f"vitrine.{name}", o) for name, o in objects.items() if inspect.isfunction(o))
    classes = "".join(_class(name, each) for name, each in objects.items() if inspect.isclass(each))
    return f"{INTRODUCTION}\n## Functions\n{functions}\n## Classes\n{classes}"


def _function(name: str, function: Any, level: str = "###") -> str:
    return f"\n{level} `{name}`\n\n```python\n{name}{_signature(function)}\n```\n\n{_text(function)}\n"


def _signature(function: Any) -> str:
    """Names and defaults, without types, which the docstring says in words."""
    parameters = inspect.signature(function).parameters.values()
    bare = [each.replace(annotation=each.empty) for each in parameters if each.name not in {"self", "cls"}]
    line = str(inspect.Signature(bare)).replace("'", '"')
    return line if len(line) <= WIDTH else "(\n" + "".join(f"    {word},\n" for word in _words(bare)) + ")"


def _words(parameters: list[inspect.Parameter]) -> Iterator[str]:
    """Parameters as they are written, with the star before those that are keywords alone."""
    starred = False
    for each in parameters:
        if each.kind is each.KEYWORD_ONLY and not starred:
            yield "*"
        starred = starred or each.kind in {each.KEYWORD_ONLY, each.VAR_POSITIONAL}
        yield str(each).replace("'", '"')


def _class(name: str, cls: type) -> str:
    members = (
        ""
        if name in OUTLINED
        else "".join(
            _function(f"{name}.{member}", inspect.unwrap(value), "####")
            for member, value in ((member, inspect.getattr_static(cls, member)) for member in _public(cls))
            if inspect.isfunction(value)
        )
    )
    return f"\n### `{name}`\n\n{_text(cls)}\n{members}"


def _public(cls: type) -> list[str]:
    """Members that this class itself defines and documents, in the order it does."""
    return [name for name, value in vars(cls).items() if not name.startswith("_") and getattr(value, "__doc__", None)]


def _text(documented: Any) -> str:
    """A docstring as Markdown."""
    parts = SECTION.split(inspect.cleandoc(documented.__doc__ or ""))
    body = [_prose(parts[0])]
    for title, text in zip(parts[1::2], parts[2::2], strict=True):
        clean = inspect.cleandoc(text)
        body.append(f"**{title}**\n\n{_prose(clean) if title in {'Returns', 'Yields'} else _section(clean)}")
    return "\n\n".join(body)


def _section(text: str) -> str:
    """Items ``name: meaning`` as a list; other text as it is."""
    items: list[str] = []
    for line in text.splitlines():
        found = ITEM.match(line)
        if found and not line.startswith(" "):
            items.append(f"- `{found[1]}`: {found[2]}")
        elif items:
            items[-1] += f" {line.strip()}"
        else:
            return _prose(text)
    return _plain("\n".join(items))


def _prose(text: str) -> str:
    """Paragraphs; examples become blocks of code."""
    return "\n\n".join(_paragraph(paragraph) for paragraph in re.split(r"\n{2,}", text.strip()))


def _paragraph(text: str) -> str:
    if text.startswith(">>>"):
        bare = (line.partition("  # doctest")[0] for line in text.splitlines())
        lines = [line.removeprefix(">>> ").removeprefix("... ") for line in bare]
        return "```python\n" + "\n".join(lines) + "\n```"
    return _plain(text)


def _plain(text: str) -> str:
    return ROLE.sub(r"`\1`", text).replace("``", "`").replace("<", "&lt;")
