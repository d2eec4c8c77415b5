"""Write `figures/LEDGER.md`: `python -m figures.ledger`."""

from figures.ledger.table import LEDGER, table
from vtff_lib import files

files.write(LEDGER, table())
