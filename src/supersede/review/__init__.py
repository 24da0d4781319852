"""Old against new: checks, a verdict, and a report in one file."""
