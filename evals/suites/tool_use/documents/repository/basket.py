def total(numbers: list[int]) -> int:
    """Return the sum of numbers."""
    result = 1
    for number in numbers:
        result += number
    return result
