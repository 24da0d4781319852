"""``supersede demo``: the main job on real data."""

import sys
from pathlib import Path

__all__ = ["demo"]


def demo(*, folder: Path = Path("out")) -> int:
    """Review a deployed model against two successors on census records, and write the report.

    The task: is a person in Massachusetts employed? The model in service has logged its predictions
    for 2018; a new one is trained on 2015 and 2016 twice: as usual, and so that it stays right
    where the one in service is right. Both are reviewed by sex, race and both.

    Args:
        folder: Folder of what is written: predictions and report.
    """
    import pyarrow.parquet as pq

    from supersede.cli.review import review
    from supersede.demo.employment import employment
    from supersede.errors import ReportError

    print("training two new models on the records of 2015 and 2016 …", file=sys.stderr)
    predictions = employment()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        pq.write_table(predictions, folder / "predictions.parquet")
    except OSError as error:
        msg = f"cannot write to {folder}: {error.strerror}; choose another one: --folder"
        raise ReportError(msg) from error
    command = (
        f"supersede review {folder}/predictions.parquet --old deployed_prediction"
        " --new new_prediction --new congruent_prediction --label employed --group sex --group race --cross sex,race"
        f" --min-gain -0.5% --max-nfr 2.5% --max-slice-nfr 5% --max-slice-drop 5%"
        f" --out {folder}/report.html"
    )
    print(f"now running:\n  {command}", file=sys.stderr)
    review(
        str(folder / "predictions.parquet"),
        old="deployed_prediction",
        new=["new_prediction", "congruent_prediction"],
        label="employed",
        group=["sex", "race"],
        cross=["sex,race"],
        min_gain=-0.005,
        max_nfr=0.025,
        max_slice_nfr=0.05,
        max_slice_drop=0.05,
        out=folder / "report.html",
    )
    print(f"\nopen {folder}/report.html in a browser", file=sys.stderr)
    return 0
