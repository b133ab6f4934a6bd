//! Which provider and model, from what is typed: `run` and `schedule` share it.

use crate::error::CommandError;

/// Returns the provider, and the model that `provider/model` or `--model` names.
pub(super) fn provider_and_model(
    provider: Option<&str>,
    model: Option<&str>,
) -> Result<(String, Option<String>), CommandError> {
    let provider = provider.map(str::trim).unwrap_or_default();
    if provider.is_empty() {
        return Err(
            CommandError::usage("MISSING_PROVIDER", "Provider is required").hint(
                "add --provider claude, or --provider codex/gpt-5.4; see what there is with: paseo provider ls, \
                 paseo provider models",
            ),
        );
    }
    let flag = model.map(str::trim);
    if flag == Some("") {
        return Err(CommandError::usage(
            "INVALID_MODEL",
            "--model cannot be empty",
        ));
    }
    let Some((name, model)) = provider.split_once('/') else {
        return Ok((provider.to_owned(), flag.map(str::to_owned)));
    };
    let (name, model) = (name.trim(), model.trim());
    if name.is_empty() || model.is_empty() {
        return Err(
            CommandError::usage("INVALID_PROVIDER", "Invalid --provider value")
                .hint("write it as claude, or as codex/gpt-5.4"),
        );
    }
    if let Some(flag) = flag.filter(|flag| *flag != model) {
        let message = "Conflicting model values provided";
        return Err(
            CommandError::usage("CONFLICTING_MODEL_OPTIONS", message).hint(format!(
                "{model} comes from --provider, {flag} from --model: name one"
            )),
        );
    }
    Ok((name.to_owned(), Some(model.to_owned())))
}
