"""Everything on one box: real servers, every process of the product, one command.

Nothing here imports the product. It starts programs, watches them and stops them.
"""
