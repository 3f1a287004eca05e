"""The benchmark of recalibration: methods, scenarios and label budgets in one table."""

from .plan import BenchmarkPlan, make_plan
from .run import run_benchmark
from .secret import Secret, read_secret

__all__ = ["BenchmarkPlan", "Secret", "make_plan", "read_secret", "run_benchmark"]
