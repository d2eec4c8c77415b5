"""Write `figures/LEDGER.md`: `python -m figures.ledger`."""

from figures.ledger.table import LEDGER, table

LEDGER.write_text(table(), encoding="utf-8", newline="\n")
