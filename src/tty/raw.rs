//! Raw mode: keys arrive as they are typed, and nothing is echoed.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

/// A terminal in raw mode. Its old mode comes back when this is dropped, also by a panic.
#[derive(Debug)]
pub struct Raw {
    terminal: OwnedFd,
    before: Termios,
}

impl Raw {
    /// Puts a terminal into raw mode. An error means that it is none.
    pub fn enter(terminal: impl AsFd) -> io::Result<Self> {
        let terminal = terminal.as_fd().try_clone_to_owned()?;
        let before = tcgetattr(&terminal)?;
        let raw = Self { terminal, before };
        raw.again()?;
        Ok(raw)
    }

    /// Puts it into raw mode once more, after somebody else had it: a shell, while this process was stopped.
    pub fn again(&self) -> io::Result<()> {
        let mut raw = self.before.clone();
        raw.make_raw();
        // What was typed ahead stays, and output that is on its way is not waited for.
        Ok(tcsetattr(&self.terminal, OptionalActions::Now, &raw)?)
    }

    /// Gives it its old mode until [`Raw::again`].
    pub fn pause(&self) {
        // A terminal that is gone needs no mode.
        let _ = tcsetattr(&self.terminal, OptionalActions::Now, &self.before);
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.pause();
    }
}

#[cfg(test)]
mod tests {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    use rustix::termios::LocalModes;

    use super::*;

    /// A terminal of our own: the end of the emulator, and the end of programs.
    fn pair() -> (OwnedFd, OwnedFd) {
        let emulator = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&emulator).unwrap();
        unlockpt(&emulator).unwrap();
        let name = ptsname(&emulator, Vec::new()).unwrap();
        let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY;
        let program = rustix::fs::open(name, flags, rustix::fs::Mode::empty()).unwrap();
        (emulator, program)
    }

    fn echoes(terminal: &OwnedFd) -> bool {
        let modes = tcgetattr(terminal).unwrap().local_modes;
        modes.contains(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG)
    }

    #[test]
    fn the_old_mode_comes_back() {
        let (_emulator, program) = pair();
        let raw = Raw::enter(&program).unwrap();
        assert!(!echoes(&program));
        raw.pause();
        assert!(echoes(&program));
        raw.again().unwrap();
        assert!(!echoes(&program));
        drop(raw);
        assert!(echoes(&program));
    }

    #[test]
    fn a_panic_brings_it_back_too() {
        let (_emulator, program) = pair();
        let panicked = std::panic::catch_unwind(|| {
            let _raw = Raw::enter(&program).unwrap();
            assert!(echoes(&program), "on purpose");
        });
        assert!(panicked.is_err() && echoes(&program));
    }

    #[test]
    fn a_file_is_no_terminal() {
        assert!(Raw::enter(std::fs::File::open("/dev/null").unwrap()).is_err());
    }
}
