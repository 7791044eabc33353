"""Why a rule matched or did not, as data and in plain sentences."""
