"""The processes that move movies along: bells, claims, fetching, embedding, training, rebuilding."""
