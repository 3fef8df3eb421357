"""Packages the app from apps/, where its Python package lies; metadata is in pyproject.toml."""

from setuptools import find_packages, setup

setup(
	packages=find_packages("apps"),
	package_dir={"": "apps"},
	package_data={"": ["*.json", "*.js", "*.css", "*.html", "*.txt", "*.csv", "*.md", "*.svg"]},
	include_package_data=True,
	zip_safe=False,
)
