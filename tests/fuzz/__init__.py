"""Inputs nobody thought of, drawn anew at each run; FUZZ=1000 tries that many times as many."""
