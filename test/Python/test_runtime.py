# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The ctypes loader against a model.so written in C."""

import json
import threading
import time

import numpy as np
import pytest
import quern
from quern import Status
from support import write_manifest

VOCABULARY = 320


def formula(token, position, shift=0.0):
    """What fake_model.c predicts."""
    v = np.arange(VOCABULARY)
    remainder = (token * 31 + position * 17 + v * 7) % 101
    return (remainder / 10 + shift * (v % 3)).astype(np.float32)


@pytest.fixture(scope="module")
def model(fake):
    with quern.Model(fake) as loaded:
        yield loaded


def test_facts(model):
    assert (model.vocabulary, model.max_context) == (VOCABULARY, 128)
    assert (model.isa, model.threads) == ("formula", 2)
    assert model.describe()["cpu"] == "a test"


def test_threads(fake):
    with quern.Model(fake, threads=5) as model:
        assert model.threads == 5
        model.set_threads(3)
        assert model.threads == 3


def test_prefill_and_decode(model):
    with model.session() as session:
        logits = session.prefill([3, 1, 4], rows=2)
        assert logits.shape == (2, VOCABULARY)
        assert logits.dtype == np.float32
        np.testing.assert_allclose(logits, [formula(1, 1), formula(4, 2)], rtol=1e-6)
        np.testing.assert_allclose(session.decode(15), formula(15, 3), rtol=1e-6)
        assert session.prefill(np.array([9, 2], np.int64), rows=0).shape == (
            0,
            VOCABULARY,
        )
        assert session.position == 6


def test_truncate_fork_reset(model):
    with model.session() as session:
        session.prefill([1, 2, 3, 4])
        with session.fork() as copy:
            session.truncate(2)
            assert (session.position, copy.position) == (2, 4)
            copy.decode(5)
            assert (session.position, copy.position) == (2, 5)
        np.testing.assert_allclose(session.decode(8), formula(8, 2), rtol=1e-6)
        session.reset()
        assert session.position == 0


def test_sessions_outlive_their_model(fake):
    model = quern.Model(fake)
    session = model.session()
    model.close()
    np.testing.assert_allclose(session.decode(8), formula(8, 0), rtol=1e-6)
    with pytest.raises(quern.QuernError, match="the model has been closed"):
        model.session()
    session.close()
    with pytest.raises(quern.QuernError, match="the session has been closed"):
        session.decode(1)


def test_cancel_from_another_thread(model):
    session = model.session()

    def cancel():
        while running.is_alive():
            session.cancel()
            time.sleep(0.01)

    errors = []

    def run():
        try:
            session.prefill([319], rows=0)
        except quern.QuernError as error:
            errors.append(error)

    running = threading.Thread(target=run)
    running.start()
    cancel()
    assert [error.status for error in errors] == [Status.CANCELLED]
    assert session.position == 0
    session.close()
    session.cancel()


@pytest.mark.parametrize(
    ("act", "status", "message"),
    [
        (lambda s: s.prefill([1] * 129), Status.CAPACITY, "expects at most 128 tokens"),
        (
            lambda s: s.prefill([1, 320]),
            Status.INVALID_ARGUMENT,
            "token 1: expects an id below",
        ),
        (
            lambda s: s.truncate(1),
            Status.INVALID_ARGUMENT,
            "position: expects at most 0",
        ),
        (
            lambda s: s.model.session(129),
            Status.INVALID_ARGUMENT,
            "expects at most 128 tokens",
        ),
        (lambda s: s.model.verify(), Status.FILE, "tensor 'w': is damaged"),
        (lambda s: s.prefill([-1]), None, "expects ids that fit 31 bits, but got -1"),
        (lambda s: s.prefill([1.5]), None, "expects one dimension of integers"),
        (lambda s: s.prefill([[1]]), None, "expects one dimension of integers"),
        (
            lambda s: s.prefill([1], rows=2),
            None,
            "rows: expects a number from 0 to 1, but got 2",
        ),
        (lambda s: s.truncate(-1), None, "position: expects a number of at least 0"),
        (lambda s: s.model.session(-1), None, "capacity: expects a number from 0"),
    ],
)
def test_errors_have_the_runtimes_text(model, act, status, message):
    with (
        model.session() as session,
        pytest.raises(quern.QuernError, match=message) as caught,
    ):
        act(session)
    assert caught.value.status == status


def test_unknown_instruction_set(fake):
    with pytest.raises(quern.QuernError, match="but got avx1024") as caught:
        quern.Model(fake, isa="avx1024")
    assert caught.value.status == Status.CPU_FEATURES


def damage_library(folder):
    content = bytearray((folder / "model.so").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "model.so").write_bytes(content)


def cut_library(folder):
    content = (folder / "model.so").read_bytes()
    (folder / "model.so").write_bytes(content[: len(content) // 2])


def grow_weights(folder):
    with (folder / "weights.safetensors").open("ab") as file:
        file.write(b"x")


def change_manifest(**values):
    def change(folder):
        path = folder / "manifest.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    return change


def replace_library(content):
    def replace(folder):
        (folder / "model.so").write_bytes(content)
        write_manifest(folder, json.loads((folder / "manifest.json").read_text()))

    return replace


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (damage_library, "model.so: expects hash"),
        (cut_library, "model.so: expects .* bytes as manifest.json says"),
        (grow_weights, "weights.safetensors: expects 10 bytes .* but got 11"),
        (
            lambda f: (f / "weights.safetensors").unlink(),
            "weights.safetensors: cannot be read",
        ),
        (lambda f: (f / "manifest.json").unlink(), "but it has no manifest.json"),
        (
            lambda f: (f / "manifest.json").write_text("{"),
            "manifest.json: is not valid JSON",
        ),
        (lambda f: (f / "manifest.json").write_text("[" * 10**5), "is not valid JSON"),
        (lambda f: (f / "manifest.json").write_bytes(b"\xff"), "is not valid JSON"),
        (change_manifest(format_version=2), "expects format_version 1, but got 2"),
        (
            change_manifest(files={}),
            "expects the size of model.so in 'files', but got None",
        ),
        (
            change_manifest(tensors=None),
            "expects 'tensors' to be a JSON array, but got None",
        ),
        (
            change_manifest(model={"context": 1}),
            "expects model.vocabulary to be a positive",
        ),
        (replace_library(b"not a library"), "model.so: cannot be loaded"),
    ],
)
def test_damaged_artifacts_are_refused(make_fake, damage, message):
    folder = make_fake()
    damage(folder)
    with pytest.raises(quern.QuernError, match=message):
        quern.Model(folder)


def test_another_library_is_refused(make_fake):
    import _ctypes

    folder = make_fake()
    with open(_ctypes.__file__, "rb") as file:
        replace_library(file.read())(folder)
    with pytest.raises(quern.QuernError, match="does not export quern_get_api"):
        quern.Model(folder)


def test_an_artifact_made_again_is_the_new_one(make_fake):
    folder, other = make_fake(), make_fake(shift=4.0)
    with quern.Model(folder) as before:
        folder.rename(folder.with_name("old"))
        other.rename(folder)
        for _ in range(2):
            with (
                quern.Model(folder) as after,
                before.session() as a,
                after.session() as b,
            ):
                np.testing.assert_allclose(a.decode(3), formula(3, 0), rtol=1e-6)
                np.testing.assert_allclose(b.decode(3), formula(3, 0, shift=4.0), rtol=1e-6)


def test_no_folder(tmp_path):
    with pytest.raises(quern.QuernError, match="expects a folder written by quern compile"):
        quern.Model(tmp_path / "absent")
