"""What is written for other programs: workbooks and graphs."""
