"""What files of pictures are called, for commands that draw nothing yet."""

PNG, SVG = ".png", ".svg"
SUFFIXES = (PNG, SVG)
