"""Counts that only grow, for those who watch the product: noted where something happens, read where it is told.

Each process counts in memory and adds what it counted to one row a count every few seconds, so that counting costs next
to nothing. A process that is killed loses those seconds of counts; nothing but a graph depends on them.
"""
