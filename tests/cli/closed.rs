//! Output that cannot be written is an error; a reader that has seen enough is none.

use std::fs::File;
use std::process::{Command, Stdio};

use crate::remotes::with_work;
use crate::sandbox::{Ran, Sandbox, binary};

/// Commands that print something: in each form, and by each way that text takes to stdout.
const COMMANDS: [&[&str]; 7] = [
    &["remote", "ls"],
    &["remote", "ls", "--json"],
    &["remote", "ls", "-q"],
    &["--help"],
    &["--version"],
    &["completion", "bash"],
    &["man"],
];

fn run(sandbox: &Sandbox, args: &[&str], stdout: Stdio) -> Ran {
    let mut command: Command = sandbox.command(binary().as_os_str());
    let command = command.args(args).stdin(Stdio::null()).stdout(stdout);
    command.stderr(Stdio::piped()).output().unwrap().into()
}

#[test]
fn what_cannot_be_printed_is_an_error() {
    let sandbox = with_work();
    for args in COMMANDS {
        let read_only = File::open("/dev/null").unwrap();
        run(&sandbox, args, read_only.into()).failed(1, "stdout cannot be written");
        if cfg!(target_os = "linux") {
            let full = File::options().write(true).open("/dev/full").unwrap();
            run(&sandbox, args, full.into()).failed(1, "stdout cannot be written");
        }
    }
}

/// The runtime opens something in its place, to which writing succeeds.
#[test]
fn a_closed_stdout_is_an_error() {
    let sandbox = with_work();
    for args in COMMANDS {
        let script = format!("exec {} {} >&-", binary().display(), args.join(" "));
        let mut shell = sandbox.command("/bin/sh".as_ref());
        let ran = shell.args(["-c", &script]).stdin(Stdio::null()).output();
        Ran::from(ran.unwrap()).failed(1, "stdout cannot be written");
    }
    // What prints nothing needs none.
    let script = format!("exec {} remote use work >&- <&-", binary().display());
    let mut shell = sandbox.command("/bin/sh".as_ref());
    let ran: Ran = shell.args(["-c", &script]).output().unwrap().into();
    ran.failed(1, "stdout cannot be written");
}

#[test]
fn nobody_has_to_read_to_the_end() {
    let sandbox = with_work();
    for args in COMMANDS {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ran = run(&sandbox, args, writer.into());
        assert_eq!((ran.status, ran.stderr.as_str()), (0, ""), "{args:?}");
        let null = File::options().write(true).open("/dev/null").unwrap();
        let ran = run(&sandbox, args, null.into());
        assert_eq!((ran.status, ran.stderr.as_str()), (0, ""), "{args:?}");
    }
}
