# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Damaged, truncated and mismatched artifacts are refused, with a message that
says what is wrong, from Python and on the command line."""

import json
import shutil

import pytest
import quern
from quern.artifact import hash_file
from quern.cli import main
from support import needs_compiler

pytestmark = needs_compiler

# A model of the same shapes with other weights, and one with other shapes.
OTHERS = {"seed": ("tiny-llama", 1), "shape": ("tiny-llama3", 0)}


@pytest.fixture(scope="module")
def builds(compile_once, tiny_model, tmp_path_factory):
    """{"own": artifact, and one for each of OTHERS}"""
    folder = tmp_path_factory.mktemp("others")
    made = {"own": compile_once(tiny_model, "q8_0", target="host")}
    for name, (shape, seed) in OTHERS.items():
        quern.synthesize(shape, folder / name, seed=seed)
        made[name] = compile_once(folder / name, "q8_0", target="host")
    return made


@pytest.fixture
def artifact(builds, tmp_path):
    """A copy that a test may damage, and the other builds."""
    shutil.copytree(builds["own"], tmp_path / "artifact")
    return tmp_path / "artifact"


def check_refused(capfd, artifact, message):
    with pytest.raises(quern.QuernError, match=message):
        quern.Model(artifact)
    capfd.readouterr()
    assert main(["run", str(artifact), "--prompt", "a"]) == 1
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert "Traceback" not in captured.err


def change(path, edit):
    content = bytearray(path.read_bytes())
    edit(content)
    path.write_bytes(content)


def flip(place):
    def edit(content):
        content[place] ^= 1

    return edit


def cut(content):
    del content[len(content) // 2 :]


def declare(artifact, name):
    """Makes manifest.json agree with a file, so that the next check is reached."""
    path = artifact / "manifest.json"
    manifest = json.loads(path.read_text())
    file = artifact / name
    manifest["files"][name] = {"bytes": file.stat().st_size, "xxh3": hash_file(file)}
    path.write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("name", "edit", "message"),
    [
        ("model.so", cut, "model.so: expects .* bytes as manifest.json says"),
        ("model.so", flip(5000), "model.so: expects hash .* the file is damaged"),
        (
            "weights.safetensors",
            cut,
            "weights.safetensors: expects .* bytes as manifest",
        ),
        (
            "weights.safetensors",
            flip(0),
            "header is not the one that this model was compiled",
        ),
        (
            "weights.safetensors",
            flip(100),
            "header is not the one that this model was compiled",
        ),
        ("manifest.json", cut, "manifest.json: is not valid JSON"),
    ],
)
def test_damaged_files(artifact, capfd, name, edit, message):
    change(artifact / name, edit)
    check_refused(capfd, artifact, message)


@pytest.mark.parametrize("name", ["model.so", "weights.safetensors", "manifest.json"])
def test_missing_files(artifact, capfd, name):
    (artifact / name).unlink()
    check_refused(capfd, artifact, f"{name}")


# The library does not trust the manifest, which anybody can edit.
def test_cut_weights_that_the_manifest_declares(artifact, capfd):
    change(artifact / "weights.safetensors", cut)
    declare(artifact, "weights.safetensors")
    check_refused(capfd, artifact, "bytes that this model was compiled with, but got")


@pytest.mark.parametrize("other", OTHERS)
def test_weights_of_another_build(artifact, builds, capfd, other):
    own = artifact / "weights.safetensors"
    size = own.stat().st_size
    shutil.copy(builds[other] / own.name, own)
    declare(artifact, own.name)
    assert (own.stat().st_size == size) == (other == "seed")
    check_refused(capfd, artifact, "that this model was compiled with")


@pytest.mark.parametrize("other", OTHERS)
def test_code_of_another_build(artifact, builds, capfd, other):
    shutil.copy(builds[other] / "model.so", artifact / "model.so")
    declare(artifact, "model.so")
    check_refused(capfd, artifact, "that this model was compiled with")


# Hashing gigabytes at each start would be slow: weights are checked on request.
def test_damaged_weights_are_found_on_request(artifact):
    tensors = {tensor.name: tensor for tensor in quern.inspect(artifact).tensors}
    assert "model.norm.weight" in tensors
    change(artifact / "weights.safetensors", flip(-1))
    with pytest.raises(quern.QuernError, match=r"tensor '.*': its bytes are damaged"):
        quern.Model(artifact, verify=True)
    with (
        quern.Model(artifact) as model,
        pytest.raises(quern.QuernError, match="are damaged"),
    ):
        model.verify()


def test_version_of_the_format(artifact, capfd):
    path = artifact / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format_version": 99}))
    check_refused(capfd, artifact, "expects format_version 1, but got 99; compile the model again")
