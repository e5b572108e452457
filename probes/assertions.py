"""What a response must be like. Pure: the same response always gets the same verdict."""

from __future__ import annotations

import codecs
import json
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from probes.contract import InvalidSpec, Reason
from probes.sentences import say

MAX_ASSERTIONS = 50
MAX_PATTERN = 1_000
MAX_PATH = 500
MAX_VALUE = 5_000
SHOWN = 60
"""How much of a value goes into a message."""

OPERATORS = ("eq", "ne", "lt", "le", "gt", "ge", "contains", "exists")
DEFAULT_EXPIRY_DAYS = 14
OBSOLETE_TLS = frozenset({"SSLv3", "TLSv1", "TLSv1.0", "TLSv1.1"})

_ORDER: Mapping[str, Callable[[Any, Any], bool]] = {
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
}
_MISSING = object()
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?", re.ASCII)  # float() itself also takes nan, inf and 1_0

# Python knows many more codecs; some are no text at all and some take quadratic time on a hostile page.
_CHARSETS = re.compile(
    r"utf-?(8|16|32)(-?[lb]e)?|us-?ascii|latin-?1|iso-?8859-?\d+|(windows|cp)-?\d+|koi8-[ru]|((x-)?s|shift_?)jis"
    r"|euc-?(jp|kr)|iso-2022-(jp|kr)|gb(k|2312|18030)|big5|tis-?620|macintosh",
    re.IGNORECASE,
)

# What browsers read for these (https://encoding.spec.whatwg.org/): the alphabets that grew out of them.
_MEANT = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "big5": "big5hkscs",
}

_ONE_BYTE = re.compile(r"iso8859-\d+|cp125\d|cp874")
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_DECLARED = re.compile(r"charset\s*=\s*[\"']?([\w:-]{1,40})", re.IGNORECASE)
_META = re.compile(rb"<meta\s[^>]{0,200}charset\s*=[^>]{0,200}", re.IGNORECASE)
META_BYTES = 1_024


@dataclass(frozen=True, slots=True)
class Complaint:
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Response:
    """What is judged. ``cut``: there was more body than was read. ``packed_as``: codings that hide what it says."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes | bytearray
    cut: bool = False
    packed_as: tuple[str, ...] = ()

    def text(self) -> str:
        """As browsers read it: a byte order mark tells more than the header does, and that more than the page."""
        mark, marked = next((item for item in _MARKS if self.body.startswith(item[0])), (b"", None))
        charset = marked or self._charset()
        if _ONE_BYTE.fullmatch(charset):
            letters: Any = _letters(charset)  # a text is the quickest table, and typeshed does not know of it
            return codecs.charmap_decode(self.body, "strict", letters)[0]
        return self.body[len(mark) :].decode(charset, errors="replace")

    def _charset(self) -> str:
        declared = next((value for name, value in reversed(self.headers) if name.lower() == "content-type"), "")
        match = _DECLARED.search(declared) or _DECLARED.search(self._meta())
        if match is None or not _CHARSETS.fullmatch(match[1]):
            return "utf-8"
        try:
            charset = codecs.lookup(match[1].lower().replace("windows-", "cp").replace("x-sjis", "sjis")).name
        except LookupError:
            return "utf-8"
        return _MEANT.get(charset, charset)

    def _meta(self) -> str:
        """The page's own ``<meta charset="...">``. One that names UTF-16 cannot be meant: it was read as ASCII."""
        match = _META.search(self.body, 0, META_BYTES)
        declared = match[0].decode("latin-1") if match else ""
        return "" if "utf-16" in declared.lower() or "utf-32" in declared.lower() else declared


@cache
def _letters(charset: str) -> str:
    """All 256 of a one-byte alphabet. Python's own decoder takes a third of a second over a page of undefined ones."""
    return bytes(range(256)).decode(charset, errors="replace")


@dataclass(frozen=True, slots=True)
class StatusSet:
    """Status codes as ranges, both ends included."""

    ranges: tuple[tuple[int, int], ...]

    def __contains__(self, status: int) -> bool:
        return any(low <= status <= high for low, high in self.ranges)

    def __str__(self) -> str:
        return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in self.ranges)


ANY_SUCCESS = StatusSet(((200, 399),))


@dataclass(frozen=True, slots=True)
class Assertion:
    """One comparison. ``where`` is a JSON path or a header's name."""

    where: str
    op: str
    value: Any = None

    def holds(self, found: Any) -> bool:
        """``found`` is ``_MISSING`` where there is nothing; of that only ``exists`` and ``ne`` can hold."""
        if self.op == "exists":
            return (found is not _MISSING) is (self.value is not False)
        if found is _MISSING:
            return self.op == "ne"
        if self.op in ("eq", "ne"):
            return _same(found, self.value) is (self.op == "eq")
        if self.op == "contains":
            return _contains(found, self.value)
        return _comparable(found, self.value) and _ORDER[self.op](found, self.value)

    def __str__(self) -> str:
        if self.op == "exists":
            return f"{self.where} {'is missing' if self.value is False else 'exists'}"
        return f"{self.where} {self.op} {_shown(self.value)}"


def _same(one: Any, other: Any) -> bool:
    """JSON's equality: ``1`` is ``1.0``, but ``true`` is not ``1``."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return isinstance(one, bool) is isinstance(other, bool) and bool(one == other)


def _contains(found: Any, value: Any) -> bool:
    if isinstance(found, str):
        return isinstance(value, str) and value in found
    if isinstance(found, dict):
        return isinstance(value, str) and value in found
    return isinstance(found, list) and any(_same(item, value) for item in found)


def _comparable(one: Any, other: Any) -> bool:
    if isinstance(one, str) and isinstance(other, str):
        return True
    return all(isinstance(item, int | float) and not isinstance(item, bool) for item in (one, other))


def _shown(value: Any) -> str:
    if value is _MISSING:
        return "missing"
    if isinstance(value, dict | list):
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value)}"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


# -- reading what a person asked for


def read_status_set(value: Any, name: str) -> StatusSet:
    """``200``, ``"200-399"``, ``"200,204,300-399"``, ``"2xx"`` or a list of those."""
    items = value if isinstance(value, list) else [value]
    parts = [part.strip() for item in items for part in str(item).split(",")]
    if not parts or len(parts) > MAX_ASSERTIONS or any(isinstance(item, bool) for item in items):
        raise InvalidSpec(say('must be like "200-399" or "200,204,300-399"'), name)
    return StatusSet(tuple(_status_range(part, name) for part in parts))


def _status_range(part: str, name: str) -> tuple[int, int]:
    match = re.fullmatch(r"([1-9]\d\d)(?:\s*-\s*([1-9]\d\d))?|([1-9])xx", part, re.IGNORECASE | re.ASCII)
    if match is None:
        raise InvalidSpec(
            say('{part} is no status; it must be like "200-399" or "200,204,300-399"', part=repr(part[:20])), name
        )
    if match[3]:
        return int(match[3]) * 100, int(match[3]) * 100 + 99
    low, high = int(match[1]), int(match[2] or match[1])
    if low > high:
        raise InvalidSpec(say("{part} ends before it begins", part=repr(part)), name)
    return low, high


def read_pattern(value: Any, name: str) -> str:
    """An RE2 pattern: linear in time whatever the page holds."""
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_PATTERN:
        raise InvalidSpec(say("must be a pattern of 1 to {most} characters", most=MAX_PATTERN), name)
    import re2  # with the first pattern: 2 MB

    try:
        _compiled(value)
    except UnicodeError:
        raise InvalidSpec(say("this pattern holds half a character"), name) from None
    except re2.error as error:
        problem = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else str(error)
        raise InvalidSpec(
            say(
                "this pattern cannot be used: {problem}. Patterns follow RE2, which knows no look-ahead, "
                "look-behind or back-references",
                problem=problem,
            ),
            name,
        ) from None
    return value


def _compiled(pattern: str) -> Any:
    import re2

    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options)


def read_json_assertions(value: Any, name: str) -> tuple[Assertion, ...]:
    return tuple(_assertion(item, "path", f"{name}[{n}]") for n, item in enumerate(_list(value, name)))


def read_header_assertions(value: Any, name: str) -> tuple[Assertion, ...]:
    """The header's name may also be called ``header``."""
    items = [_renamed(item, "header", "name") for item in _list(value, name)]
    return tuple(_assertion(item, "name", f"{name}[{n}]") for n, item in enumerate(items))


def _renamed(item: Any, alias: str, name: str) -> Any:
    if not isinstance(item, dict) or name in item:
        return item
    return {name if key == alias else key: value for key, value in item.items()}


def _list(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list) or len(value) > MAX_ASSERTIONS:
        raise InvalidSpec(say("must be a list of at most {most}", most=MAX_ASSERTIONS), name)
    return value


def _assertion(item: Any, where: str, name: str) -> Assertion:
    if not isinstance(item, dict) or set(item) - {where, "op", "value"}:
        raise InvalidSpec(say("must be an object with {where}, op and value", where=where), name)
    place, op = item.get(where), item.get("op", "eq" if "value" in item else "exists")
    if not isinstance(place, str) or not 1 <= len(place) <= MAX_PATH:
        raise InvalidSpec(say("{where} must be a text of 1 to {most} characters", where=where, most=MAX_PATH), name)
    if op not in OPERATORS:
        raise InvalidSpec(say("op must be one of {names}", names=", ".join(OPERATORS)), name)
    if op != "exists" and "value" not in item:
        raise InvalidSpec(say("{op} needs a value to compare with", op=op), name)
    if len(json.dumps(item.get("value"), default=str)) > MAX_VALUE:
        raise InvalidSpec(say("value is longer than {most} characters", most=MAX_VALUE), name)
    if where == "path":
        _steps(place, name)
    return Assertion(place, op, item.get("value"))


# -- judging


def judge_status(expected: StatusSet, status: int) -> Complaint | None:
    if status in expected:
        return None
    return Complaint(
        Reason.UNEXPECTED_STATUS, say("the status is {status}, expected {expected}", status=status, expected=expected)
    )


def judge_headers(assertions: Sequence[Assertion], headers: Sequence[tuple[str, str]]) -> Complaint | None:
    """A header given more than once is compared as its values joined by commas, as HTTP reads it."""
    for assertion in assertions:
        values = [value for name, value in headers if name.lower() == assertion.where.lower()]
        found: Any = ", ".join(values) if values else _MISSING
        if not _as_header(assertion, found).holds(_as_number(assertion, found)):
            return Complaint(
                Reason.HEADER_MISMATCH,
                say("header {assertion} does not hold: it is {shown}", assertion=assertion, shown=_shown(found)),
            )
    return None


def _as_header(assertion: Assertion, _found: Any) -> Assertion:
    """Headers are text; a number to compare with is meant as its text, except where order is asked for."""
    if assertion.op in _ORDER or assertion.op == "exists" or isinstance(assertion.value, str):
        return assertion
    return Assertion(assertion.where, assertion.op, json.dumps(assertion.value))


def _as_number(assertion: Assertion, found: Any) -> Any:
    is_ordered = assertion.op in _ORDER and isinstance(assertion.value, int | float)
    if is_ordered and isinstance(found, str) and _NUMBER.fullmatch(found):
        return float(found)
    return found


def judge_text(response: Response, *, contains: str | None, lacks: str | None, matches: str | None) -> Complaint | None:
    if contains is None and lacks is None and matches is None:
        return None
    if response.packed_as:
        return _unreadable(response)
    text = response.text()
    if contains is not None and contains not in text:
        return _absent(response, Reason.BODY_MISSING_TEXT, say("the text {shown} is not there", shown=_shown(contains)))
    if lacks is not None and lacks in text:
        return Complaint(Reason.BODY_FORBIDDEN_TEXT, say("the text {shown} is there", shown=_shown(lacks)))
    if matches is not None and _compiled(matches).search(text) is None:
        return _absent(response, Reason.BODY_REGEX_MISMATCH, say("nothing matches {shown}", shown=_shown(matches)))
    return None


def _unreadable(response: Response) -> Complaint:
    """Browsers read more codings than we do: what we cannot read is no proof that anything is wrong."""
    codings = ", ".join(response.packed_as)
    return Complaint(
        Reason.INTERNAL_ERROR,
        say("the body comes as {codings}, unasked for, and the probe cannot read it to judge it", codings=codings),
    )


def _absent(response: Response, reason: Reason, message: str) -> Complaint:
    if not response.body:
        return Complaint(Reason.BODY_EMPTY, say("{message}: the body is empty", message=message))
    if response.cut:
        return Complaint(
            Reason.BODY_TOO_LARGE,
            say("{message} within the first {count} bytes", message=message, count=f"{len(response.body):,}"),
        )
    return Complaint(reason, message)


def judge_json(assertions: Sequence[Assertion], response: Response) -> Complaint | None:
    if not assertions:
        return None
    if response.packed_as:
        return _unreadable(response)
    if not response.body.strip():
        return Complaint(Reason.BODY_EMPTY, say("JSON was expected, but the body is empty"))
    if response.cut:
        return Complaint(
            Reason.BODY_TOO_LARGE, say("the JSON is longer than {count} bytes", count=f"{len(response.body):,}")
        )
    try:
        document = _read_json(response)
    except RecursionError:
        return Complaint(Reason.JSON_INVALID, say("the body is JSON nested too deeply to read"))
    except ValueError as error:
        return Complaint(Reason.JSON_INVALID, say("the body is not JSON: {error}", error=error)[:200])
    try:
        return next(filter(None, (_json_complaint(assertion, document) for assertion in assertions)), None)
    except RecursionError:
        return Complaint(Reason.JSON_INVALID, say("the body is JSON nested too deeply to compare"))


def _read_json(response: Response) -> Any:
    """JSON is UTF-8, or what its byte order mark says; where it is not, browsers make the best of it."""
    try:
        return json.loads(bytes(response.body), parse_constant=_no_constant)
    except UnicodeDecodeError:
        return json.loads(response.text(), parse_constant=_no_constant)


def _json_complaint(assertion: Assertion, document: Any) -> Complaint | None:
    found = find(document, assertion.where)
    if assertion.holds(found):
        return None
    return Complaint(
        Reason.JSON_MISMATCH, say("{assertion} does not hold: it is {shown}", assertion=assertion, shown=_shown(found))
    )


def _no_constant(name: str) -> None:
    raise ValueError(say("{name} is no JSON", name=name))


def find(document: Any, path: str) -> Any:
    """Follow ``$.items[0].name`` (the ``$`` may be left out); ``_MISSING`` when it leads nowhere."""
    for step in _steps(path, "path"):
        if isinstance(document, dict) and str(step) in document:
            document = document[str(step)]
        elif isinstance(document, list) and isinstance(step, int) and -len(document) <= step < len(document):
            document = document[step]
        else:
            return _MISSING
    return document


_STEP = re.compile(
    r"""(?:\.|(?!\$))([^.\[\]"'][^.\[\]]*)|\[\s*(-?\d{1,9})\s*\]|\[\s*"((?:[^"\\]|\\.)*)"\s*\]|\[\s*'([^']*)'\s*\]"""
)


def _steps(path: str, name: str) -> list[str | int]:
    """``$.a.b[0]["odd key"]`` as ``["a", "b", 0, "odd key"]``."""
    steps: list[str | int] = []
    at = 1 if path.startswith("$") else 0
    while at < len(path):
        match = _STEP.match(path, at)
        if match is None:
            raise InvalidSpec(
                say(
                    "the path is not understood from {path}; write it like $.items[0].name",
                    path=repr(path[at : at + 20]),
                ),
                name,
            )
        plain, index, double, single = match.groups()
        if index is not None or (plain is not None and re.fullmatch(r"\d{1,9}", plain, re.ASCII)):
            steps.append(int(index if index is not None else plain))
        else:
            steps.append(plain or single or re.sub(r"\\(.)", r"\1", double or ""))
        at = match.end()
    return steps


def judge_speed(limit_ms: float | None, total_ms: float | None) -> Complaint | None:
    if limit_ms is None or total_ms is None or total_ms <= limit_ms:
        return None
    return Complaint(
        Reason.SLOW_RESPONSE,
        say("it took {total_ms} ms, more than {limit_ms} ms", total_ms=f"{total_ms:.0f}", limit_ms=f"{limit_ms:g}"),
    )


def judge_protocol(tls_version: str | None) -> Complaint | None:
    if tls_version not in OBSOLETE_TLS:
        return None
    return Complaint(
        Reason.TLS_DEPRECATED,
        say("the server speaks nothing newer than {tls_version}, which browsers refuse", tls_version=tls_version),
    )


def judge_certificate(warn_days: int | None, certificate: Mapping[str, Any] | None) -> Complaint | None:
    """Near expiry: 14 days, or a third of a shorter life, unless told otherwise."""
    days_left = certificate.get("days_left") if certificate else None
    if certificate is None or days_left is None:
        return None
    limit = warn_days if warn_days is not None else min(DEFAULT_EXPIRY_DAYS, (certificate.get("days_valid") or 0) / 3)
    if days_left >= limit:
        return None
    return Complaint(Reason.CERT_EXPIRING, say("the certificate {when}", when=_expiry(days_left)))


def _expiry(days_left: float) -> str:
    match days := round(days_left):
        case 0:
            return say("expires within a day") if days_left >= 0 else say("has just expired")
        case 1:
            return say("expires in a day")
        case -1:
            return say("expired a day ago")
    if days > 0:
        return say("expires in {days_left} days", days_left=days)
    return say("expired {days_left} days ago", days_left=-days)
