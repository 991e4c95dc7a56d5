"""Networks, one file each; no model imports another."""
