# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The command `quern`.

Results go to stdout; progress, and errors of one paragraph each, to stderr.
Exit status: 0, 1 after an error, 2 after a wrong command line, 130 after an
interrupt; that of `quern check` says what it found.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import quern

from .artifact import is_artifact
from .batch import BatchBenchmark, format_batches
from .bench import Benchmark, format_benchmark
from .check import check_model, format_check
from .client_rules import builtin_rules
from .errors import QuernError
from .evaluate import Evaluation
from .formats import canonical_format, read_formats
from .inspect import format_inspection
from .plot import write_plot
from .profile_page import write_page
from .profile_table import format_profile
from .profiling import Profile
from .progress import Progress, format_seconds
from .sweep import SweepOptions, format_table
from .synth import DTYPES, SHAPES
from .transcoding import format_matrix

_ERROR_WIDTH = 100


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command line and returns its exit status."""
    options = _parser().parse_args(arguments)
    # What a model writes is UTF-8, whatever the locale.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")
    try:
        status: int | None = options.run(options)
        sys.stdout.flush()
    except QuernError as error:
        _print_error(str(error))
        return 1
    except BrokenPipeError:
        # The reader has left; Python would complain again when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        _print_error(f"{error.filename}: {error.strerror}" if error.filename else str(error))
        return 1
    except MemoryError:
        _print_error("out of memory")
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return 130
    return status or 0


def _print_error(text: str) -> None:
    """One paragraph; what follows indented is a quotation and stays as it is."""
    paragraph, quotes, quotation = text.partition("\n  ")
    lines = textwrap.wrap(
        " ".join(paragraph.split()),
        _ERROR_WIDTH,
        initial_indent="error: ",  # on the line of what follows, however long that is
        break_long_words=False,
        break_on_hyphens=False,
    )
    print("\n".join(lines) + quotes + quotation, file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="quern", description="Quantize, compile, run and measure language models."
    )
    parser.add_argument("--version", action="version", version=f"quern {quern.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_compile(commands)
    _add_quantize(commands)
    _add_export(commands)
    _add_transcode(commands)
    _add_import(commands)
    _add_run(commands)
    _add_eval(commands)
    _add_sweep(commands)
    _add_bench(commands)
    _add_inspect(commands)
    _add_check(commands)
    _add_synth(commands)
    return parser


class _HelpFormatter(argparse.ArgumentDefaultsHelpFormatter):
    """Shows defaults, except of options that are absent by default."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        absent = action.default is None or action.default is False or action.default == []
        return action.help if absent else super()._get_help_string(action)


def _add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    run: Callable[[argparse.Namespace], int | None],
    text: str,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text, formatter_class=_HelpFormatter)
    parser.set_defaults(run=run)
    return parser


def _add_formats(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--format",
        default="",
        help="of the weights: a name, or the text of a format, both as in docs/Formats.md, or a "
        "mixture of llama-quantize such as Q4_K_M (default: as the model holds them)",
    )
    parser.add_argument(
        "--rule",
        type=_rule,
        action="append",
        default=[],
        metavar="PATTERN=FORMAT",
        help="another format for weights whose name matches; may be repeated",
    )
    parser.add_argument("--formats", metavar="FILE", help="file of more named formats")


def _add_compute(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--compute",
        choices=("int8", "bf16", "f32"),
        default="f32",
        help="arithmetic of the linear layers",
    )


def _add_solver(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--solver",
        choices=("rtn", "mse"),
        default="rtn",
        help="rtn: scales and codes by the format's rule; mse: those of the least squared error "
        "that a search finds, which takes longer",
    )


def _add_compile(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _add(commands, "compile", _compile, "Quantize a model and compile it to an artifact.")
    _add_model(parser)
    _add_formats(parser)
    _add_compute(parser)
    _add_solver(parser)
    parser.add_argument(
        "--activations",
        default="",
        metavar="FORMAT",
        help="of the inputs of int8 products, such as 'i8 [1, 32], scale f32': smaller groups "
        "are more accurate and slower (default: one scale for up to 128)",
    )
    parser.add_argument(
        "--target",
        default="all",
        metavar="NAME,...",
        help="instruction sets of the artifact: all (x86-64, x86-64-v3 and x86-64-v4), host, "
        "aarch64, or names as in docs/Targets.md",
    )
    parser.add_argument(
        "--context", type=int, default=0, metavar="N", help="longest session; 0: the model's"
    )
    parser.add_argument(
        "--kv-cache",
        default="f16",
        metavar="FORMAT",
        help="of keys and values: a name, or the text of a format with blocks of one row that "
        "divide the head dimension",
    )
    parser.add_argument(
        "--kv-rotate",
        action="store_true",
        help="rotate keys and values by a Hadamard matrix before they are coded: for caches of "
        "few bits",
    )
    parser.add_argument(
        "--threads", type=int, default=0, metavar="N", help="compiler threads; 0: all processors"
    )
    parser.add_argument(
        "--dump", metavar="DIR", help="also write the IR of every stage and the assembly"
    )
    parser.add_argument("-o", "--output", required=True, metavar="OUT", help="artifact folder")


def _add_quantize(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _add(commands, "quantize", _export, "Quantize a model and write it as a checkpoint.")
    _add_model(parser)
    _add_formats(parser)
    _add_solver(parser)
    _add_container(parser)


def _add_export(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _add(
        commands,
        "export",
        _export,
        "Write a model into another container, its weights as they are: codes go from layout to "
        "layout.",
    )
    _add_model(parser)
    parser.set_defaults(format="", rule=[], formats=None, solver="rtn")
    _add_container(parser)


def _add_transcode(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _add(
        commands,
        "transcode",
        _transcode,
        "Give the weights of a quantized model another format without changing a number, or say "
        "what would be lost.",
    )
    parser.add_argument(
        "model", nargs="?", metavar="MODEL", help="GGUF file or Hugging Face folder"
    )
    parser.add_argument(
        "--to",
        metavar="FORMAT[/CONTAINER]",
        help="a name or the text of a format, and what to write it as (default: gguf)",
    )
    parser.add_argument(
        "--re-encode",
        action="store_true",
        help="where numbers have no codes in the format, search for those of the least squared "
        "error, if it is bounded",
    )
    parser.add_argument(
        "--rule",
        type=_rule,
        action="append",
        default=[],
        metavar="PATTERN=FORMAT",
        help="another format for weights whose name matches; may be repeated",
    )
    parser.add_argument("-o", "--output", metavar="OUT", help="file or folder")
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--matrix", action="store_true", help="print what becomes of each format in each other"
    )
    what.add_argument(
        "--explain", nargs=2, metavar=("A", "B"), help="say what becomes of format A in format B"
    )
    parser.add_argument(
        "--only",
        type=lambda text: text.split(","),
        default=[],
        metavar="NAME,...",
        help="formats of --matrix, if not all that have names",
    )
    parser.add_argument("--formats", metavar="FILE", help="file of more named formats")
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="0: all processors")
    _add_json(parser)


def _add_container(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--container",
        required=True,
        metavar="NAME",
        help="what to write: gguf, onnx, openvino, compressed-tensors, gptq, awq, bnb or fp8, or "
        "one way of such, as compressed-tensors/int-quantized",
    )
    parser.add_argument(
        "--shard-size",
        type=_byte_count,
        default=0,
        metavar="BYTES",
        help="the most bytes of tensors in one of several files, such as 500MB; otherwise a GGUF "
        "file is one, and files of a folder have up to 5GB",
    )
    parser.add_argument(
        "--onnx-weights",
        default="auto",
        choices=("auto", "qdq", "matmulnbits"),
        help="how quantized matrices are written as ONNX: by DequantizeLinear, by ONNX Runtime's "
        "MatMulNBits, or by that where it fits",
    )
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="0: all processors")
    parser.add_argument("-o", "--output", required=True, metavar="OUT", help="file or folder")


def _byte_count(text: str) -> int:
    """A size as people write it: 500MB, 5GB, or a plain number."""
    units = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
    number = text.rstrip("KMGTBkmgtb")
    unit = text[len(number) :].upper()
    if not (number.isascii() and number.isdigit() and unit in units and int(number)):
        raise argparse.ArgumentTypeError(
            f"expects a number of bytes such as 500MB or 5GB, but got '{text}'"
        )
    return int(number) * units[unit]


def _add_import(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _add(commands, "import", _import, "Print a model as the compiler imports it: its IR.")
    _add_model(parser)
    parser.add_argument("-o", "--output", metavar="FILE", help="write it to a file instead")


def _add_run(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _add(
        commands, "run", _run, "Continue a text; print the text and what the model adds to it."
    )
    _add_artifact(parser)
    parser.add_argument("--prompt", required=True, metavar="TEXT", help="text to continue")
    parser.add_argument("--max-tokens", type=int, default=128, metavar="N", help="to generate")
    parser.add_argument(
        "--temperature", type=float, default=0.0, metavar="T", help="0: always the likeliest token"
    )
    parser.add_argument(
        "--top-p", type=float, default=1.0, metavar="P", help="likeliest tokens of this sum"
    )
    parser.add_argument(
        "--top-k", type=int, default=0, metavar="K", help="number of likeliest tokens; 0: all"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of the random choices")


def _add_eval(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _add(commands, "eval", _eval, "Measure the perplexity of a compiled model on a text.")
    _add_artifact(parser)
    parser.add_argument("--text", required=True, metavar="FILE", help="UTF-8 text")
    parser.add_argument(
        "--context", type=int, default=512, metavar="N", help="tokens of a window, BOS included"
    )
    parser.add_argument(
        "--score-from",
        type=int,
        default=0,
        metavar="N",
        help="position in its window of the first token that is scored",
    )
    parser.add_argument(
        "--against",
        metavar="MODEL_OR_OUT",
        help="also measure the divergence from this artifact, or from this model in float",
    )
    _add_json(parser)


def _add_sweep(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _add(
        commands,
        "sweep",
        _sweep,
        "Compare formats: compile a model in each and measure how far it is from the float model.",
    )
    parser.add_argument("model", metavar="MODEL", help="Hugging Face folder")
    parser.add_argument("--formats", metavar="FILE", help="file of named formats, all compared")
    parser.add_argument(
        "--format",
        action="append",
        default=[],
        metavar="FORMAT",
        help="one more, a name or the text of a format; may be repeated",
    )
    parser.add_argument("--text", required=True, metavar="FILE", help="UTF-8 text")
    _add_compute(parser)
    _add_solver(parser)
    parser.add_argument(
        "--context", type=int, default=512, metavar="N", help="tokens of a window, BOS included"
    )
    parser.add_argument(
        "--tokens", type=int, default=0, metavar="N", help="of the text, from its start; 0: all"
    )
    parser.add_argument(
        "--threads", type=int, default=0, metavar="N", help="0: all that may be used"
    )
    parser.add_argument(
        "-o",
        "--output",
        default="sweep",
        metavar="FOLDER",
        help="folder for sweep.json and the plot sweep.svg",
    )
    _add_json(parser)


def _add_bench(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _add(commands, "bench", _bench, "Measure the speed of a compiled model.")
    _add_artifact(parser)
    parser.add_argument("--prompt-tokens", type=int, default=512, metavar="N", help="of a prefill")
    parser.add_argument(
        "--generate-tokens", type=int, default=64, metavar="N", help="decoded one by one"
    )
    parser.add_argument(
        "--repeat", type=int, default=3, metavar="R", help="medians are taken over as many runs"
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--profile", action="store_true", help="time each kernel, against what the machine can do"
    )
    what.add_argument(
        "--batch",
        type=_sizes,
        metavar="N,...",
        help="time steps of N tokens of one sequence after the prompt, with logits for each: "
        "what verifying a draft of N tokens costs",
    )
    parser.add_argument(
        "--top", type=int, default=10, metavar="N", help="slowest calls in the table of --profile"
    )
    parser.add_argument("--html", metavar="FILE", help="write the profile as a page with a graph")
    _add_json(parser)


def _add_inspect(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _add(commands, "inspect", _inspect, "Show what is in a model or an artifact.")
    parser.add_argument(
        "path",
        metavar="MODEL_OR_OUT",
        help="model folder, artifact folder, GGUF or safetensors file",
    )
    _add_json(parser)


def _add_check(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _add(
        commands,
        "check",
        _check,
        "Say whether another program can load and run a model, as it is or as it would be "
        "exported: exit status 0 if it can, 3 if not, 4 if that is not known.",
    )
    _add_model(parser)
    parser.add_argument(
        "--for",
        dest="client",
        required=True,
        metavar="CLIENT",
        help="vllm, llama.cpp, onnxruntime, openvino or transformers",
    )
    parser.add_argument(
        "--version", default="", metavar="V", help="of the client; default: the last that is known"
    )
    _add_formats(parser)
    parser.add_argument(
        "--container",
        default="",
        metavar="NAME",
        help="what would be written; default: the model as it is",
    )
    parser.add_argument(
        "--tensor-parallel",
        type=int,
        default=1,
        metavar="N",
        help="devices that the client divides weights between",
    )
    _add_json(parser)


def _add_synth(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _add(commands, "synth", _synth, "Write a model of random weights at a real shape.")
    parser.add_argument("--shape", required=True, choices=tuple(SHAPES), help="dimensions")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of the weights")
    parser.add_argument("--dtype", choices=tuple(DTYPES), default="bf16", help="of the weights")
    parser.add_argument("-o", "--output", required=True, metavar="DIR", help="folder to write")


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="Hugging Face folder or GGUF file")


def _add_artifact(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "artifact",
        metavar="OUT",
        help="folder written by quern compile; a model is compiled as it is first, once, and "
        "kept in the cache",
    )
    parser.add_argument(
        "--threads", type=int, default=0, metavar="N", help="0: all that may be used"
    )
    parser.add_argument(
        "--isa", metavar="NAME", help="instruction set, if not the best of this processor"
    )


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")


def _sizes(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"expects numbers of tokens with commas between, but got '{text}'"
        ) from None


def _rule(text: str) -> tuple[str, str]:
    pattern, _, format = (part.strip() for part in text.partition("="))
    if not pattern or not format:
        raise argparse.ArgumentTypeError(f"expects PATTERN=FORMAT, but got '{text}'")
    return pattern, format


def _compile(options: argparse.Namespace) -> None:
    begin = time.monotonic()
    with _stages() as progress:
        report = quern.compile_model(
            options.model,
            options.output,
            options.format,
            rules=options.rule,
            compute=options.compute,
            activations=options.activations,
            target=options.target,
            formats_file=options.formats,
            kv_cache=options.kv_cache,
            kv_rotate=options.kv_rotate,
            solver=options.solver,
            context=options.context,
            threads=options.threads,
            dump_path=options.dump,
            progress=progress,
        )
    _print_report(options.output, report, f", for {', '.join(report['isas'])}", begin)


def _export(options: argparse.Namespace) -> None:
    begin = time.monotonic()
    with _stages() as progress:
        report = quern.export_model(
            options.model,
            options.output,
            options.container,
            options.format,
            rules=options.rule,
            formats_file=options.formats,
            solver=options.solver,
            onnx_weights=options.onnx_weights,
            threads=options.threads,
            shard_bytes=options.shard_size,
            progress=progress,
        )
    types = ", ".join(f"{count} {name}" for name, count in sorted(report["types"].items()))
    _print_report(report["output"], report, f": {types}", begin)


def _transcode(options: argparse.Namespace) -> None:
    if options.matrix or options.explain:
        _explain_transcodings(options)
        return
    for name in ("model", "to", "output"):
        if not getattr(options, name):
            raise QuernError(
                f"{name}: expects a model, --to and -o, or one of --matrix and --explain"
            )
    format, container = _format_and_container(options.to)
    begin = time.monotonic()
    with _stages() as progress:
        report = quern.export_model(
            options.model,
            options.output,
            container,
            format,
            rules=options.rule,
            formats_file=options.formats,
            solver="mse",
            threads=options.threads,
            encoding="re-encode" if options.re_encode else "transcode",
            progress=progress,
        )
    if options.json:
        print(json.dumps(report))
        return
    types = ", ".join(f"{count} {name}" for name, count in sorted(report["types"].items()))
    _print_report(report["output"], report, f": {types}", begin)


def _explain_transcodings(options: argparse.Namespace) -> None:
    if options.explain:
        source, target = options.explain
        answers = quern.classify_transcodings([source], [target], options.formats)
        text = answers[0].text
    else:
        answers = quern.transcoding_matrix(options.only, options.formats)
        text = format_matrix(answers)
    print(json.dumps([answer.as_dict() for answer in answers]) if options.json else text)


def _format_and_container(text: str) -> tuple[str, str]:
    """FORMAT/CONTAINER apart. Texts of formats have slashes, too, but numbers behind them."""
    parts = text.split("/")
    for i in range(1, len(parts)):
        if parts[i].strip()[:1].isalpha():
            return "/".join(parts[:i]).strip(), "/".join(parts[i:]).strip()
    return text, "gguf"


def _print_report(output: str, report: dict[str, Any], contents: str, begin: float) -> None:
    for note in report["notes"]:
        print(f"note: {note}", file=sys.stderr)
    print(
        f"{output}: {report['weight_bytes']:,} bytes of weights, "
        f"{report['bits_per_weight']:.3f} bits per weight{contents}, in "
        f"{format_seconds(time.monotonic() - begin)}"
    )


def _import(options: argparse.Namespace) -> None:
    text = quern.import_to_text(options.model)
    if options.output:
        Path(options.output).write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)


@contextmanager
def _stages() -> Iterator[Callable[[str, float], None]]:
    """A bar for each stage of a compilation. A stage that says something about
    itself in parentheses, as the memory it will need, is announced at once."""
    bars: dict[str, Progress] = {}

    def close() -> None:
        for bar in bars.values():
            bar.__exit__()
        bars.clear()

    def update(stage: str, fraction: float) -> None:
        if stage not in bars:
            close()
            bars[stage] = Progress(stage)
            if "(" in stage:
                print(stage, file=sys.stderr, flush=True)
        bars[stage].update(fraction)

    try:
        yield update
    finally:
        close()


def _find_artifact(text: str) -> Path:
    """The artifact folder that `text` names, or that of the model that it names."""
    path = Path(text)
    is_model = path.suffix == ".gguf" or (path / "config.json").exists()
    if is_artifact(path) or not is_model:
        return path
    with _stages() as progress:
        return quern.reference_artifact(path, progress)


def _open_model(options: argparse.Namespace) -> quern.Model:
    options.artifact = _find_artifact(options.artifact)
    return quern.Model(options.artifact, threads=options.threads, isa=options.isa)


def _run(options: argparse.Namespace) -> None:
    sampling = quern.SamplingOptions(
        options.temperature, options.top_k, options.top_p, options.seed
    )
    with _open_model(options) as model:
        tokenizer = quern.Tokenizer(options.artifact)
        pieces = quern.generate(model, tokenizer, options.prompt, options.max_tokens, sampling)
        # An error in the prompt comes before anything is printed.
        first = next(pieces, "")
        for piece in itertools.chain((options.prompt, first), pieces):
            sys.stdout.write(piece)
            sys.stdout.flush()
    # A file or pipe gets the text and nothing else.
    if sys.stdout.isatty():
        sys.stdout.write("\n")


def _eval(options: argparse.Namespace) -> None:
    text = _read_text(Path(options.text))
    options.artifact = _find_artifact(options.artifact)
    tokenizer = quern.Tokenizer(options.artifact)
    tokens = tokenizer.encode(text)
    bos = tokenizer.bos_id if tokenizer.adds_bos else None
    with _open_model(options) as model:
        against = _open_reference(options, tokenizer) if options.against else None
        with Progress("evaluating") as bar:
            result = quern.evaluate(
                model, tokens, options.context, bos, options.score_from, against, bar.update
            )
    if options.json:
        print(json.dumps(result.as_dict()))
    else:
        print(_format_evaluation(result))


def _open_reference(options: argparse.Namespace, tokenizer: quern.Tokenizer) -> quern.Model:
    path = Path(options.against)
    if not is_artifact(path):
        with _stages() as progress:
            path = quern.reference_artifact(path, progress)
    other = quern.Tokenizer(path)
    sample = "The quick brown fox, 1234 times."
    if other.encode(sample).tolist() != tokenizer.encode(sample).tolist():
        raise QuernError(
            f"{options.against}: expects the tokenizer of {options.artifact}, but got another"
        )
    return quern.Model(path, threads=options.threads, isa=options.isa)


def _read_text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise QuernError(f"{path}: expects UTF-8 text, but byte {error.start} is not") from None


def _format_evaluation(result: Evaluation) -> str:
    lines = [
        f"tokens scored   {result.tokens:,}",
        f"perplexity      {result.perplexity:.5g} ± {result.perplexity_stderr:.2g}",
    ]
    if result.kld_mean is not None:
        lines += [
            f"KL divergence   {result.kld_mean:.4g} ± {result.kld_stderr:.2g} nats",
            f"99th percentile {result.kld_p99:.4g} nats",
            f"same top token  {100 * (result.same_top or 0):.2f} %",
        ]
    return "\n".join(lines)


def _sweep(options: argparse.Namespace) -> None:
    formats = read_formats(options.formats) if options.formats else {}
    formats |= {text: canonical_format(text, options.formats) for text in options.format}
    if not formats:
        raise QuernError("expects formats to compare: --formats FILE or --format FORMAT")
    text = _read_text(Path(options.text))
    settings = SweepOptions(
        options.compute, options.solver, options.context, options.tokens, options.threads
    )
    folder = Path(options.output)
    folder.mkdir(parents=True, exist_ok=True)
    with Progress("sweeping") as bar:
        rows = quern.sweep(
            options.model, text, formats, folder / "in-progress", settings, bar.update
        )
    entries = json.dumps([row.as_dict() for row in rows], indent=1)
    (folder / "sweep.json").write_text(entries + "\n", encoding="utf-8")
    write_plot(rows, folder / "sweep.svg")
    print(entries if options.json else format_table(rows))
    failed = [row.name for row in rows if row.error]
    if failed:
        raise QuernError(
            f"{len(failed)} of {len(rows) - 1} formats have no result: {', '.join(failed)}"
        )


def _bench(options: argparse.Namespace) -> None:
    if options.html and not options.profile:
        raise QuernError("--html: expects --profile as well")
    if options.top < 0:
        raise QuernError(f"top: expects a number from 0 on, but got {options.top}")
    result: Benchmark | BatchBenchmark | Profile
    with _open_model(options) as model, Progress("measuring") as bar:
        sizes = (options.prompt_tokens, options.generate_tokens, options.repeat)
        if options.profile:
            result = quern.profile(model, *sizes, bar.update)
            text = format_profile(result, options.top)
        elif options.batch:
            result = quern.benchmark_batches(model, options.batch, *sizes, bar.update)
            text = format_batches(result)
        else:
            result = quern.benchmark(model, *sizes, bar.update)
            text = format_benchmark(result)
    if isinstance(result, Profile) and options.html:
        write_page(result, options.html)
    print(json.dumps(result.as_dict()) if options.json else text)


def _inspect(options: argparse.Namespace) -> None:
    result = quern.inspect(options.path)
    print(json.dumps(result.as_dict()) if options.json else format_inspection(result))


def _check(options: argparse.Namespace) -> int:
    result = check_model(
        options.model,
        options.client,
        options.version,
        options.container,
        options.format,
        options.rule,
        options.formats,
        options.tensor_parallel,
    )
    title = builtin_rules().clients[options.client].title
    print(json.dumps(result.as_dict()) if options.json else format_check(result, title))
    return {"yes": 0, "no": 3, "unknown": 4}[result.answer]


def _synth(options: argparse.Namespace) -> None:
    with Progress(f"writing {options.shape}") as bar:
        quern.synthesize(options.shape, options.output, options.seed, options.dtype, bar.update)
    made = quern.inspect(options.output)
    print(f"{options.output}: {len(made.tensors)} tensors, {made.weight_bytes:,} bytes of weights")
