"""``python -m pytest_modelbench.cli``: the command ``pytest-modelbench``."""

from pytest_modelbench.cli import main

raise SystemExit(main())
