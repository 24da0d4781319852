import importlib.resources

import pytest

from supersede.errors import ArgumentError, MeasurementError, TargetError
from supersede.hardware import (
    Block,
    EthosU,
    Layer,
    Network,
    Shape,
    mobile_net,
    random_quantised,
    to_tflite,
)

INI = importlib.resources.files("ethosu").joinpath("config_files/Arm/vela.ini").read_text()


def net(channels: int = 16, *, fused: bool = False) -> Network:
    blocks = [Block(channels, 4, fused=fused), Block(24, 4, stride=2), Block(24, 4)]
    return mobile_net(blocks, resolution=48, head=32, classes=10)


@pytest.fixture(scope="module")
def cost():
    return EthosU("u85-256").measure(net())


def test_layers_add_up_and_bear_the_networks_names(cost):
    assert sum(layer.seconds for layer in cost.layers) == pytest.approx(cost.seconds)
    assert {layer.name for layer in cost.layers} == {layer.name for layer in net().layers}
    assert cost.on_cpu == ()


def test_the_same_network_costs_the_same(cost):
    assert EthosU("u85-256").measure(net()) == cost


def test_the_command_line_of_the_vendor_agrees(cost):
    other = EthosU("u85-256", isolated=True).measure(net())
    assert other.seconds == pytest.approx(cost.seconds)
    assert (other.weight_bytes, other.peak_bytes) == (cost.weight_bytes, cost.peak_bytes)
    assert [row.name for row in other.layers] == [row.name for row in cost.layers]
    assert [row.seconds for row in other.layers] == [row.seconds for row in cost.layers]


@pytest.mark.parametrize("accelerator", ["u55-32", "u65-256", "u65-512", "u85-2048"])
def test_every_family_compiles(accelerator):
    cost = EthosU(accelerator).measure(net(17))
    assert cost.seconds > 0
    assert cost.peak_bytes > 0


@pytest.mark.parametrize("accelerator", ["u55-128", "u85-256"])
def test_wider_activations_take_more_time_and_twice_the_memory(accelerator):
    narrow, wide = EthosU(accelerator), EthosU(accelerator, bits=16)
    assert wide.fingerprint() != narrow.fingerprint()
    eight, sixteen = narrow.measure(net()), wide.measure(net())
    assert sixteen.on_cpu == ()
    assert 1.2 < sixteen.seconds / eight.seconds < 4
    assert 1.5 < sixteen.peak_bytes / eight.peak_bytes < 2.5
    with pytest.raises(ArgumentError, match="takes 8 or 16"):
        EthosU(accelerator, bits=4)


def test_weights_do_not_count_as_activations():
    shared, only = (
        EthosU("u55-128", memory=m).measure(net()) for m in ("Shared_Sram", "Sram_Only")
    )
    assert only.peak_bytes == pytest.approx(shared.peak_bytes, rel=0.05)


def test_an_own_file_changes_the_cost_and_the_fingerprint(tmp_path):
    own = tmp_path / "vela.ini"
    own.write_text(INI.replace("OffChipFlash_clock_scale=0.125", "OffChipFlash_clock_scale=0.01"))
    chosen = {"system": "Ethos_U55_High_End_Embedded", "memory": "Shared_Sram"}
    slow, stock = EthosU("u55-128", config=own, **chosen), EthosU("u55-128")
    assert slow.fingerprint() != stock.fingerprint()
    assert slow.measure(net()).seconds > stock.measure(net()).seconds


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("OffChipFlash_clock_scale=0.125", "OffChipFlash_clock_scale=0", "without bandwidth"),
        ("core_clock=500e6", "core_clock=-1", "above 0"),
        ("core_clock=500e6", "core_clock=fast", "above 0"),
        ("Sram_read_latency=32", "Sram_read_latency=-32", "Sram_read_latency is '-32'"),
        ("OffChipFlash_write_latency=0", "OffChipFlash_write_latency=x", "write_latency is 'x'"),
        ("axi0_port=Sram", "axi0_port=Tape", "expected one of Sram"),
        ("[Memory_Mode.Shared_Sram]", "[Memory_Mode.Other]", "Memory_Mode.NAME in it are"),
        ("[System_Config", "System_Config", "cannot read"),
    ],
)
def test_a_file_that_fits_no_hardware_is_refused(tmp_path, old, new, says):
    own = tmp_path / "vela.ini"
    own.write_text(INI.replace(old, new))
    with pytest.raises(TargetError, match=says):
        EthosU("u55-128", config=own, system="Ethos_U55_High_End_Embedded", memory="Shared_Sram")


def test_an_own_file_with_several_systems_asks_which(tmp_path):
    own = tmp_path / "vela.ini"
    own.write_text(INI)
    with pytest.raises(TargetError, match=r"none was chosen \(--system\).*Ethos_U65_Embedded"):
        EthosU("u55-128", config=own)


def test_no_file_is_refused():
    with pytest.raises(TargetError, match="cannot read"):
        EthosU("u55-128", config="nowhere.ini", system="a", memory="b")


def test_an_unknown_accelerator_is_refused():
    with pytest.raises(ArgumentError, match="u85-2048"):
        EthosU("u95-1")


def test_what_falls_back_to_the_processor_is_named():
    layers = (
        Layer("a", "conv", ("input",), channels=8, kernel=3),
        Layer("up", "upsample_bilinear", ("a",), stride=3),
        Layer("b", "conv", ("up",), channels=8),
    )
    cost = EthosU("u55-128").measure(Network(Shape(16, 16, 3), layers))
    assert cost.on_cpu == ("up",)


def test_a_damaged_file_is_refused():
    tflite = to_tflite(random_quantised(net()))
    with pytest.raises(MeasurementError, match="cannot compile"):
        EthosU("u55-128").compile(tflite[: len(tflite) // 2])
    with pytest.raises(MeasurementError, match="cannot compile"):
        EthosU("u55-128").compile(b"nothing of the kind")
