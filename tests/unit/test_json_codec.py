"""The JSON codec: exact decimals, and nothing lost for a damaged character."""

from decimal import Decimal

import pytest

from schemas import json_codec
from schemas.json_codec import NotJson


@pytest.mark.parametrize("number", ["1.0000000000", "12345678901234567890.123456789", "-0.10", "5000000.0"])
def test_decimals_keep_every_digit_both_ways(number: str) -> None:
    document = json_codec.decode(f'{{"amount":{number}}}')
    assert document == {"amount": Decimal(number)}
    assert json_codec.encode(document) == f'{{"amount":{number}}}'.encode()


def test_a_byte_order_mark_is_ignored() -> None:
    assert json_codec.decode(b"\xef\xbb\xbf[1]") == [1]


@pytest.mark.parametrize("half", [r"\ud83d", r"\uDC00", r"\ud83dx"])
def test_half_a_character_costs_only_itself(half: str) -> None:
    document = json_codec.decode(f'{{"name":"Nord {half}","rate":1.50}}')
    assert document["name"].startswith("Nord \ufffd")
    assert document["rate"] == Decimal("1.50")
    assert json_codec.encode(document)


@pytest.mark.parametrize("body", [b"", b"{", b"NaN", b"[1] x", b'{"a":"\\ud83d",}', b"\xff", b'["\\ud83d", NaN]'])
def test_anything_else_than_one_document_is_refused(body: bytes) -> None:
    with pytest.raises(NotJson):
        json_codec.decode(body)
