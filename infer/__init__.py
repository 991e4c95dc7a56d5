"""Programs that make videos and judge them; `python -m infer` lists them."""
