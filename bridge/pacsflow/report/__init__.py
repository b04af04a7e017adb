"""Week, findings and forecasts, put together into the finished report."""
