"""What is asked: one file for each family of data sets; `catalog` maps names to classes."""
