"""How many processor cores this process may use."""


def usable_cores() -> int:
    """Cores that the scheduler and a container's limits leave to this process, at least 1.

    PyTorch counts the machine's cores, and with more threads than cores every step waits for the slowest.

    Example:
        >>> usable_cores() >= 1
        True
    """
    from joblib import cpu_count

    return int(cpu_count())
