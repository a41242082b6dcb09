"""What writes answers and reads states."""
