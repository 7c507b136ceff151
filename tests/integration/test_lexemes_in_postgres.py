"""The binary tsvectors of indexer.lexemes, read by PostgreSQL itself."""

import psycopg
import pytest

from indexer.lexemes import tsvector_binary, words

CONTENT = "def getUserName(self):\n    return self.user_name or 'größe' or '数据库' or \"it's\"\n"


def read(connection: "psycopg.Connection[object]", vector: bytes) -> str:
    """The text of a tsvector that was sent in binary, through COPY as the indexer sends it."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE IF NOT EXISTS vectors (vector tsvector)")
        cursor.execute("TRUNCATE vectors")
        with cursor.copy("COPY vectors FROM STDIN (FORMAT BINARY)") as copy:
            copy.write(b"PGCOPY\n\xff\r\n\0" + bytes(8) + b"\0\1" + len(vector).to_bytes(4, "big") + vector)
            copy.write(b"\xff\xff")
        row = cursor.execute("SELECT vector::text FROM vectors").fetchone()
    assert isinstance(row, tuple)
    return str(row[0])


def text_form(lexemes: dict[str, list[str]]) -> str:
    quoted = {word.replace("'", "''"): places for word, places in lexemes.items()}
    return " ".join(f"'{word}':{','.join(places)}" for word, places in sorted(quoted.items()))


def test_the_binary_form_reads_as_the_text_form(connection: "psycopg.Connection[object]") -> None:
    symbols, path, content = words("Cart.getUserName"), words("shop/cart.py"), words(CONTENT)
    lexemes: dict[str, list[str]] = {}
    position = 0
    for weight, field in (("A", symbols), ("B", path), ("", content)):
        for word in field:
            position += 1
            lexemes.setdefault(word, []).append(f"{position}{weight}")
    vector = tsvector_binary(symbols, path, content)
    assert read(connection, vector) == text_form(lexemes)
    row = connection.execute("SELECT %b::tsvector = %s::tsvector", [Vector(vector), text_form(lexemes)]).fetchone()
    assert row == (True,)


def test_a_vector_finds_its_words_by_weight(connection: "psycopg.Connection[object]") -> None:
    vector = Vector(tsvector_binary(["add"], ["cart"], ["item"]))
    row = connection.execute(
        "SELECT v @@ 'add:A'::tsquery, v @@ 'add:D'::tsquery, v @@ 'cart:B & item:D'::tsquery, length(v)"
        " FROM (SELECT %b::tsvector AS v) AS vectors",
        [vector],
    ).fetchone()
    assert row == (True, False, True, 3)


@pytest.mark.parametrize(
    "content",
    [
        [],
        ["a"] * 300,
        [f"w{number}" for number in range(20_000)],
        [f"{number:0>100}" for number in range(20_000)],
        ["", "a\0b", "x" * 2_047, "y" * 2_046],
        ["\U0001f600", "\uffff", "\ue000", "漢字", "é", "z", "'", "\\"],
    ],
    ids=["empty", "many positions", "many words", "too many words", "refused words", "order of characters"],
)
def test_postgresql_accepts_what_is_at_its_limits(connection: "psycopg.Connection[object]", content: list[str]) -> None:
    vector = tsvector_binary(["symbol"], [], content)
    row = connection.execute("SELECT length(%b::tsvector)", [Vector(vector)]).fetchone()
    assert row == (int.from_bytes(vector[:4], "big"),)


class Vector(bytes):
    """A tsvector in its binary format, as a parameter."""


class VectorDumper(psycopg.adapt.Dumper):
    """Sends a Vector as it is."""

    format = psycopg.pq.Format.BINARY
    oid = 3614

    def dump(self, obj: Vector) -> bytes:
        return bytes(obj)


psycopg.adapters.register_dumper(Vector, VectorDumper)
