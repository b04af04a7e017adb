"""What somebody should know of a week: `rules` has them all, each a small function of `Facts`."""
