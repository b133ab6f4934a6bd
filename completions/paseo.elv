# Completion of paseo for elvish: in ~/.config/elvish/rc.elv.
eval (E:PASEO_COMPLETE=elvish paseo | slurp)
