"""What is set for good: in files and in the environment, and where each value comes from.

The command line beats the environment, that beats the files; nothing needs any of them.
"""
