//! From what a person types to one terminal: its id, the beginning of it, or its name.

use crate::error::{CommandError, Exit};
use crate::protocol::terminals::Terminal;

/// Picks by the first rule that anything fits: exact id, beginning of the id, name, part of the name; all but
/// the first in any case. Several are an error that lists them.
pub(super) fn pick<'a>(
    terminals: &'a [Terminal],
    typed: &str,
) -> Result<&'a Terminal, CommandError> {
    let wanted = typed.to_lowercase();
    let rules: [&dyn Fn(&Terminal) -> bool; 4] = [
        &|terminal| terminal.id == typed,
        &|terminal| terminal.id.to_lowercase().starts_with(&wanted),
        &|terminal| terminal.name.to_lowercase() == wanted,
        &|terminal| terminal.name.to_lowercase().contains(&wanted),
    ];
    if wanted.is_empty() {
        return Err(unknown(typed));
    }
    for rule in rules {
        let fitting: Vec<_> = terminals.iter().filter(|terminal| rule(terminal)).collect();
        match fitting.as_slice() {
            [] => {}
            [one] => return Ok(one),
            several => return Err(ambiguous(typed, several)),
        }
    }
    Err(unknown(typed))
}

fn unknown(typed: &str) -> CommandError {
    CommandError::new(
        "TERMINAL_NOT_FOUND",
        Exit::NotFound,
        format!("No terminal found matching: {typed}"),
    )
    .hint("paseo terminal ls --all shows the terminals")
}

fn ambiguous(typed: &str, terminals: &[&Terminal]) -> CommandError {
    const SHOWN: usize = 10;
    let mut lines: Vec<String> = terminals
        .iter()
        .take(SHOWN)
        .map(|terminal| format!("{}  {}", terminal.id, terminal.name))
        .collect();
    if terminals.len() > SHOWN {
        lines.push(format!("and {} more", terminals.len() - SHOWN));
    }
    CommandError::new(
        "AMBIGUOUS",
        Exit::Ambiguous,
        format!("\"{typed}\" fits {} terminals", terminals.len()),
    )
    .hint(format!("type more of one of these:\n{}", lines.join("\n")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terminal(id: &str, name: &str) -> Terminal {
        Terminal {
            id: id.to_owned(),
            name: name.to_owned(),
            ..Terminal::default()
        }
    }

    #[test]
    fn the_first_rule_that_fits_decides() {
        let terminals = [
            terminal("ab12", "Server"),
            terminal("ab34", "build box"),
            terminal("cd56", "build"),
        ];
        let one = |typed| pick(&terminals, typed).unwrap().id.as_str();
        assert_eq!(one("ab12"), "ab12");
        assert_eq!(one("AB3"), "ab34");
        assert_eq!(one("Build"), "cd56");
        assert_eq!(one("box"), "ab34");
        for typed in ["zz", ""] {
            let error = pick(&terminals, typed).unwrap_err();
            assert_eq!(
                (error.code.as_ref(), error.exit),
                ("TERMINAL_NOT_FOUND", Exit::NotFound)
            );
        }
    }

    #[test]
    fn several_are_listed() {
        let terminals = [terminal("ab12", "a"), terminal("ab34", "b")];
        let error = pick(&terminals, "ab").unwrap_err();
        assert_eq!(error.exit, Exit::Ambiguous);
        let hint = error.hint.unwrap();
        assert!(hint.contains("ab12  a") && hint.contains("ab34  b"));
    }
}
