"""The penalties of logistic regression, apart from what fits it: choosing needs no estimator."""

RANKING_C = 0.01
"""The penalty at which cells are ranked."""

C_GRID = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""The penalties to choose from, strongest first. With more features than answers, weaker ones change nothing more."""
