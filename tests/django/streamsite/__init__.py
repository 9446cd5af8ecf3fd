"""The project that the tests serve: djust views and plain consumers, ours and djust's own."""
