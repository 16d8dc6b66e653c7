import time

from tutelage.deploy.timing import Rounds, in_turn


def test_functions_take_turns():
    order = []
    calls = {name: lambda n=name: (order.append(n), time.sleep(0.002)) for name in "ab"}
    times = in_turn(calls, rounds=Rounds(most=4, turn=0.0021, warm_up=3))
    assert {name: len(seconds) for name, seconds in times.items()} == {"a": 4, "b": 4}
    assert all(0.002 <= second < 0.2 for seconds in times.values() for second in seconds)
    warm, measured = order[:6], order[6:]
    assert warm == [*"aaabbb"]
    turns = "".join(name for i, name in enumerate(measured) if i == 0 or measured[i - 1] != name)
    assert turns == "ababa"  # ab ba ab ba: neighbors of two rounds are one turn


def test_a_slow_machine_meets_all(monkeypatch):
    """While the clock runs twice as fast, both functions seem twice as slow: the ratio stays."""
    now, speed, done = [0.0], [1.0], []
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])

    def taking(seconds):
        def call():
            now[0] += seconds * speed[0]

        return call

    def tell(count):
        done.append(count)
        speed[0] = 2.0 if count >= 3 else 1.0

    times = in_turn(
        {"student": taking(0.01), "teacher": taking(0.04)},
        rounds=Rounds(most=6, turn=0.1),
        tell=tell,
    )
    assert done == [1, 2, 3, 4, 5, 6]
    assert max(times["student"]) > 1.9 * min(times["student"])
    ratios = [b / a for a, b in zip(times["student"], times["teacher"], strict=True)]
    assert all(abs(ratio - 4) < 1e-6 for ratio in ratios)


def test_slow_functions_are_called_as_seldom_as_can_be(monkeypatch):
    now, calls = [0.0], []
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])

    def slow():
        calls.append(1)
        now[0] += 30.0

    times = in_turn({"slow": slow}, rounds=Rounds(most=20, least=3, seconds=60.0))
    assert times["slow"] == [30.0, 30.0, 30.0]
    assert len(calls) == 4
