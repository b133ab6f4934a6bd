# Completion of paseo for bash: in ~/.bashrc, or in a directory that bash-completion loads from.
source <(PASEO_COMPLETE=bash paseo)
