"""Posters: where they come from, how they are decoded safely, and how VGG16 turns them into numbers."""
