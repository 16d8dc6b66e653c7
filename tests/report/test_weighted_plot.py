"""The picture of probes with and without learned weights, by the command that draws it."""

from xml.etree import ElementTree

from tutelage.experiment.probe import ProbeResult
from tutelage.report.svg import inline_svg
from tutelage.report.weighted_plot import weighted_plot
from tutelage.tasks import SingleLabel


def probes() -> list[ProbeResult]:
    metric = SingleLabel.metric()
    return [
        ProbeResult(names, weighted, "test", metric, score, 0.02, 1.0, runs=3 * weighted)
        for names, scores in ((("dino",), (0.7, 0.75)), (("dino", "clip"), (0.8, 0.79)))
        for weighted, score in zip((False, True), scores, strict=True)
    ]


def test_every_set_of_teachers_is_named():
    drawing = weighted_plot(probes())
    written = " ".join(text.get_text() for text in drawing.axes[0].texts)
    assert written == "dino dino + clip"
    ElementTree.fromstring(inline_svg(drawing, name="x", title="y"))


def test_the_command_draws_it(command, digits, tmp_path):
    settings = ("--set", "train.device=cpu", "--set", "train.workers=0", "--set", "cache.workers=0")
    data = ("--data", f"folder:{digits}", "--teacher", "noise:5", "--teacher", "noise:7", *settings)
    student = ("--student", "timm:test_resnet", "--set", "student.params.weights=random")
    run = (
        "train",
        *data,
        *student,
        "--set",
        "train.steps=2",
        "--set",
        "student.params.image_size=32",
    )
    code, _, err = command(*run, "--out", tmp_path / "run")
    assert code == 0, err
    picture = tmp_path / "pictures" / "probe.svg"
    code, out, err = command("probe", *data, "--weighted", tmp_path / "run", "--out", picture)
    assert code == 0, err
    assert "noise-5 + noise-7, weighted by rho" in out
    assert {path.suffix for path in picture.parent.iterdir()} == {".svg", ".pdf", ".png"}
    code, _, err = command("probe", *data, "--out", picture)
    assert code == 2
    assert "give a run by --weighted" in err
