"""What is made of a page beside the page: notebooks, and where they run."""
