"""The commands of `zoo`, grouped by what they do; `zoo.applications.cli` joins them."""
