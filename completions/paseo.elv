# Completion of paseo for elvish: in ~/.config/elvish/rc.elv.
eval (env PASEO_COMPLETE=elvish paseo | slurp)
