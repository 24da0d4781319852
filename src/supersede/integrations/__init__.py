"""Hosts: one short file for each library that supersede works inside of."""
