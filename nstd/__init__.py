"""nstd: films and pictures painted by neural style transfer, dropped into a folder or named."""
