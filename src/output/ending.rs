//! Signals that end this process while a question has the terminal silent: the terminal gets its old mode back first.
//!
//! A handler cannot be taken away again without `unsafe`. So one thread stays from the first such question on, and after
//! it lets each signal do what it does by default, except for those that the command has its own use for
//! ([`signal_is_caught`]).

use std::fs::File;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use rustix::termios::{OptionalActions, QueueSelector, Termios, tcflush, tcsetattr};
use signal_hook::consts::signal::{
    SIGALRM, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGUSR1, SIGUSR2, SIGXCPU,
};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

/// The signals that end a program, and the one that stops it, as far as they can be caught.
const SIGNALS: [i32; 9] = [
    SIGHUP, SIGINT, SIGQUIT, SIGALRM, SIGTERM, SIGUSR1, SIGUSR2, SIGXCPU, SIGTSTP,
];

/// Asks a terminal to mark the beginning and the end of what is pasted, and no longer to.
pub(super) const MARKS_ON: &str = "\x1b[?2004h";
pub(super) const MARKS_OFF: &str = "\x1b[?2004l";

/// The terminal of the question that is being asked.
static ASKED: Mutex<Option<Mode>> = Mutex::new(None);

/// One bit for each signal that the command has its own use for.
static CAUGHT: AtomicU64 = AtomicU64::new(0);

/// A silent terminal and its two modes.
struct Mode {
    terminal: File,
    before: Termios,
    silent: Termios,
    /// Whether it marks what is pasted.
    marks: bool,
}

impl Mode {
    fn say(&mut self, text: &str) {
        let _ = self.terminal.write_all(text.as_bytes());
    }

    /// Forgets what was typed, in one step with the old mode.
    fn restore(&self) {
        // The terminal may be gone.
        let _ = tcflush(&self.terminal, QueueSelector::IFlush);
        let _ = tcsetattr(&self.terminal, OptionalActions::Flush, &self.before);
    }
}

/// Notes that the command does something of its own when this signal comes. Call it before the signal is caught.
pub fn signal_is_caught(number: i32) {
    CAUGHT.fetch_or(bit(number), Ordering::Relaxed);
}

fn bit(number: i32) -> u64 {
    let shift = u32::try_from(number).unwrap_or(u32::MAX);
    1u64.checked_shl(shift).unwrap_or_default()
}

/// The silence of a terminal. Its old mode comes back when this is dropped, and before a signal ends the process.
pub(super) struct Silence(());

impl Silence {
    /// Begins to watch over a terminal before its mode is changed.
    pub(super) fn begin(terminal: &File, before: &Termios, marks: bool) -> io::Result<Self> {
        static WATCHED: Once = Once::new();
        let mode = Mode {
            terminal: terminal.try_clone()?,
            before: before.clone(),
            silent: before.clone(),
            marks,
        };
        *asked() = Some(mode);
        // Where signals cannot be caught, the question is still asked.
        WATCHED.call_once(|| drop(watch()));
        Ok(Self(()))
    }

    /// Gives the terminal another silent mode.
    pub(super) fn set(&self, when: OptionalActions, silent: &Termios) -> io::Result<()> {
        match asked().as_mut() {
            Some(mode) => {
                mode.silent = silent.clone();
                Ok(tcsetattr(&mode.terminal, when, silent)?)
            }
            None => Ok(()),
        }
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        if let Some(mode) = asked().take() {
            mode.restore();
        }
    }
}

fn asked() -> MutexGuard<'static, Option<Mode>> {
    ASKED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn watch() -> io::Result<()> {
    let ignored = ignored();
    let signals = SIGNALS
        .into_iter()
        .filter(|number| ignored & (bit(*number) >> 1) == 0);
    let mut signals = Signals::new(signals)?;
    let forever = move || {
        for number in signals.forever() {
            handle(number);
        }
    };
    let thread = std::thread::Builder::new().name("signals".to_owned());
    thread.spawn(forever).map(drop)
}

/// Lets a signal do what it does by default, with the terminal in its old mode.
fn handle(number: i32) {
    // Held meanwhile: nobody may make the terminal silent again.
    let mut asked = asked();
    if let Some(mode) = asked.as_mut() {
        mode.say(if mode.marks { MARKS_OFF } else { "" });
        // What comes next begins on a line of its own.
        mode.say("\n");
        mode.restore();
        let _ = emulate_default_handler(number);
        // Only one that stops comes back here, once the process goes on.
        let _ = tcsetattr(&mode.terminal, OptionalActions::Flush, &mode.silent);
        mode.say(if mode.marks { MARKS_ON } else { "" });
    } else if CAUGHT.load(Ordering::Relaxed) & bit(number) == 0 {
        let _ = emulate_default_handler(number);
    }
}

/// Does what Ctrl-C does on a terminal. Comes back only where that ends nothing.
pub(super) fn interrupt() {
    if CAUGHT.load(Ordering::Relaxed) & bit(SIGINT) != 0 {
        let process = rustix::process::getpid();
        let _ = rustix::process::kill_process(process, rustix::process::Signal::INT);
    } else if ignored() & (bit(SIGINT) >> 1) == 0 {
        // Not by way of the thread: this one would go on meanwhile.
        let _ = emulate_default_handler(SIGINT);
    }
}

/// Returns the signals that were ignored from the start, as by `nohup`: bit 0 is signal 1. They stay so.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.unwrap_or_default()
}
