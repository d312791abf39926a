"""The language of conditions that users write (``where``), parsed whole before Lance sees them.

Lance parses a condition as far as it can and ignores the rest: ``a = 1 AN b = 2`` would mean ``a = 1``. It also accepts
functions whose value changes from one call to the next, and columns that describe files instead of samples.

.. code-block:: text

    condition  = conjunction {OR conjunction}
    conjunction = negation {AND negation}
    negation   = NOT negation | predicate
    predicate  = sum [comparison sum | [NOT] IN (sum, ...) | [NOT] BETWEEN sum AND sum | [NOT] LIKE sum | IS [NOT] ...]
    sum        = product {(+ | - | ||) product}
    product    = factor {(* | / | %) factor}
    factor     = - factor | number | 'text' | column | FUNCTION(sum, ...) | CAST(sum AS type) | (condition)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass

from retrieval.errors import InputError, UnknownOptionError, first_names, suggest

FUNCTIONS = frozenset(
    """
    abs btrim char_length character_length coalesce concat contains date_part date_trunc ends_with greatest isnan least
    left length levenshtein lower lpad ltrim nullif power regexp_like replace reverse right round rpad rtrim split_part
    sqrt starts_with strpos to_timestamp upper
    """.split()  # noqa: SIM905 - a list of words reads better as text
)
"""Functions whose value depends on their arguments alone."""

TYPES = frozenset(("bigint", "boolean", "date", "double", "float", "int", "smallint", "string", "timestamp"))
"""Types of ``CAST``."""

CHANGING = frozenset(["current_date", "current_time", "current_timestamp", "now", "rand", "random", "today", "uuid"])
"""Functions that give another value at every call or every day."""

KEYWORDS = frozenset(
    """
    and as between cast distinct escape false from ilike in is like not null or timestamp true
    """.split()  # noqa: SIM905 - a list of words reads better as text
)
COMPARISONS = frozenset(("=", "==", "!=", "<>", "<", "<=", ">", ">="))
DEEPEST = 100
"""Highest number of parentheses, NOT and signs within each other."""

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<text>'(?:[^']|'')*'|"[^"]*")
      | (?P<name>`[^`]+`)
      | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))
      | (?P<word>[^\W\d]\w*)
      | (?P<sign><=|>=|<>|!=|==|\|\||[-+*/%=<>(),])
    )""",
    re.VERBOSE,
)


def check_condition(where: str, columns: Collection[str]) -> None:
    """Raise unless a condition is whole, names existing columns, and means the same at every call.

    Args:
        where: the condition.
        columns: names of the columns of the table.

    Raises:
        InputError: it is not; the message shows the place.
    """
    _Parser(where, columns).parse()


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int

    @property
    def word(self) -> str:
        """The word in lower case; empty for other tokens."""
        return self.text.lower() if self.kind == "word" else ""


class _Parser:
    """A parser by recursive descent, one method for each rule of the grammar."""

    def __init__(self, where: str, columns: Collection[str]) -> None:
        self._where = where
        self._columns = {column.lower(): column for column in columns}
        self._tokens = self._tokenize()
        self._at = 0
        self._depth = 0

    def parse(self) -> None:
        self._condition()
        if self._next.kind != "end":
            raise self._error("here the condition should end, or go on with AND or OR")

    def _tokenize(self) -> list[_Token]:
        tokens: list[_Token] = []
        at, end = 0, len(self._where.rstrip())
        while at < end:
            match = _TOKEN.match(self._where, at)
            if match is None or match.lastgroup is None:
                start = at + len(self._where[at:]) - len(self._where[at:].lstrip())
                what = "this text has no end" if self._where[start] in "'\"`" else "conditions have no such sign"
                raise self._error(what, start)
            if self._where.startswith(("--", "/*"), match.start(match.lastgroup)):
                raise self._error("conditions have no comments", match.start(match.lastgroup))
            tokens.append(_Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup)))
            at = match.end()
        return [*tokens, _Token("end", "", end)]

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _take(self, *texts: str) -> bool:
        """Pass the next token if it is one of these words or signs."""
        token = self._next
        if (token.word or (token.text if token.kind == "sign" else "")) not in texts:
            return False
        self._at += 1
        return True

    def _require(self, text: str) -> None:
        if not self._take(text):
            raise self._error(f"{text.upper()} is missing")

    def _condition(self) -> None:
        self._conjunction()
        while self._take("or"):
            self._conjunction()

    def _conjunction(self) -> None:
        self._negation()
        while self._take("and"):
            self._negation()

    def _negation(self) -> None:
        if self._take("not"):
            self._nested(self._negation)
        else:
            self._predicate()

    def _predicate(self) -> None:
        self._sum()
        if self._take(*COMPARISONS):
            self._sum()
        elif self._take("is"):
            self._state()
        else:
            self._membership()

    def _state(self) -> None:
        """``IS`` is followed by ``[NOT] NULL | TRUE | FALSE`` or ``[NOT] DISTINCT FROM sum``."""
        self._take("not")
        if self._take("distinct"):
            self._require("from")
            self._sum()
        elif not self._take("null", "true", "false"):
            raise self._error("IS needs NULL, TRUE or FALSE")

    def _membership(self) -> None:
        negated = self._take("not")
        if self._take("in"):
            self._require("(")
            self._list()
        elif self._take("between"):
            self._sum()
            self._require("and")
            self._sum()
        elif self._take("like", "ilike"):
            self._sum()
            if self._take("escape"):
                self._sum()
        elif negated:
            raise self._error("IN, BETWEEN or LIKE is missing")

    def _list(self) -> None:
        """Values after an opening parenthesis."""
        self._sum()
        while self._take(","):
            self._sum()
        self._require(")")

    def _sum(self) -> None:
        self._product()
        while self._take("+", "-", "||"):
            self._product()

    def _product(self) -> None:
        self._factor()
        while self._take("*", "/", "%"):
            self._factor()

    def _factor(self) -> None:
        token = self._next
        if self._take("-"):
            self._nested(self._factor)
        elif self._take("("):
            self._nested(self._condition)
            self._require(")")
        elif self._take("cast"):
            self._cast()
        elif token.word in {"date", "timestamp"} and self._tokens[self._at + 1].kind == "text":
            self._at += 2
        elif self._take("true", "false", "null") or token.kind == "number":
            self._at += token.kind == "number"
        elif token.kind == "text":
            self._text(token)
        elif token.kind in {"word", "name"}:
            self._name(token)
        else:
            raise self._error("a column or a value is missing")

    def _nested(self, rule: Callable[[], None]) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._error("this is nested too deeply")
        rule()
        self._depth -= 1

    def _cast(self) -> None:
        self._require("(")
        self._sum()
        self._require("as")
        if self._next.word not in TYPES:
            raise self._error(f"CAST knows the types {', '.join(sorted(TYPES))}")
        self._at += 1
        self._require(")")

    def _text(self, token: _Token) -> None:
        """Pass a text; one in double quotes that names a column would be compared as text."""
        name = token.text[1:-1]
        if token.text.startswith('"') and name.lower() in self._columns:
            raise self._error(f"in double quotes this is a text; write the column as {self._spelling(name)}")
        self._at += 1

    def _spelling(self, name: str) -> str:
        column = self._columns[name.lower()]
        return column if re.fullmatch(r"[^\W\d]\w*", column) else f"`{column}`"

    def _name(self, token: _Token) -> None:
        """Pass a function with its arguments, or a column."""
        call = token.kind == "word" and self._tokens[self._at + 1].text == "("
        if token.word in CHANGING and (call or token.word not in self._columns):
            raise self._error(f"{token.text} has another value at every call; write the value itself")
        if call:
            if token.word not in FUNCTIONS:
                there_are = suggest(token.word, FUNCTIONS) or f" There are: {', '.join(sorted(FUNCTIONS))}."
                raise self._error(f"conditions have no function {token.text}.{there_are}", kind=UnknownOptionError)
            self._at += 2
            self._nested(self._list)
            return
        name = token.text.strip("`")
        if name.lower() not in self._columns:
            if token.word in KEYWORDS:
                raise self._error("a column or a value is missing")
            near = suggest(name, self._columns.values())
            raise self._error(
                f"there is no column {name}.{near} Texts stand in single quotes.", kind=UnknownOptionError
            )
        self._at += 1

    def _error(self, what: str, at: int | None = None, kind: type[InputError] = InputError) -> InputError:
        """Make the error that shows the condition from the place on."""
        start = self._next.start if at is None else at
        rest = self._where[start : start + 24].strip()
        place = f"at character {start + 1}, '{rest}'" if rest else "at its end"
        names = first_names(self._columns.values(), 60)
        return kind(f"'{self._where}' is not a condition over samples: {place}: {what.rstrip('.')}. Columns: {names}.")
