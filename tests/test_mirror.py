"""Every module has a test file in its mirrored place, or names the files that cover it."""

from pathlib import Path

import pytest

import tutelage

SOURCE = Path(tutelage.__file__).parent
TESTS = Path(__file__).parent

ELSEWHERE: dict[str, str] = {
    "backbones/families.py": "students/test_families.py",
    "backbones/openclip.py": "teachers/test_openclip.py students/test_pairs.py",
    "backbones/timm.py": "teachers/test_timm.py students/test_students.py",
    "backbones/transformers.py": "teachers/test_huggingface.py students/test_students.py",
    "cache/seal.py": "cache/test_store.py cache/test_resume.py",
    "cli/app.py": "test_cli.py",
    "cli/auto.py": "sweeps/test_auto.py",
    "cli/cache.py": "test_cli.py",
    "cli/check.py": "test_check.py",
    "cli/choose.py": "test_cli.py sweeps/test_compare.py",
    "cli/compare.py": "sweeps/test_compare.py",
    "cli/doctor.py": "test_cli.py",
    "cli/dry_run.py": "test_cli.py",
    "cli/dry_run_sweeps.py": "sweeps/test_sweep_estimate.py sweeps/test_study_estimate.py",
    "cli/evaluate.py": "deploy/test_evaluate.py",
    "cli/export.py": "deploy/test_export.py",
    "cli/extract.py": "test_cli.py test_end_to_end.py",
    "cli/init.py": "test_cli.py test_recipes.py",
    "cli/latency.py": "deploy/test_latency.py",
    "cli/listing.py": "test_end_to_end.py test_recipes.py",
    "cli/options.py": "test_cli.py",
    "cli/plain_help.py": "test_cli.py",
    "cli/predict.py": "deploy/test_predict_source.py",
    "cli/probe.py": "sweeps/test_rank.py",
    "cli/publish.py": "publish/test_card.py publish/test_push.py",
    "cli/rank.py": "sweeps/test_rank.py",
    "cli/rows.py": "test_rows.py",
    "cli/ship.py": "deploy/test_predict_source.py",
    "cli/tune.py": "sweeps/test_tune.py",
    "report/charts.py": "report/test_page.py",
    "sweeps/estimates.py": "sweeps/test_sweep_estimate.py",
    "sweeps/grid_runs.py": "sweeps/test_compare.py",
    "sweeps/study_folder.py": "sweeps/test_studies.py",
    "sweeps/point_run.py": "sweeps/test_tune.py",
    "tiny/columns.py": "tiny/test_rows.py",
    "deploy/compared_rows.py": "deploy/test_export.py",
    "deploy/contenders.py": "deploy/test_latency.py",
    "deploy/export_errors.py": "deploy/test_export.py",
    "deploy/graph.py": "deploy/test_export.py",
    "deploy/hub.py": "publish/test_push.py",
    "deploy/onnx_files.py": "deploy/test_export.py",
    "deploy/preprocessing.py": "deploy/test_export.py",
    "deploy/program_files.py": "deploy/test_export.py",
    "deploy/quiet.py": "deploy/test_export.py",
    "deploy/sample_rows.py": "deploy/test_latency.py",
    "deploy/smaller_files.py": "deploy/test_export.py",
    "experiment/training_estimate.py": "experiment/test_rehearsal.py",
    "experiment/checks.py": "experiment/test_plan.py test_bad_input.py",
    "config/data.py": "data/test_config.py config/test_schema.py",
    "config/models.py": "config/test_schema.py",
    "config/sweeps.py": "config/test_schema.py",
    "config/training.py": "config/test_schema.py",
    "data/base.py": "data/test_splits.py data/test_pairs.py",
    "data/check/findings.py": "data/check/test_rules.py",
    "data/check/rows.py": "data/check/test_rules.py",
    "data/hub.py": "data/test_hub_and_python.py",
    "data/images.py": "data/test_folder.py",
    "data/open.py": "test_recipes.py test_unlabelled.py",
    "data/python.py": "data/test_hub_and_python.py",
    "data/read.py": "data/test_folder.py data/tables/test_read.py",
    "data/tables/columns.py": "data/test_templates.py data/tables/test_read.py",
    "data/tables/values.py": "data/test_targets.py",
    "data/texts.py": "data/tables/test_read.py",
    "data/unseen.py": "deploy/test_predict_source.py",
    "demo/data.py": "demo/test_demo.py",
    "demo/demos.py": "demo/test_demo.py",
    "demo/run.py": "demo/test_demo.py",
    "demo/student.py": "demo/test_demo.py",
    "inputs/base.py": "inputs/test_image.py inputs/test_text.py",
    "inputs/pair.py": "test_image_and_text.py",
    "inputs/prompt.py": "inputs/test_prompts.py",
    "inputs/tokenizers.py": "inputs/test_text.py",
    "progress.py": "training/test_prepared.py",
    "recipes/read.py": "test_recipes.py",
    "cli/study.py": "sweeps/test_studies.py",
    "report/study_page.py": "report/test_study_tables.py",
    "report/study_axes.py": "report/test_study_tables.py",
    "report/study_groups.py": "report/test_study_tables.py",
    "report/study_plots.py": "report/test_study_tables.py",
    "publish/card_facts.py": "publish/test_card.py deploy/test_cards.py",
    "publish/measured.py": "publish/test_card.py",
    "publish/origins.py": "publish/test_card.py",
    "publish/usage.py": "deploy/test_cards.py",
    "regularizers/none.py": "regularizers/test_contract.py",
    "regularizers/preparation.py": "regularizers/test_base.py",
    "report/plots.py": "report/test_page.py",
    "report/search.py": "report/test_tuning.py report/test_choice.py",
    "report/speed.py": "deploy/test_latency.py",
    "report/evaluation_page.py": "report/test_evaluation.py",
    "report/templates.py": "report/test_page.py report/test_evaluation.py",
    "students/backbone.py": "students/test_limits.py",
    "students/base.py": "students/test_students.py",
    "students/build.py": "students/test_problems.py students/test_limits.py",
    "students/clip.py": "students/test_pairs.py",
    "students/huggingface.py": "students/test_students.py",
    "students/joining.py": "students/test_pairs.py students/test_problems.py",
    "students/lora.py": "students/test_limits.py",
    "students/openclip.py": "students/test_pairs.py",
    "students/pair.py": "students/test_pairs.py",
    "sweeps/climb.py": "sweeps/test_auto.py",
    "teachers/arrays.py": "teachers/test_features.py",
    "teachers/base.py": "teachers/test_python.py",
    "teachers/build.py": "teachers/test_problems.py",
    "teachers/digests.py": "teachers/test_onnx.py teachers/test_features.py",
    "teachers/module.py": "teachers/test_python.py",
    "teachers/onnx_feeds.py": "teachers/test_onnx.py",
    "teachers/onnx_graph.py": "teachers/test_onnx.py",
    "training/learner.py": "training/test_loop.py",
    "training/passes.py": "training/test_loop.py",
}
"""Modules without a test file of their own, and the files that cover them."""

MODULES = [
    path.relative_to(SOURCE)
    for path in sorted(SOURCE.rglob("*.py"))
    if path.name not in ("__init__.py", "__main__.py")
]


def mirrored(module: Path) -> Path:
    return TESTS / module.parent / f"test_{module.name}"


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_a_module_is_tested(module):
    covering = ELSEWHERE.get(module.as_posix(), "").split()
    if mirrored(module).is_file():
        assert not covering, "it has a test file of its own; take it out of the table"
        return
    assert covering, f"write {mirrored(module).relative_to(TESTS)}, or name what covers it here"
    assert [name for name in covering if not (TESTS / name).is_file()] == []


def test_the_table_names_modules_that_exist():
    assert set(ELSEWHERE) <= {module.as_posix() for module in MODULES}
