"""How a quantity is measured: clocks, the sampling loop, memory, static cost, accuracy, machine health."""
