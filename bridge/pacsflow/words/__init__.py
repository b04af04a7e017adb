"""What pacsflow says to people: every rule, note and state, in each language, once."""
