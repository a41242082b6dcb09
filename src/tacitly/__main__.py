"""`python -m tacitly`, which is how `accelerate launch` starts several processes."""

from tacitly.cli.main import main

main()
