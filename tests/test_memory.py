"""Free memory of a machine, and of the groups that limit a process."""

from pathlib import Path

import pytest

from tutelage.memory import free_memory


def test_a_containers_limit_counts(tmp_path: Path):
    of_the_machine = free_memory(tmp_path)
    assert of_the_machine > 0
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("700000\n")
    (tmp_path / "memory.stat").write_text("anon 500000\ninactive_file 200000\nactive_file 9\n")
    assert free_memory(tmp_path) == 500_000
    (tmp_path / "memory.max").write_text("max\n")
    assert free_memory(tmp_path) > 500_000


@pytest.mark.parametrize(
    ("line", "root", "names"),
    [
        ("0::/jobs/7", "", ("memory.max", "memory.current", "inactive_file")),
        (
            "4:memory:/jobs/7",
            "memory",
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        ),
    ],
)
def test_the_strictest_limit_of_a_process_own_groups_counts(tmp_path: Path, line, root, names):
    own = tmp_path / "own"
    own.write_text(f"9:pids:/other\n{line}\n")
    limit, used, cached = names
    for folder, most in (("jobs", 9000), ("jobs/7", 5000), ("other", 10)):
        group = tmp_path / root / folder
        group.mkdir(parents=True, exist_ok=True)
        (group / limit).write_text(f"{most}\n")
        (group / used).write_text("1500\n")
        (group / "memory.stat").write_text(f"{cached} 500\n")
    assert free_memory(tmp_path, own) == 4000
    (tmp_path / root / "jobs" / limit).write_text("3000\n")
    assert free_memory(tmp_path, own) == 2000
