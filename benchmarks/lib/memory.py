"""Read the memory of a process from /proc/PID/status (Linux)."""

RESIDENT, PEAK = "VmRSS", "VmHWM"


def mb(status, which):
    """Return RESIDENT or PEAK memory in MB from the text of /proc/PID/status.

    Returns None where the process has ended.
    """
    lines = [line for line in status.splitlines() if line.startswith(f"{which}:")]
    return int(lines[0].split()[1]) / 1024 if lines else None
