"""Train and predict: ``python main.py --help``."""

from token2metrics.cli.app import main

if __name__ == "__main__":
    main()
