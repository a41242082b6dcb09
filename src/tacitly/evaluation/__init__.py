"""Numbers in, numbers out: folds, metrics, intervals and calibration."""
