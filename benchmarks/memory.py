"""Memory of a process, as Linux has it in /proc/PID/status."""

RESIDENT, PEAK = "VmRSS", "VmHWM"


def mb(status, which):
    """RESIDENT or PEAK memory of the text of /proc/PID/status; None where the process has ended."""
    lines = [line for line in status.splitlines() if line.startswith(f"{which}:")]
    return int(lines[0].split()[1]) / 1024 if lines else None
