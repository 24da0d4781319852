"""Maps between embedding spaces, and what each path of an update would keep."""
