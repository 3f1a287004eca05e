"""The benchmark of recalibration: methods, scenarios and label budgets in one table."""
