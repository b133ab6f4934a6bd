# Completion of paseo for nushell: put this file into the autoload directory, or `use paseo.nu`.
# It asks the binary, so it never falls behind. Other commands keep the completer that they had.

export-env {
    let before = $env.config?.completions?.external?.completer?
    let completer = {|spans|
        if ($spans | first) == "paseo" {
            with-env { PASEO_COMPLETE: "nushell" } { ^paseo -- ...$spans }
            | lines
            | each {|line|
                let parts = ($line | split row "\t")
                { value: ($parts | first), description: ($parts | get 1? | default "") }
            }
        } else if $before != null {
            do $before $spans
        }
    }
    $env.config = ($env.config? | default {} | upsert completions.external { enable: true, completer: $completer })
}
