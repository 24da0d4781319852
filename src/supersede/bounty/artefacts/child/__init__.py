"""The process that parses and runs strangers' models: a program separate from the package."""
