"""The process that looks at strangers' models: a program of its own, apart from the package."""
