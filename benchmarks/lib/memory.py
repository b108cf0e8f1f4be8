"""Read the memory of a process from /proc/PID/status (Linux)."""

from pathlib import Path

RESIDENT, PEAK = "VmRSS", "VmHWM"


def mb(status, which):
    """Return RESIDENT or PEAK memory in MB from the text of /proc/PID/status.

    Returns None where the process has ended.
    """
    lines = [line for line in status.splitlines() if line.startswith(f"{which}:")]
    return int(lines[0].split()[1]) / 1024 if lines else None


def own_peak():
    """Return the peak memory of this process in MB; None where there is no /proc.

    `getrusage` is not used: its value begins with the memory of the process that started this one.
    """
    status = Path("/proc/self/status")
    return mb(status.read_text(), PEAK) if status.exists() else None
