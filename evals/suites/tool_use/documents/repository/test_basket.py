from basket import total


def test_total() -> None:
    assert total([1, 2]) == 3


def test_nothing() -> None:
    assert total([]) == 0
