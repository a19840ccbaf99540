# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Fixtures: a tiny model, and artifacts that need no compiler."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Reports name the clients of each test, for utils/interop-report."""
    from client_versions import client_version

    for item in items:
        for marker in item.iter_markers("client"):
            name, container, direction = marker.args
            assert direction in ("read", "write"), item.nodeid
            facts = {"name": name, "container": container, "direction": direction}
            facts["version"] = client_version(name)
            item.user_properties.append(("client", json.dumps(facts)))


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder of random weights with a byte-level tokenizer of 320 ids."""
    import quern

    folder = tmp_path_factory.mktemp("tiny") / "model"
    quern.synthesize("tiny-llama", folder)
    return folder


@pytest.fixture(scope="session")
def make_fake(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Callable[..., Path]:
    """`make_fake(shift=0.0)` gives the folder of a new artifact of fake_model.c."""
    from support import write_fake_artifact

    def make(shift: float = 0.0) -> Path:
        folder = tmp_path_factory.mktemp("fake") / "artifact"
        write_fake_artifact(folder, tiny_model, shift)
        return folder

    return make


@pytest.fixture(scope="session")
def fake(make_fake: Callable[..., Path]) -> Path:
    """An artifact of fake_model.c; make another one to change its files."""
    return make_fake()


@pytest.fixture(scope="session")
def compile_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """`compile_once(model, format, **options)` gives the folder of the artifact,
    which no test may change; options are those of quern.compile_model."""
    import quern

    made: dict[object, Path] = {}

    def get(model: Path, format: str, **options: object) -> Path:
        key = (model, format, *sorted(options.items()))
        if key not in made:
            folder = tmp_path_factory.mktemp("compiled") / "artifact"
            quern.compile_model(model, folder, format, **options)
            made[key] = folder
        return made[key]

    return get


@pytest.fixture(scope="session")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with rows of 256 and 512 columns, which the blocks of every type of
    ggml divide."""
    import quern
    from quern import synth

    shape = synth.Shape(
        256, 512, layers=4, heads=4, kv_heads=2, head_dim=64, vocabulary=320, context=64
    )
    folder = tmp_path_factory.mktemp("wide") / "model"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(synth.SHAPES, "wide", shape)
        quern.synthesize("wide", folder, seed=3)
    return folder


@pytest.fixture(scope="session")
def mixed(wide: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A GGUF file with a type of its own for each matrix, m.gguf, and a folder of
    its numbers."""
    from gguf_files import TYPES, write_gguf

    folder = tmp_path_factory.mktemp("mixed")
    kinds = itertools.cycle(TYPES)
    write_gguf(wide, folder / "m.gguf", lambda name: next(kinds), dequantized=folder / "numbers")
    return folder


def _checkpoint_source(name: str) -> Callable[[pytest.TempPathFactory], Path]:
    @pytest.fixture(scope="session", name=name)
    def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
        from checkpoint_cases import SHAPES, synthesize

        return synthesize(tmp_path_factory.mktemp(name) / "model", SHAPES[name], 3)

    return source


# Models that test_checkpoints*.py quantizes: see SHAPES of checkpoint_cases.py.
fused = _checkpoint_source("fused")
experts = _checkpoint_source("experts")
biased = _checkpoint_source("biased")
