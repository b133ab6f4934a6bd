# Bash splits words at $COMP_WORDBREAKS, by default also at = : and @. The words of paseo end at blanks only.
_clap_complete_paseo() {
    local line=${COMP_LINE:0:COMP_POINT} words=() count=0 word i
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${line#"${line%%[![:space:]]*}"}
        if ((count == 0)) || [[ $word != "$line" ]]; then
            words[count]=
            ((count += 1))
        fi
        line=$word
        # The last word ends at the cursor.
        ((i == COMP_CWORD)) || word=${COMP_WORDS[i]}
        words[count - 1]+=$word
        line=${line#"$word"}
    done

    # Readline replaces what stands behind an open quote, or else behind the last break.
    local typed=${words[count - 1]} breaks=${COMP_WORDBREAKS//[^=:@]/} kept=
    case $typed in
        *[\"\']*) kept=${typed%%[\"\']*} ;;
        *) [[ -z $breaks ]] || kept=${typed%"${typed##*[$breaks]}"} ;;
    esac
    # An @ stays a part of the word that it begins.
    kept=${kept%@}

    COMPREPLY=()
    while IFS= read -r word; do
        # Readline quotes what has a meaning in file names only.
        [[ $word != *[\ \'\(\)\&\#\?\;]* ]] || compopt -o filenames 2>/dev/null
        COMPREPLY+=("${word#"$kept"}")
    done < <(PASEO_COMPLETE=bash _CLAP_COMPLETE_INDEX=$((count - 1)) paseo -- "${words[@]}" 2>/dev/null)
    if ((${#COMPREPLY[@]} == 1)) && [[ ${COMPREPLY[0]} == *[=/:] ]]; then
        compopt -o nospace 2>/dev/null
    fi
}
complete -o bashdefault -o nosort -F _clap_complete_paseo paseo 2>/dev/null ||
    complete -o bashdefault -F _clap_complete_paseo paseo
