"""What the command prints: names as people wrote them, and why something is not cached."""

from tutelage.cli.cache import age

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
    other = ("--set", "teachers.0.params.seed=1", "--set", "data.limit=30")
    _, said, _ = command("extract", config, *TEACHER, *other, "--dry-run")
    assert f"{NAME} is not cached; the most similar entry differs: content:" in said
    assert "rows: 30 here, 60 there; source.weights:" in said


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
