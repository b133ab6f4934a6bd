//! Questions to the person at the terminal. Callers ask only where somebody is there to answer.

use std::io::{self, BufRead, Write};

use zeroize::Zeroizing;

/// Longest answer to a question, in bytes.
const MAX_ANSWER: u64 = 1024;

/// Asks for a text that is not shown while it is typed.
pub fn ask_hidden(question: &str) -> io::Result<Zeroizing<String>> {
    rpassword::prompt_password(format!("{question}: ")).map(Zeroizing::new)
}

/// Asks a question whose answer is no unless somebody says yes.
pub fn ask_yes(question: &str) -> io::Result<bool> {
    let mut stderr = io::stderr().lock();
    write!(stderr, "{question} [y/N] ")?;
    stderr.flush()?;
    let mut answer = String::new();
    io::Read::take(io::stdin().lock(), MAX_ANSWER).read_line(&mut answer)?;
    Ok(matches!(
        answer.trim().to_ascii_lowercase().as_str(),
        "y" | "yes"
    ))
}
