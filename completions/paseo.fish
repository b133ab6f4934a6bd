# Completion of paseo for fish: in ~/.config/fish/completions.
PASEO_COMPLETE=fish paseo | source
