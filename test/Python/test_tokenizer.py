# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Who adds BOS, and text that is decoded as it grows."""

import json
import random
import shutil

import pytest
import quern
from support import DATA, needs_data

MODELS = ["quern-6m", "stories260K", "babyllama-tok105"]
TEXTS = [
    "Once upon a time, there was a little girl named Lily.",
    "  two spaces, a\ttab and\n\na gap ",
    "naïve café — 日本語のテキスト, 👩‍👩‍👧 and 🏴‍☠️.",
    "",
]


def stream(tokenizer, ids, context=()):
    decoder = quern.StreamDecoder(tokenizer, context)
    pieces = [decoder.step(token) for token in ids]
    return [*pieces, decoder.finish()]


@needs_data(*(f"lm/{name}" for name in MODELS))
@pytest.mark.parametrize("name", MODELS)
def test_given_models_add_bos(name):
    tokenizer = quern.Tokenizer(DATA / "lm" / name)
    config = json.loads((DATA / "lm" / name / "config.json").read_text())
    assert tokenizer.adds_bos
    assert tokenizer.bos_id == config["bos_token_id"]
    assert tokenizer.stop_ids == {config["eos_token_id"]}
    assert tokenizer.size == config["vocab_size"]
    assert tokenizer.encode_prompt("a").tolist() == [
        tokenizer.bos_id,
        *tokenizer.encode("a").tolist(),
    ]


@pytest.fixture
def folder(tiny_model, tmp_path):
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(tiny_model / name, tmp_path / name)
    return tmp_path


def change(path, **values):
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | values))


def test_add_bos_token_decides_over_the_post_processor(folder):
    assert quern.Tokenizer(folder).adds_bos
    change(folder / "tokenizer_config.json", add_bos_token=False)
    assert not quern.Tokenizer(folder).adds_bos
    change(folder / "tokenizer.json", post_processor=None)
    change(folder / "tokenizer_config.json", add_bos_token=True)
    assert quern.Tokenizer(folder).adds_bos


def test_a_bos_token_alone_is_not_added(folder):
    change(folder / "tokenizer.json", post_processor=None)
    tokenizer = quern.Tokenizer(folder)
    assert tokenizer.bos_id == 256
    assert not tokenizer.adds_bos
    assert tokenizer.encode_prompt("ab").tolist() == [ord("a"), ord("b")]


def test_truncation_and_padding_are_switched_off(folder):
    truncation = {
        "max_length": 4,
        "strategy": "LongestFirst",
        "stride": 0,
        "direction": "Right",
    }
    change(folder / "tokenizer.json", truncation=truncation)
    assert len(quern.Tokenizer(folder).encode("more than four")) == 14


def test_eos_of_all_files_stop(folder):
    (folder / "config.json").write_text('{"eos_token_id": [3, 4]}')
    (folder / "generation_config.json").write_text('{"eos_token_id": 5}')
    (folder / "manifest.json").write_text('{"tokenizer": {"eos_token_id": [5, 6]}}')
    assert quern.Tokenizer(folder).stop_ids == {3, 4, 5, 6, 257}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("tokenizer.json", "{", "tokenizer.json: is not a tokenizer"),
        ("tokenizer_config.json", "[]", "expects a JSON object, but got list"),
        (
            "tokenizer_config.json",
            '{"bos_token": "<x>"}',
            "expects bos_token to be in the vocab",
        ),
        ("tokenizer_config.json", '{"add_bos_token": true}', "expects a bos_token"),
    ],
)
def test_damaged_files(folder, name, content, message):
    (folder / name).write_text(content)
    with pytest.raises(quern.QuernError, match=message):
        quern.Tokenizer(folder)


def test_no_tokenizer(tmp_path):
    with pytest.raises(quern.QuernError, match=r"expects a tokenizer\.json"):
        quern.Tokenizer(tmp_path)


@pytest.mark.parametrize("text", TEXTS)
def test_characters_wait_for_their_bytes(tiny_model, text):
    tokenizer = quern.Tokenizer(tiny_model)
    pieces = stream(tokenizer, tokenizer.encode(text))
    assert "".join(pieces) == text
    assert not any("\N{REPLACEMENT CHARACTER}" in piece for piece in pieces)
    # Each character comes with its last byte, not later.
    assert pieces[-1] == ""


@needs_data(*(f"lm/{name}" for name in MODELS))
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("text", TEXTS)
def test_pieces_join_to_the_text(name, text):
    tokenizer = quern.Tokenizer(DATA / "lm" / name)
    ids = tokenizer.encode(text)
    assert "".join(stream(tokenizer, ids)) == tokenizer.decode(ids)
    cut = len(ids) // 2
    rest = "".join(stream(tokenizer, ids[cut:], context=ids[:cut]))
    # A character that the cut goes through belongs to the rest.
    first = tokenizer.decode(ids[:cut]).rstrip("\N{REPLACEMENT CHARACTER}")
    assert first + rest == tokenizer.decode(ids)


@needs_data("lm/quern-6m")
def test_any_ids_join_to_the_text():
    # Random ids make bytes that are no text; they must come out all the same.
    tokenizer = quern.Tokenizer(DATA / "lm" / "quern-6m")
    rng = random.Random(1)
    for _ in range(200):
        ids = [rng.randrange(rng.choice([260, 4096])) for _ in range(40)]
        assert "".join(stream(tokenizer, ids)) == tokenizer.decode(ids)
