"""Commands that draw the sample world and fill the stores; what they print is compared as well."""

from __future__ import annotations

from tests.bench.golden.case import Case, command

VIEWS = "--views base,hflip --precision fp32 --workers 1"
"""fp32 on one decoding thread: the same vectors in every run."""

SECOND = "--encoder torchvision/resnet18 --random-init 0 --preprocess resize=32,crop=32"
TABLE = "--vectors v* --filepath name"


def draw() -> list[Case]:
    """The sample world; its files are what the inputs of other cases are made of."""
    lines = {
        "species": "sample species --out {inputs}/species --species 20 --n 12 --size 96 --workers 2",
        "hands": "sample hands --out {inputs}/hands --n 16 --images 2 --burst 2 --size 96 --workers 2",
        "drains": "sample drains --out {inputs}/drains --n 24 --size 128 --workers 2",
    }
    return [command(f"setup/draw-{name}", text) for name, text in lines.items()]


def fill() -> list[Case]:
    """Stores of the sample world (two spaces) and of vectors drawn from a seed."""
    lines = {
        "species": f"index {{inputs}}/species/manifest.csv {VIEWS} --store {{stores}}/world",
        "heldout": f"index {{inputs}}/species/heldout.csv --column split=support {VIEWS} --store {{stores}}/world",
        "hands": f"index {{inputs}}/hands {VIEWS} --store {{stores}}/world",
        "drains": f"index {{inputs}}/drains/sites.csv --column label= {VIEWS} --store {{stores}}/world",
        "species-again": f"index {{inputs}}/species/manifest.csv {VIEWS} --store {{stores}}/world",
        "species-resnet": f"index {{inputs}}/species/manifest.csv {SECOND} {VIEWS} --store {{stores}}/world",
        "hands-resnet": f"index {{inputs}}/hands {SECOND} {VIEWS} --store {{stores}}/world",
        "head": "import-vectors {inputs}/head.npz --as bank --vectors rows --classes classes --bank-name head "
        "--space resnet18 --store {stores}/world",
        "sittings": f"index {{inputs}}/hands/sittings.csv {VIEWS} --store {{stores}}/sittings",
        "market": f"index {{inputs}}/market --preset market1501 --encoder open_clip/vitrine-tiny {VIEWS} "
        "--store {stores}/market",
        "people": f"import-vectors {{inputs}}/people.csv {TABLE} --identity identity --camera camera --group group "
        "--aspect aspect --split split --store {stores}/people",
        "hd": f"import-vectors {{inputs}}/hd.csv {TABLE} --identity identity --split split --store {{stores}}/hd",
        "kinds": f"import-vectors {{inputs}}/kinds.csv {TABLE} --label label --group group --store {{stores}}/kinds",
        "kinds-texts": "import-vectors {inputs}/texts.npz --as bank --vectors said --classes classes "
        "--texts texts --bank-name said --space kinds --store {stores}/kinds",
        "kinds-means": "import-vectors {inputs}/means.npz --as bank --vectors means --classes classes "
        "--bank-name means --space kinds --store {stores}/kinds",
    }
    return [command(f"setup/{name}", f"{text} --json") for name, text in lines.items()]
