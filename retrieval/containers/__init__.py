"""Images inside a tar or Parquet file, addressed by one path: ``FILE::MEMBER``.

``shards/000000.tar::cat/0001.jpg`` is a member of a tar file, ``train-00000-of-00002.parquet::image/17`` the cell of
row 17 (from 1) in the column ``image``. A sample has such an address as its uri; what reads, dates or looks for the
file of a sample calls the functions below. A file that really has such a name is taken as the file that it is.
"""

from retrieval.containers.address import (
    SEPARATOR,
    MemberAddress,
    containing_file,
    member_address,
    open_member,
)

__all__ = ["SEPARATOR", "MemberAddress", "containing_file", "member_address", "open_member"]
