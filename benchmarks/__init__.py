"""The zoo beside its peers, in one run on one machine: `python -m benchmarks --help`.

Every contender of a work item runs in a process of its own, with the same batch, data and threads. They take
turns (A B C A B C), so a neighbour that slows the machine slows all of them alike: trust the ratios of a row
more than its milliseconds.

`--check` holds the ratios of the quick items against the recorded ones (`benchmarks.check`).

To add a work item, add a `WorkItem` to its family in `benchmarks.items`; to add a peer, add a `Contender` to
it whose `make` returns one step as a function without arguments.
"""
