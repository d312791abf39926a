"""Convert Arrow tables to pandas data frames, if pandas is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retrieval.errors import MissingDependencyError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def to_frame(table: pa.Table) -> pd.DataFrame:
    """Convert an Arrow table to a data frame.

    Raises:
        MissingDependencyError: pandas is not installed.
    """
    try:
        import pandas as pd  # noqa: F401 - Arrow would raise an error with another message
    except ImportError:
        raise MissingDependencyError(
            'A data frame needs pandas: pip install "vitrine[pandas]". Without it, to_table() gives an Arrow table.'
        ) from None
    return table.to_pandas()
