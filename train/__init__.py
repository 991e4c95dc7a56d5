"""Programs that train models; `python -m train` lists them."""
