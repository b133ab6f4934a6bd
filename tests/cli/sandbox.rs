//! A home directory of its own for each test, and the binary in it.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A temporary home directory. Nothing of the machine's own settings reaches the binary.
pub(crate) struct Sandbox {
    dir: tempfile::TempDir,
    env: Vec<(&'static str, String)>,
}

/// What a run of the binary gave.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("home")).unwrap();
        Self {
            dir,
            env: Vec::new(),
        }
    }

    /// Another one with the same files and variables.
    pub(crate) fn copy(&self) -> Self {
        let copy = Self {
            dir: tempfile::tempdir().unwrap(),
            env: self.env.clone(),
        };
        let mut command = Command::new("cp");
        command
            .arg("-a")
            .arg(self.path("home"))
            .arg(copy.dir.path());
        assert!(command.status().unwrap().success());
        copy
    }

    /// Sets a variable for all runs from here on.
    pub(crate) fn set(&mut self, name: &'static str, value: &str) {
        self.env.push((name, value.to_owned()));
    }

    /// A path in the sandbox; the working directory of the runs is its root.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// The variables of a run.
    pub(crate) fn env(&self) -> Vec<(&'static str, String)> {
        let home = self.path("home").display().to_string();
        let mut env = vec![("HOME", home), ("PASEO_BATCH", "1".to_owned())];
        env.extend(self.env.iter().cloned());
        env
    }

    /// Runs the binary and waits for its end.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        self.run_with(args, "")
    }

    /// Runs the binary with something on stdin.
    pub(crate) fn run_with(&self, args: &[&str], stdin: &str) -> Ran {
        let mut child = self
            .command(binary().as_os_str())
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Whoever does not read it closes the pipe, which is no failure.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        child.wait_with_output().unwrap().into()
    }

    /// A command in the environment of the sandbox.
    pub(crate) fn command(&self, program: &OsStr) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .envs(self.env())
            .current_dir(self.dir.path());
        command
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ran {
    /// The data on stdout of a run that succeeded.
    pub(crate) fn json(&self) -> Value {
        assert_eq!(
            (self.status, self.stderr.as_str()),
            (0, ""),
            "{}",
            self.stdout
        );
        serde_json::from_str(&self.stdout).unwrap()
    }

    /// Fails unless the run ended with this status and said this on stderr.
    pub(crate) fn failed(&self, status: i32, said: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert!(self.stderr.contains(said), "{said}: {self:?}");
    }

    /// Fails when anything that was printed holds a secret.
    pub(crate) fn says_none_of(&self, secrets: &[&str]) {
        for secret in secrets {
            assert!(!self.stdout.contains(secret), "{self:?}");
            assert!(!self.stderr.contains(secret), "{self:?}");
        }
    }
}

pub(crate) fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_paseo"))
}
