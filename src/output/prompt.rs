//! Questions to the person at the terminal. Callers ask only where somebody is there to answer.

use std::io::{self, BufRead, Write};

use zeroize::Zeroizing;

use super::{safe_line, safe_text};

/// Longest answer to a question, in bytes.
const MAX_ANSWER: u64 = 1024;

/// Asks for a text that is not shown while it is typed.
pub fn ask_hidden(question: &str) -> io::Result<Zeroizing<String>> {
    // Before the question is: somebody may paste the moment it is there.
    #[cfg(unix)]
    let _silence = Silence::begin()?;
    let question = safe_line(question, true);
    rpassword::prompt_password(format!("{question}: ")).map(Zeroizing::new)
}

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
    forget_typed();
    let mut stderr = io::stderr().lock();
    write!(stderr, "{} [y/N] ", safe_text(question, true))?;
    stderr.flush()?;
    let mut answer = String::new();
    io::Read::take(io::stdin().lock(), MAX_ANSWER).read_line(&mut answer)?;
    Ok(matches!(
        answer.trim().to_ascii_lowercase().as_str(),
        "y" | "yes"
    ))
}

/// A terminal that shows nothing of what is typed, until this is dropped.
#[cfg(unix)]
struct Silence {
    terminal: std::fs::File,
    before: rustix::termios::Termios,
}

#[cfg(unix)]
impl Silence {
    fn begin() -> io::Result<Self> {
        use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
        let mut options = std::fs::File::options();
        let terminal = options.read(true).write(true).open("/dev/tty")?;
        let before = tcgetattr(&terminal)?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(&terminal, OptionalActions::Now, &silent)?;
        Ok(Self { terminal, before })
    }
}

#[cfg(unix)]
impl Drop for Silence {
    fn drop(&mut self) {
        use rustix::termios::{OptionalActions, tcsetattr};
        // The terminal may be gone.
        let _ = tcsetattr(&self.terminal, OptionalActions::Now, &self.before);
    }
}
