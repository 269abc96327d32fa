"""What the machine tells: cores, /proc, /sys, control groups, NVML. Asked and never told; without torch."""
