"""The programs that pacsflow drives: finding, running and installing into them."""
