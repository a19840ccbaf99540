# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Quern: quantizes models, compiles them ahead of time, and runs them.

For example:

    quern.compile_model("model/", "out/", format="i4 [1, 32], scale f16", compute="int8")
    model = quern.Model("out/")
    tokenizer = quern.Tokenizer("out/")
    for piece in quern.generate(model, tokenizer, "It was a dark"):
        print(piece, end="")
"""

from importlib.metadata import PackageNotFoundError, version

from .batch import BatchBenchmark, benchmark_batches
from .bench import Benchmark, benchmark
from .check import Check, check_model
from .compiler import compile_model, import_to_text, reference_artifact
from .errors import QuernError, Status
from .evaluate import Evaluation, evaluate
from .exporting import export_model
from .generate import generate, generate_tokens
from .inspect import Inspection, Tensor, inspect
from .profiling import Profile, profile
from .reference import ReferenceModel
from .runtime import Model, Session
from .sampling import Sampler, SamplingOptions
from .sweep import sweep
from .synth import synthesize
from .tokenizer import StreamDecoder, Tokenizer
from .transcoding import Transcoding, classify_transcodings, transcoding_matrix

try:
    __version__ = version("quern")
except PackageNotFoundError:  # run from the sources, not installed
    __version__ = "0+source"

__all__ = [
    "BatchBenchmark",
    "Benchmark",
    "Check",
    "Evaluation",
    "Inspection",
    "Model",
    "Profile",
    "QuernError",
    "ReferenceModel",
    "Sampler",
    "SamplingOptions",
    "Session",
    "Status",
    "StreamDecoder",
    "Tensor",
    "Tokenizer",
    "Transcoding",
    "__version__",
    "benchmark",
    "benchmark_batches",
    "check_model",
    "classify_transcodings",
    "compile_model",
    "evaluate",
    "export_model",
    "generate",
    "generate_tokens",
    "import_to_text",
    "inspect",
    "profile",
    "reference_artifact",
    "sweep",
    "synthesize",
    "transcoding_matrix",
]
