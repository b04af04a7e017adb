"""What runs by itself: a round that adds, forecasts, writes pages, sends, and counts itself."""
