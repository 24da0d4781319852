"""Running an installation: health, metrics, logs, backup."""
