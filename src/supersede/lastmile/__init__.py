"""The last mile: what is different at a customer's site, and repair until the evaluation is passed."""
