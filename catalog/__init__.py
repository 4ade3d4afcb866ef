"""System of record: movies, links, ratings, poster files, poster work and jobs. The only truth."""
