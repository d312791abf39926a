"""Names of the arrays and columns of exported files; ``import-vectors`` reads them again."""

from __future__ import annotations

VECTORS = "vectors"
"""Array (n, d) of the vectors of an ``.npz`` file."""

VECTOR = "vector"
"""Column of lists in Parquet."""

LENGTH = "vector_length"
"""Lengths of the vectors before they were normalised."""

FILEPATH = "filepath"

IMAGE_PATH = "image_path"
"""Name of ``filepath`` in the metadata of clip-retrieval."""

FIELDS = ("label", "identity", "camera", "group", "aspect", "split", "captured_at")
"""Columns of samples that keep their names, and that an import reads by these names."""

ORIGIN = ("id", "source")
"""Columns that say where a sample was; an import gives samples an id and a source of their own."""

PROJECTION = ("projection_x", "projection_y")
THUMBNAIL = "thumbnail"

NOT_READ = (*ORIGIN, *PROJECTION, THUMBNAIL)
"""Columns that an import of an exported file leaves out."""

PROVENANCE = "provenance"
"""Array of an ``.npz`` file, and key of the metadata of a Parquet file, with the space and the store version, as JSON;
it tells that a file was exported."""

IMG_EMB, TEXT_EMB, METADATA = "img_emb", "text_emb", "metadata"
"""Folders of clip-retrieval."""
