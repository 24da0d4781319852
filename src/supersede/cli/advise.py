"""``supersede advise``: which edits make a network faster on a target?"""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from supersede.cli.common import Quiet, outputs
from supersede.cli.progress import Progress

if TYPE_CHECKING:
    from supersede.cli.for_targets import Model
    from supersede.hardware import Advice

__all__ = ["advise"]


def advise(
    model: Path,
    /,
    *,
    target: str,
    memory: str | None = None,
    system: str | None = None,
    vela_config: Path | None = None,
    bits: Literal[8, 16] = 8,
    size: str | None = None,
    granule: int | None = None,
    max_sram: str | None = None,
    max_weights: str | None = None,
    cache: Path | None = None,
    workers: int = 1,
    build: Path | None = None,
    out: Path | None = None,
    json: Path | None = None,
    network: Path | None = None,
    quiet: Quiet = False,
) -> int:
    """Try the edits that experts make for accelerators, and keep those that pay on the target.

    Every edit is measured, alone and with the others; none that loses is proposed. Of a file with weights,
    edits that keep the outputs are shown apart: they need no training, and --build writes that model. After
    any other edit the network has to be trained again.

    Exit codes: 0 done (whether or not an edit pays), 1 no network that was tried is within the budgets, 2 a
    usage or data error.

    Example: supersede advise model.tflite --target ethos-u85-256 --max-sram 256KB --build advised.tflite

    Args:
        model: An ONNX file, a .tflite file, or a network's description (.json).
        target: ethos-u55-32 to ethos-u85-2048; cpu (ONNX Runtime here); litert (int8, here); a declared
            accelerator (chip.toml); a file of measurements (device.csv). The two measured here are noisy.
        memory: Memory mode of an Ethos-U.
        system: System configuration of an Ethos-U.
        vela_config: A vela.ini of your own, for clocks and bandwidths that do not exist yet.
        bits: Of the activations on an Ethos-U; weights have 8.
        size: HEIGHTxWIDTH, where an ONNX file leaves them free.
        granule: Channel multiple that the target favours; found by probing if left out.
        max_sram: Most memory for activations, such as 256KB.
        max_weights: Most memory for weights, likewise.
        cache: File of kept measurements; in the user's folder for caches if left out.
        workers: Number of processes: that measure.
        build: Write the model with the edits that keep its weights: .onnx, or .tflite from an int8 .tflite
            file.
        out: Write the page here, as HTML in one file.
        json: Write the result here, as JSON.
        network: Write the advised network's description as JSON.
        quiet: Do not show progress.
    """
    from supersede.cli.for_targets import (
        byte_count,
        cache_file,
        image_size,
        open_target,
        read_model,
    )
    from supersede.hardware import advise as find
    from supersede.look.page import check_output, write_whole

    written = outputs(out=out, json=json)
    if network is not None:
        check_output(network, "a network (--network)", [".json"])
    limits = byte_count(max_sram, "--max-sram"), byte_count(max_weights, "--max-weights")
    opened = open_target(target, memory, system, vela_config, bits)
    read = read_model(model, image_size(size))
    refuse_form(build, read)
    with Progress(quiet=quiet) as say:
        advice = find(
            read.trained or read.network, opened, granule=granule, max_sram=limits[0],
            max_weights=limits[1], cache=cache_file(cache), workers=workers, progress=say,
        )  # fmt: skip
    print(advice)
    if build is not None:
        print(_written(build, read, advice))
    written.write(advice)
    if network is not None:
        write_whole(network, advice.advised.to_json())
    return 0 if advice.fits else 1


def refuse_form(out: Path | None, read: "Model") -> None:
    """Refuse to write what the file that was read cannot give, before anything is measured.

    Raises:
        ArgumentError: The ending is unknown, or weights or steps are missing.
    """
    from supersede.errors import ArgumentError

    if out is None:
        return
    if out.suffix not in {".onnx", ".tflite"}:
        msg = f"--build: {out.name!r} must end in .onnx or .tflite; the page goes to --out advice.html"
        raise ArgumentError(msg)
    if out.suffix == ".onnx" and read.trained is None:
        msg = f"--build {out.name}: a description has no weights; give an .onnx or .tflite file to advise on"
        raise ArgumentError(msg)
    if out.suffix == ".tflite" and read.quantised is None:
        msg = (
            f"--build {out.name}: an int8 file needs the steps of its activations, which only an int8 .tflite"
            " file brings; write --build advised.onnx and `quantise` that with images"
        )
        raise ArgumentError(msg)


def _written(out: Path, read: "Model", advice: "Advice") -> str:
    """Write the model with the edits that keep its weights, read it back, and say how it differs."""
    import tempfile

    from supersede.cli.for_targets import write_file
    from supersede.hardware import from_onnx, quantised_from_tflite, to_onnx, to_tflite
    from supersede.hardware.advice.advise import outputs_difference
    from supersede.hardware.advice.whole_numbers import requantised, steps_apart

    assert read.trained is not None  # noqa: S101  # refused before
    trained = read.trained if advice.kept is None else advice.kept.trained
    nothing = "; no edit that keeps the weights pays, so it is the model as it was"
    plain = nothing if advice.kept is None else ""
    if out.suffix == ".onnx":
        with tempfile.TemporaryDirectory() as folder:
            write_file(out, to_onnx(trained, Path(folder) / "model.onnx").read_bytes())
        apart = outputs_difference(read.trained, from_onnx(out))
        return (
            f"{out}: outputs differ by {apart:.1g} of their size at most, on random images{plain}"
        )
    assert read.quantised is not None  # noqa: S101  # refused before
    write_file(out, to_tflite(requantised(read.quantised, trained)))
    most, mean = steps_apart(read.quantised, quantised_from_tflite(out))
    return (
        f"{out}: outputs differ by {mean:.2g} steps of its whole numbers on average, {most} at most,"
        f" on random images{plain}"
    )
