"""After a search: channels pruned to the granule, weights clustered, measured on two targets with weights.

``python -m benchmarks.search_after`` trains one classifier of digits, prunes it and trains it on, clusters
its int8 weights, and writes the table: test errors of the int8 networks, and what Arm's compiler says of
their files with their own weights.
"""

from benchmarks.measure import cpu, write
from supersede.hardware import EthosU, quantise, to_tflite
from supersede.search.architecture.after.clustering import clustered
from supersede.search.architecture.after.pruning import prune
from supersede.search.architecture.after.winner import CALIBRATION, Int8Module, nhwc
from supersede.search.architecture.tasks.digits import Digits
from supersede.search.architecture.tasks.spaces import space_for
from supersede.search.architecture.tasks.training import Trained, train

ACCELERATORS = ("u55-128", "u85-1024")
GRANULE, SHARES, VALUES = 16, (0.0, 0.35, 0.7), (None, 32, 16)
SEED = 0


def main() -> None:
    began, task = cpu(), Digits()
    space = space_for("digits")
    params = {choice.name: choice.values[-1] for choice in space.choices}
    params |= {f"block{i}.kind": "ibn" for i in range(3)}
    network = space.network(params)
    whole = task.train(network, SEED)
    error, afresh = task.error(whole, "test")[0], "–"
    weights = whole.network
    rows: list[tuple[str, ...]] = [(
        "channels removed", "different weights per layer", "parameters", "test error", "the same trained afresh",
        "test error, int8",
        *(f"{name}: {what}" for name in ACCELERATORS for what in ("ms", "weights, KiB", "SRAM, KiB")),
    )]  # fmt: skip
    for share in SHARES:
        cut = prune(weights, share, granule=GRANULE).trained
        if cut.network != network:
            given = task.supervised(cut.network)
            longer = train(
                cut.network, given.images, given.targets, given.loss, task.recipe, SEED, start=cut
            )
            error, cut = task.error(longer, "test")[0], longer.network
            afresh = f"{task.error(task.train(cut.network, SEED), 'test')[0]:.3f}"
        images = nhwc(task.supervised(cut.network).images[:CALIBRATION])
        quantised = quantise(cut, images)
        for values in VALUES:
            few = quantised if values is None else clustered(quantised, values)
            int8 = task.error(Trained(Int8Module(few), 0.0, 0.0), "test")[0]
            costs = [
                EthosU(name).compile(to_tflite(few), [layer.name for layer in cut.network.layers])
                for name in ACCELERATORS
            ]
            rows.append((
                f"{share:.0%}", str(values or "all"),
                f"{cut.network.parameters:,}", f"{error:.3f}", afresh, f"{int8:.3f}",
                *(
                    text
                    for cost in costs
                    for text in (
                        f"{cost.seconds * 1e3:.4f}", f"{(cost.weight_bytes or 0) / 1024:.1f}",
                        f"{(cost.peak_bytes or 0) / 1024:.1f}",
                    )
                ),
            ))  # fmt: skip
    write(
        "search_after",
        "Pruned and clustered",
        "python -m benchmarks.search_after",
        rows,
        "One network of three inverted bottlenecks, trained for ten epochs on digits on canvases of 16 pixels;"
        f" channels are pruned to multiples of {GRANULE} by the L2 norm, and the network is trained for ten"
        " more epochs; the same network is also trained for ten epochs from random weights. Weights are"
        " clustered after quantisation. Costs are those of the int8 files with"
        " their own weights, by Vela. Errors are of one training on 347 scans that none has seen, so"
        f" differences below .05 may be chance. It took {cpu() - began:.0f} CPU seconds.",
    )


if __name__ == "__main__":
    main()
