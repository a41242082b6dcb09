"""What people see of a study: the page, the table in the terminal, and the summary in words."""
