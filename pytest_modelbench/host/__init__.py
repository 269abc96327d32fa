"""What the machine tells: cores, /proc, /sys, cgroups, NVML. Without torch."""
