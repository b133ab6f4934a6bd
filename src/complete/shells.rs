//! How each shell asks, and the last gate that every candidate passes before a shell gets it.
//!
//! What registers the completion is the library's in Elvish and fish. Its script for PowerShell evaluates the typed
//! line, that for Bash takes the words as `COMP_WORDBREAKS` splits them, and that for Zsh needs `compinit` before it.
//! Answers are written here. PowerShell and Nushell put a candidate into the line as it is, so it may have no character
//! with a meaning; our script for Bash has those of a title quoted; the others quote all, so there a candidate
//! may only have nothing that is unsafe to show.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::path::Path;

use clap_complete::engine::{CompletionCandidate, complete};
use clap_complete::env::{Elvish, EnvCompleter, Fish};

use super::typed::unquoted;
use crate::env::{self, Env};
use crate::output;

/// Every shell that can ask.
pub(super) const ALL: &[&dyn EnvCompleter] = &[
    &Shell::Bash,
    &Shell::Elvish,
    &Shell::Fish,
    &Shell::Nushell,
    &Shell::Powershell,
    &Shell::Zsh,
];

/// A shell that can ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shell {
    Bash,
    Elvish,
    Fish,
    Nushell,
    Powershell,
    Zsh,
}

impl Shell {
    /// Returns the text of a candidate that this shell may get.
    fn gate(self, value: &OsStr) -> Option<&str> {
        let value = value.to_str()?;
        let fits = match self {
            Self::Bash => value.chars().all(|c| is_plain(c) || is_quoted_by_bash(c)),
            Self::Nushell | Self::Powershell => value.chars().all(is_plain),
            Self::Elvish | Self::Fish | Self::Zsh => output::safe_line(value, true) == value,
        };
        fits.then_some(value)
    }

    /// Returns which of the words is completed: most shells say so, the others complete the last.
    fn index(self, words: &[OsString]) -> usize {
        let told = match self {
            Self::Fish | Self::Nushell => None,
            _ => Env::from_process()
                .text(env::COMPLETE_INDEX)
                .and_then(|index| index.parse().ok()),
        };
        told.unwrap_or(words.len().saturating_sub(1))
    }

    /// Takes the quotes out of what this shell hands over as it was typed.
    fn unquote(self, words: &mut [OsString]) {
        let typed = match (self, words) {
            (Self::Bash | Self::Zsh, words) => words,
            (Self::Fish, [.., last]) => std::slice::from_mut(last),
            _ => return,
        };
        for word in typed {
            *word = unquoted(word);
        }
    }

    /// Returns what stands between two candidates.
    fn separator(self) -> String {
        let told = match self {
            Self::Elvish | Self::Zsh => Env::from_process()
                .text(env::COMPLETE_SEPARATOR)
                .map(str::to_owned),
            _ => None,
        };
        told.unwrap_or_else(|| "\n".to_owned())
    }

    /// Writes a candidate, with its help where the shell shows some.
    fn line(self, value: &str, help: &str) -> String {
        let escaped = |text: &str| text.replace('\\', "\\\\");
        match (self, help) {
            (Self::Bash | Self::Elvish, _)
            | (Self::Fish | Self::Nushell | Self::Powershell, "") => value.to_owned(),
            (Self::Fish | Self::Nushell | Self::Powershell, help) => format!("{value}\t{help}"),
            (Self::Zsh, "") => escaped(value).replace(':', "\\:"),
            (Self::Zsh, help) => {
                let value = escaped(value).replace(':', "\\:");
                format!("{value}:{}", escaped(help))
            }
        }
    }
}

impl EnvCompleter for Shell {
    fn name(&self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Elvish => "elvish",
            Self::Fish => "fish",
            Self::Nushell => "nushell",
            Self::Powershell => "powershell",
            Self::Zsh => "zsh",
        }
    }

    fn is(&self, name: &str) -> bool {
        name == self.name() || (*self == Self::Powershell && name == "pwsh")
    }

    fn write_registration(
        &self,
        var: &str,
        name: &str,
        bin: &str,
        completer: &str,
        buf: &mut dyn Write,
    ) -> io::Result<()> {
        let registered: &dyn EnvCompleter = match self {
            Self::Elvish => &Elvish,
            Self::Fish => &Fish,
            Self::Bash => return buf.write_all(include_bytes!("register.bash")),
            Self::Zsh => return buf.write_all(include_bytes!("register.zsh")),
            // Their files need no answer of ours to register.
            Self::Nushell => return buf.write_all(include_bytes!("../../completions/paseo.nu")),
            Self::Powershell => {
                return buf.write_all(include_bytes!("../../completions/paseo.ps1"));
            }
        };
        registered.write_registration(var, name, bin, completer, buf)
    }

    fn write_complete(
        &self,
        command: &mut clap::Command,
        mut words: Vec<OsString>,
        dir: Option<&Path>,
        buf: &mut dyn Write,
    ) -> io::Result<()> {
        let index = self.index(&words);
        // Some shells leave out a last word that is empty.
        if words.len() == index {
            words.push(OsString::new());
        }
        self.unquote(&mut words);
        // Options are offered to who begins one: after a command, values are meant.
        let is_option = words.get(index).is_some_and(|word| is_option(word));
        let candidates = complete(command, words, index, dir)?;
        let lines: Vec<String> = candidates
            .iter()
            .filter(|candidate| is_option || !self::is_option(candidate.get_value()))
            .filter_map(|candidate| {
                let value = self.gate(candidate.get_value())?;
                Some(self.line(value, &help(candidate)))
            })
            .collect();
        let separator = self.separator();
        buf.write_all(lines.join(&separator).as_bytes())?;
        // What reads line by line wants the last one ended.
        match self {
            Self::Bash | Self::Fish | Self::Nushell | Self::Powershell if !lines.is_empty() => {
                buf.write_all(b"\n")
            }
            _ => Ok(()),
        }
    }
}

/// Returns whether a character has no meaning to any shell.
fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "._:/@+-=,".contains(c)
}

/// Returns whether Readline puts a backslash before a character, or the character needs none.
fn is_quoted_by_bash(c: char) -> bool {
    c.is_alphanumeric() || " '()&#?;".contains(c)
}

fn is_option(word: &OsStr) -> bool {
    word.as_encoded_bytes().starts_with(b"-")
}

/// Returns the first line of what is said about a candidate, safe for a terminal.
fn help(candidate: &CompletionCandidate) -> String {
    let help = candidate
        .get_help()
        .map(|help| help.to_string())
        .unwrap_or_default();
    let line = help.lines().next().unwrap_or_default();
    output::safe_line(line, true).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_that_quotes_nothing_gets_nothing_to_quote() {
        let passes = |shell: Shell, value: &str| shell.gate(OsStr::new(value)).is_some();
        for shell in [Shell::Bash, Shell::Nushell, Shell::Powershell] {
            for value in ["--remote=work", "work,@prod", "a/b.txt"] {
                assert!(passes(shell, value), "{shell:?} {value}");
            }
            // Our script for bash has them quoted.
            for value in ["a b", "é", "it's", "(a) & b;", "#1?"] {
                assert_eq!(passes(shell, value), shell == Shell::Bash, "{value}");
            }
            for value in [
                "$(touch x)",
                "a`x`",
                "~",
                "\u{1b}",
                "*",
                "a\tb",
                "a!",
                "a\"b",
            ] {
                assert!(!passes(shell, value), "{shell:?} {value}");
            }
        }
        for shell in [Shell::Elvish, Shell::Fish, Shell::Zsh] {
            assert!(passes(shell, "Meine Töne.txt"));
            assert!(!passes(shell, "a\nb") && !passes(shell, "a\u{202e}b"));
        }
    }

    #[test]
    fn each_shell_reads_its_own_lines() {
        let line = |shell: Shell| shell.line("a:b", "c:\\d");
        assert_eq!(line(Shell::Bash), "a:b");
        assert_eq!(line(Shell::Elvish), "a:b");
        assert_eq!(line(Shell::Fish), "a:b\tc:\\d");
        assert_eq!(line(Shell::Zsh), "a\\:b:c:\\\\d");
        assert_eq!(Shell::Zsh.line("a", ""), "a");
    }
}
