"""The HTTP side of Posterity: JSON for programs, pages for people."""
