"""The one JSON codec of the project: decimals keep every digit, whatever path they take.

Money and exchange rates of both systems carry trailing zeros that are part of the value as shown (``1.0000000000``),
and binary floating point would change amounts. Numbers with a fraction or an exponent are therefore
:class:`~decimal.Decimal` from the wire to the wire.
"""

import json
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_decoder = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")
_sorted_encoder = msgspec.json.Encoder(decimal_format="number", order="sorted")


class NotJson(ValueError):
    """The bytes are not one JSON document; the message says where reading stopped."""


def decode(body: bytes | str) -> Any:
    """The document in ``body``: fractions as :class:`~decimal.Decimal`, a leading byte order mark ignored.

    Raises:
        NotJson: if ``body`` is anything but exactly one JSON document in UTF-8.
    """
    raw = (body.encode() if isinstance(body, str) else body).removeprefix(_BYTE_ORDER_MARK)
    try:
        try:
            return _decoder.decode(raw)
        except msgspec.DecodeError:
            if b"\\ud" not in raw and b"\\uD" not in raw:
                raise
            return _decode_with_halves(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, InvalidOperation, json.JSONDecodeError) as error:
        raise NotJson(str(error)) from error


def encode(document: Any) -> bytes:
    """``document`` as compact JSON in UTF-8; decimals as plain numbers with their digits kept."""
    return _encoder.encode(document)


def encode_sorted(document: Any) -> bytes:
    """Like :func:`encode`, with members in order of their names: equal documents give equal bytes."""
    return _sorted_encoder.encode(document)


def _decode_with_halves(raw: bytes) -> Any:
    """A document with half a surrogate pair: a character that a length limit cut in two must not cost the rest."""
    return _whole(json.loads(raw, parse_float=Decimal, parse_constant=_refuse))


def _whole(value: Any) -> Any:
    match value:
        case str():
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case list():
            return [_whole(item) for item in value]
        case dict():
            return {_whole(name): _whole(item) for name, item in value.items()}
        case _:
            return value


def _refuse(name: str) -> Any:
    raise json.JSONDecodeError(f"{name} is no JSON", name, 0)
