"""One web application: bounties without code, labels, reviews.

`supersede serve` starts it. Each part has a package with its pages, its routes and its actions;
they share accounts, the ledger, jobs and the look.
"""
