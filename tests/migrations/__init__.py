"""Tests of the migrations, on empty databases of their own."""
