_clap_dynamic_completer_paseo() {
    local -a lines joined plain
    local line
    lines=("${(@f)$(
        PASEO_COMPLETE=zsh _CLAP_COMPLETE_INDEX=$((CURRENT - 1)) _CLAP_IFS=$'\n' \
            paseo -- "${(@)words[1,CURRENT-1]}" "$IPREFIX$PREFIX" 2>/dev/null
    )}")
    for line in "${(@)lines}"; do
        case ${line%%:*} in
            '') ;;
            # More follows at once.
            *[=/]) joined+=("$line") ;;
            *) plain+=("$line") ;;
        esac
    done
    (( ! $#joined )) || _describe -V values joined -S ''
    (( ! $#plain )) || _describe -V values plain
}

# compinit may run before this, after it, or once more: each prompt looks.
_paseo_register() {
    emulate -L zsh
    typeset -ga precmd_functions
    if (( ! ${precmd_functions[(I)_paseo_register]} )); then
        precmd_functions+=(_paseo_register)
    fi
    if (( $+functions[compdef] )) && [[ ${_comps[paseo]-} != (_clap_dynamic_completer_paseo|_paseo) ]]; then
        compdef _clap_dynamic_completer_paseo paseo
    fi
}
_paseo_register
