"""What the measurements stand on.

``sites`` are watched; ``programs`` are the product's, one by one, and ``box`` all of them as ``make run`` starts them;
``monitors`` come in bulk; ``people`` read what there is, in the addresses of ``reading``; ``invariants`` say what must
hold after all of it, and after whatever tests break.
"""
