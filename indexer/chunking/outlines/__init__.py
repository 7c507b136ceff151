"""Where the sections of a text begin, found in its lines alone."""
