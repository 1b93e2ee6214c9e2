"""Cost as the work grows: `python -m benchmarks.growth` measures curves, writes a record and draws them.

Contenders take turns at each point, each in a process of its own; `--curve` takes one curve, so that all can
be measured in parts. `--draw` measures nothing: docs/growth.png, from the newest record of each curve. The
picture says in its description which figures it shows (`points.digest`); a test holds it to the records.

To add a curve, add a `Curve` to `benchmarks.growth.curves`.
"""
