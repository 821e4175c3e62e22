"""The site: pages in Markdown from what the package says of itself, which mkdocs-material sets."""
