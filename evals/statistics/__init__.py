"""What a difference between two evaluations is worth: rates, paired comparisons, power, many tests at once."""

from evals.statistics.adjust import benjamini_hochberg, holm
from evals.statistics.paired import Comparison, chance_of_drop, compare
from evals.statistics.power import cases_needed, detectable, power
from evals.statistics.rates import Flaky, flaky, pass_all, pass_at

__all__ = [
    "Comparison",
    "Flaky",
    "benjamini_hochberg",
    "cases_needed",
    "chance_of_drop",
    "compare",
    "detectable",
    "flaky",
    "holm",
    "pass_all",
    "pass_at",
    "power",
]
