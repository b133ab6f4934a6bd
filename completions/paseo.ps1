# Completion of paseo for PowerShell: in $PROFILE.
$env:PASEO_COMPLETE = "powershell"
paseo | Out-String | Invoke-Expression
Remove-Item Env:\PASEO_COMPLETE
