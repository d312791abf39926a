"""Messages of errors."""

from __future__ import annotations

from retrieval.errors import first_names, unknown


def test_the_first_names_of_a_list() -> None:
    assert first_names("abc") == "a, b, c"
    assert first_names(iter("abcd")) == "a, b, c, ..."
    assert first_names([], 5) == ""


def test_an_unknown_name_says_what_there_is() -> None:
    assert str(unknown("mode", "ried", ["reid", "knn"])) == "No mode 'ried'. Did you mean 'reid'? There is: knn, reid."
