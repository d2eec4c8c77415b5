MADE = "MADE_FOR_TESTS"  # a variable: the folder of what one process makes for all, see made.py
