# Completion of paseo for PowerShell: in $PROFILE.
Register-ArgumentCompleter -Native -CommandName paseo -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    # The words before the cursor, as they were typed. Nothing in them is evaluated.
    $words = @(
        foreach ($element in $commandAst.CommandElements) {
            $extent = $element.Extent
            if ($extent.StartOffset -ge $cursorPosition) { break }
            if ($extent.EndOffset -gt $cursorPosition) {
                $extent.Text.Substring(0, $cursorPosition - $extent.StartOffset)
            } elseif ($element -is [System.Management.Automation.Language.StringConstantExpressionAst]) {
                $element.Value
            } else {
                $extent.Text
            }
        }
    )
    if ($wordToComplete -eq '') { $words += '' }

    $shell, $index = $env:PASEO_COMPLETE, $env:_CLAP_COMPLETE_INDEX
    try {
        $env:PASEO_COMPLETE = 'powershell'
        $env:_CLAP_COMPLETE_INDEX = $words.Count - 1
        $lines = & paseo -- @words
    } finally {
        $env:PASEO_COMPLETE, $env:_CLAP_COMPLETE_INDEX = $shell, $index
    }
    foreach ($line in $lines) {
        $value, $help = $line -split "`t", 2
        if (-not $help) { $help = $value }
        [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', $help)
    }
}
