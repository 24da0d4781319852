"""Hardware that a network is measured on, and measurements that are kept."""
