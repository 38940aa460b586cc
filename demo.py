"""Train on the bundled measurements and predict a few requests: ``python demo.py``."""

from token2metrics.cli.demo import main

if __name__ == "__main__":
    main()
