"""What people see: pure functions from answers to text and tables, and the two consoles that show them."""
