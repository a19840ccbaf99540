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
    progress: Callable[[str, float], None] | None = None,
) -> dict[str, Any]:
    """Writes a Hugging Face folder or a GGUF file as `container`.

    format, rules, formats_file, solver and progress: as for `compile_model`; without a format
    weights keep the codes that the model holds. onnx_weights: for the container onnx, how quantized
    matrices are written: "qdq" by DequantizeLinear, "matmulnbits" by ONNX Runtime's operator of
    that name, "auto" by that where it fits. What is at `output` is replaced once all is
    written. Returns "output", "container", "weight_bytes", "bits_per_weight", "types" (tensors
    of each) and "notes".
    """
    if not 0 <= threads < 2**32:
        raise QuernError(f"threads: expects a number from 0 to {2**32 - 1}, but got {threads}")
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
            solver=solver,
            onnx_weights=onnx_weights,
            threads=threads,
            progress=progress,
        )
    except compiler.CompileError as error:
        raise QuernError(str(error)) from None
    result: dict[str, Any] = json.loads(report)
    return result
