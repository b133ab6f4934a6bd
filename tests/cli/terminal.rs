//! A program on a terminal of its own, and somebody who types.

use std::io::{Read, Write};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use crate::sandbox::Sandbox;

/// How long anything may take to appear.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running program. It is killed when this is dropped.
pub(crate) struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    input: Box<dyn Write + Send>,
    output: mpsc::Receiver<Vec<u8>>,
    shown: String,
    master: Box<dyn MasterPty + Send>,
}

impl Terminal {
    /// Starts a program in the environment of the sandbox, except for `without`.
    pub(crate) fn start(sandbox: &Sandbox, program: &str, args: &[&str], without: &str) -> Self {
        Self::start_at(sandbox, program, args, without, 400)
    }

    /// The same, on a terminal of this width.
    pub(crate) fn start_at(
        sandbox: &Sandbox,
        program: &str,
        args: &[&str],
        without: &str,
        columns: u16,
    ) -> Self {
        let pty = native_pty_system().openpty(size(40, columns)).unwrap();
        let mut command = CommandBuilder::new(program);
        command.args(args);
        command.env_clear();
        command.env("TERM", "dumb");
        for (name, value) in sandbox.env() {
            command.env(name, value);
        }
        command.env_remove(without);
        command.cwd(sandbox.path(""));
        let child = pty.slave.spawn_command(command).unwrap();
        let mut reader = pty.master.try_clone_reader().unwrap();
        let (send, output) = mpsc::channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = reader.read(&mut buffer) {
                if send.send(buffer[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            input: pty.master.take_writer().unwrap(),
            output,
            shown: String::new(),
            master: pty.master,
        }
    }

    /// The program itself.
    pub(crate) fn pid(&self) -> u32 {
        self.child.process_id().unwrap()
    }

    /// Makes the window so large, which the program is told.
    pub(crate) fn resize(&self, rows: u16, cols: u16) {
        self.master.resize(size(rows, cols)).unwrap();
    }

    /// Types a text.
    pub(crate) fn type_in(&mut self, text: &str) {
        self.input.write_all(text.as_bytes()).unwrap();
        self.input.flush().unwrap();
    }

    /// Waits until a text is shown, and returns everything up to its end that was not returned before.
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.shown.find(text) {
                return self.shown.drain(..at + text.len()).collect();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(bytes) => self.shown.push_str(&String::from_utf8_lossy(&bytes)),
                Err(_) => panic!("{text:?} is not shown, only {:?}", self.shown),
            }
        }
    }

    /// Waits for the end of the program, and returns its exit status and what it showed at last.
    pub(crate) fn end(mut self) -> (u32, String) {
        let status = self.child.wait().unwrap();
        // The reader ends with the last writer on the other side.
        while let Ok(bytes) = self.output.recv_timeout(Duration::from_secs(5)) {
            self.shown.push_str(&String::from_utf8_lossy(&bytes));
        }
        (status.exit_code(), std::mem::take(&mut self.shown))
    }
}

fn size(rows: u16, cols: u16) -> PtySize {
    PtySize {
        rows,
        cols,
        ..PtySize::default()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}
