# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writing models into other containers: a view of `quern/Pipelines/Export.h`."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .compiler import load_extension
from .errors import QuernError, check_unicode


def export_model(
    model: str | Path,
    output: str | Path,
    container: str,
    format: str = "",
    rules: Sequence[tuple[str, str]] = (),
    formats_file: str | Path | None = None,
    solver: str = "rtn",
    onnx_weights: str = "auto",
    threads: int = 0,
    shard_bytes: int = 0,
    encoding: str = "quantize",
    progress: Callable[[str, float], None] | None = None,
) -> dict[str, Any]:
    """Writes a Hugging Face folder or a GGUF file as `container`.

    format, rules, formats_file, solver and progress: as for `compile_model`; without a format
    weights keep the codes that the model holds. encoding: how they get `format`; "quantize",
    "transcode" for codes that stand for the same numbers, where there are none an error, or
    "re-encode" for such of a bounded error in its place (docs/HowTo/TranscodeAModel.md).
    onnx_weights: for the container onnx, how quantized matrices are written: "qdq" by
    DequantizeLinear, "matmulnbits" by ONNX Runtime's operator of that name, "auto" by that where
    it fits. A container that may be of several files has at most `shard_bytes` of tensors in each;
    0: a GGUF file has all, one of a folder 5 GB. A file at `output` is replaced once all is
    written.
    Returns "output", "container", "weight_bytes", "bits_per_weight", "types" (tensors of each)
    and "notes".
    """
    if not 0 <= threads < 2**32:
        raise QuernError(f"threads: expects a number from 0 to {2**32 - 1}, but got {threads}")
    if not 0 <= shard_bytes < 2**63:
        raise QuernError(f"shard_bytes: expects a number from 0, but got {shard_bytes}")
    texts = (model, output, container, format, formats_file, onnx_weights)
    for text in itertools.chain(texts, *rules):
        check_unicode("the options", str(text))
    compiler = load_extension()
    try:
        report = compiler.export_model(
            model_path=str(model),
            output_path=str(output),
            container=container,
            format=format,
            rules=list(rules),
            formats_file="" if formats_file is None else str(formats_file),
            encoding=encoding,
            solver=solver,
            onnx_weights=onnx_weights,
            threads=threads,
            shard_bytes=shard_bytes,
            progress=progress,
        )
    except compiler.CompileError as error:
        raise QuernError(str(error)) from None
    result: dict[str, Any] = json.loads(report)
    return result
