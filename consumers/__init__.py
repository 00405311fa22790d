"""What takes events off topics: the worker, and one subscriber a broker."""
