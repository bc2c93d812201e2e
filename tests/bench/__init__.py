"""Speed of this package and of its peers on the same boards, in one run: ``python -m tests.bench``."""
