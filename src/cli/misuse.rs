//! A command line that is not understood, in the forms that all other errors have.

use crate::error::CommandError;
use crate::output::Format;

/// Returns the form of output that a command line asks for, whatever is wrong with the rest of it. The last word wins.
pub fn wanted_format(argv: &[String]) -> Format {
    let mut wanted = Format::default();
    let mut words = argv.iter().skip(1).map(String::as_str);
    while let Some(word) = words.next() {
        let named = match word {
            "--" => break,
            "--json" => Some("json"),
            "--format" | "-o" => words.next(),
            _ => word
                .strip_prefix("--format=")
                .or_else(|| word.strip_prefix("-o")),
        };
        wanted = named.and_then(|name| name.parse().ok()).unwrap_or(wanted);
    }
    wanted
}

/// Makes an error of what is printed about a wrong command line: `error: `, what is wrong, and after an empty line what
/// helps.
pub fn misused(printed: &str) -> CommandError {
    let printed = printed.split_once(": ").map_or(printed, |(_, text)| text);
    let (wrong, rest) = printed.split_once("\n\n").unwrap_or((printed, ""));
    let wrong: Vec<&str> = wrong.lines().map(str::trim).collect();
    let tip = rest
        .lines()
        .find_map(|line| line.trim().strip_prefix("tip: "));
    let usage = rest
        .lines()
        .find_map(|line| line.trim().strip_prefix("Usage: "));
    let made = CommandError::usage("INVALID_USAGE", wrong.join(" "));
    match tip.or(usage) {
        Some(hint) => made.hint(hint),
        None => made.hint("paseo --help"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_about_the_form_wins() {
        for (line, expected) in [
            ("paseo ls", Format::Table),
            ("paseo --json ls --nope", Format::Json),
            ("paseo ls --nope --json", Format::Json),
            ("paseo ls --format json x y", Format::Json),
            ("paseo ls --format=yaml", Format::Yaml),
            ("paseo ls -o yaml", Format::Yaml),
            ("paseo ls -oyaml", Format::Yaml),
            ("paseo ls --json --format table", Format::Table),
            ("paseo ls --format nonsense", Format::Table),
            ("paseo ls --format", Format::Table),
            ("paseo run -- --json", Format::Table),
        ] {
            let argv: Vec<String> = line.split(' ').map(str::to_owned).collect();
            assert!(wanted_format(&argv) == expected, "{line}");
        }
    }

    #[test]
    fn what_is_wrong_is_parted_from_what_helps() {
        let printed = "error: unknown option '--jsn' found\n\n  tip: a similar argument exists: '--json'\n\nUsage: paseo ls\n";
        let error = misused(printed);
        assert_eq!(error.message, "unknown option '--jsn' found");
        assert_eq!(
            error.hint.as_deref(),
            Some("a similar argument exists: '--json'")
        );
        let error = misused("Error: these are missing:\n  <ID>\n\nUsage: paseo logs <ID>\n");
        assert_eq!(error.message, "these are missing: <ID>");
        assert_eq!(error.hint.as_deref(), Some("paseo logs <ID>"));
    }
}
