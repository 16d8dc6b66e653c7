"""What the command prints: names as people wrote them, and why something is not cached."""

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
    assert "nothing to do" in said
    assert "is not cached" not in said
    other = ("--set", "teachers.0.params.seed=1", "--set", "data.limit=30")
    _, said, _ = command("extract", config, *TEACHER, *other, "--dry-run")
    assert f"{NAME} is not cached; the entry most like it differs: content:" in said
    assert "rows: 30 here, 60 there; source.weights:" in said
