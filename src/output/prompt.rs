//! Questions to the person at the terminal. Callers ask only where somebody is there to answer.

use std::io::{self, BufRead, Write};

use super::{safe_line, safe_text};

/// Longest answer to a question, in bytes.
const MAX_ANSWER: u64 = 1024;

/// Throws away what was typed on the terminal until now and not read, a line that was only begun included.
pub fn forget_typed() {
    #[cfg(unix)]
    {
        use rustix::termios::{QueueSelector, tcflush};
        // Where stdin is no terminal nobody has typed too early.
        let _ = tcflush(io::stdin(), QueueSelector::IFlush);
    }
}

/// Asks a question whose answer is no unless somebody says yes. What was typed before it is no answer.
pub fn ask_yes(question: &str) -> io::Result<bool> {
    let answer = ask(question, "[y/N]")?;
    Ok(matches!(answer.as_deref(), Some("y" | "yes")))
}

/// Asks a question whose answer is yes unless somebody says anything else. The end of the input is no.
pub fn ask_unless_no(question: &str) -> io::Result<bool> {
    let answer = ask(question, "[Y/n]")?;
    Ok(matches!(answer.as_deref(), Some("" | "y" | "yes")))
}

/// Returns the answer in small letters, `None` at the end of the input.
fn ask(question: &str, choices: &str) -> io::Result<Option<String>> {
    forget_typed();
    let mut stderr = io::stderr().lock();
    write!(stderr, "{} {choices} ", safe_text(question, true))?;
    stderr.flush()?;
    let mut answer = String::new();
    let read = io::Read::take(io::stdin().lock(), MAX_ANSWER).read_line(&mut answer)?;
    Ok((read > 0).then(|| answer.trim().to_ascii_lowercase()))
}

/// Asks which of several things to take, by its number. Returns its index, or `None` for any other answer.
pub fn ask_choice(question: &str, choices: &[&str]) -> io::Result<Option<usize>> {
    forget_typed();
    let mut stderr = io::stderr().lock();
    writeln!(stderr, "{}", safe_line(question, true))?;
    for (index, choice) in choices.iter().enumerate() {
        writeln!(stderr, "  {}  {choice}", index + 1)?;
    }
    let none = choices.len() + 1;
    writeln!(stderr, "  {none}  nowhere: cancel")?;
    write!(stderr, "Your choice [{none}]: ")?;
    stderr.flush()?;
    let mut answer = String::new();
    io::Read::take(io::stdin().lock(), MAX_ANSWER).read_line(&mut answer)?;
    let chosen = answer.trim().parse::<usize>().ok();
    Ok(chosen
        .and_then(|number| number.checked_sub(1))
        .filter(|index| *index < choices.len()))
}
