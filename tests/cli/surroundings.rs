//! The environment as systemd units, Windows editors, containers and limits leave it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt;
use std::process::Stdio;

use crate::remotes::with_work;
use crate::sandbox::{Ran, Sandbox, binary};
use crate::terminal::Terminal;

/// Runs the binary with one more variable.
fn with(sandbox: &Sandbox, name: &str, value: impl AsRef<OsStr>, args: &[&str]) -> Ran {
    let mut command = sandbox.command(binary().as_os_str());
    command.env(name, value).args(args).stdin(Stdio::null());
    command.output().unwrap().into()
}

#[test]
fn colour_is_forced_by_what_says_yes_only() {
    let sandbox = Sandbox::new();
    for off in [
        "0",
        "false",
        "FALSE",
        "no",
        "off",
        "",
        " ",
        "0\r",
        "false ",
        "False\r\n",
    ] {
        let ran = with(&sandbox, "FORCE_COLOR", off, &["which"]);
        assert!(!ran.stdout.contains('\u{1b}'), "{off:?}: {ran:?}");
    }
    for on in ["1", "2", "3", "true", "yes", "1\r", "always"] {
        let ran = with(&sandbox, "FORCE_COLOR", on, &["which"]);
        assert!(ran.stdout.contains('\u{1b}'), "{on:?}: {ran:?}");
    }
}

#[test]
fn variables_with_blanks_and_cr_behind_them_are_understood() {
    let sandbox = with_work();
    for end in ["\r", " ", "\t", "\r\n", "  \r"] {
        for (name, value, args, shown) in [
            ("PASEO_REMOTE", "work", &["which"][..], "work"),
            ("PASEO_HOST", "127.0.0.1:7777", &["which"], "127.0.0.1:7777"),
            (
                "PASEO_LISTEN",
                "127.0.0.1:7777",
                &["which"],
                "127.0.0.1:7777",
            ),
            ("PORT", "7777", &["which"], "127.0.0.1:7777"),
        ] {
            let ran = with(&sandbox, name, format!("{value}{end}"), args);
            assert_eq!(ran.status, 0, "{name} {end:?}: {ran:?}");
            assert!(ran.stdout.contains(shown), "{name} {end:?}: {ran:?}");
        }
        let dir = format!("{}{end}", sandbox.path("home/.config/paseo").display());
        let ran = with(&sandbox, "PASEO_CONFIG_DIR", dir, &["remote", "ls", "-q"]);
        assert_eq!(
            (ran.status, ran.stdout.as_str()),
            (0, "work\n"),
            "{end:?}: {ran:?}"
        );
        let home = format!("{}{end}", sandbox.path("home").display());
        let ran = with(&sandbox, "HOME", home, &["remote", "ls", "-q"]);
        assert_eq!(
            (ran.status, ran.stdout.as_str()),
            (0, "work\n"),
            "{end:?}: {ran:?}"
        );
        let ran = with(
            &sandbox,
            "PASEO_CONNECT_TIMEOUT",
            format!("10{end}"),
            &["ls"],
        );
        assert_eq!(ran.status, 6, "{end:?}: {ran:?}");
    }
}

#[test]
fn a_tilde_in_a_variable_is_the_home() {
    let sandbox = with_work();
    let ran = with(
        &sandbox,
        "PASEO_CONFIG_DIR",
        "~/.config/paseo",
        &["remote", "ls", "-q"],
    );
    assert_eq!(ran.stdout, "work\n", "{ran:?}");
    let ran = with(
        &sandbox,
        "PASEO_CONFIG_DIR",
        "~/other",
        &["config", "check"],
    );
    assert_eq!(ran.status, 0, "{ran:?}");
    assert!(!sandbox.path("~").exists());
}

#[test]
fn a_home_that_is_no_directory_is_none() {
    let sandbox = Sandbox::new();
    for args in [
        &["remote", "ls"][..],
        &["which"],
        &["config", "check"],
        &["keystore", "status"],
    ] {
        let ran = with(&sandbox, "HOME", "/dev/null", args);
        assert_eq!(ran.status, 0, "{args:?}: {ran:?}");
    }
    with(&sandbox, "HOME", "/dev/null", &["ls"]).failed(6, "127.0.0.1:6767");
    let add = ["remote", "add", "work", "--no-check", "offer"];
    sandbox.write("offer", &crate::remotes::offer());
    let ran = with(&sandbox, "HOME", "/dev/null", &add);
    assert!(
        ran.status != 0 && !ran.stderr.contains("/dev/null/"),
        "{ran:?}"
    );
}

#[test]
fn text_that_is_not_utf_8_is_told() {
    let sandbox = Sandbox::new();
    let odd = || OsString::from_vec(b"w\xffrk".to_vec());
    for name in [
        "PASEO_REMOTE",
        "PASEO_HOST",
        "PASEO_RELAY_OFFER",
        "PASEO_PASSWORD",
        "PASEO_KEYSTORE",
        "PASEO_CONNECT_TIMEOUT",
        "PASEO_LOG",
        "PASEO_COMPAT",
        "PASEO_LISTEN",
        "HTTPS_PROXY",
        "no_proxy",
        "EDITOR",
    ] {
        let ran = with(&sandbox, name, odd(), &["which"]);
        ran.failed(2, &format!("the variable {name} is not UTF-8"));
    }
    // A directory may have any name.
    for name in [
        "PASEO_HOME",
        "PASEO_CONFIG_DIR",
        "HOME",
        "PATH",
        "LANG",
        "OTHER",
    ] {
        assert_eq!(with(&sandbox, name, odd(), &["which"]).status, 0, "{name}");
    }
    for before in [
        &["-r"][..],
        &["run"],
        &["ls", "--label"],
        &["send", "x"],
        &["--host"],
    ] {
        let mut command = sandbox.command(binary().as_os_str());
        let ran: Ran = command.args(before).arg(odd()).output().unwrap().into();
        ran.failed(2, "UTF-8");
    }
}

#[test]
fn ten_is_ten_seconds_wherever_a_duration_is_taken() {
    let sandbox = with_work();
    for args in [
        &["ls", "--connect-timeout", "10"][..],
        &["ls", "--persist=10"],
        &["wait", "x", "--timeout", "10"],
        &[
            "run",
            "x",
            "--cwd",
            "/",
            "--provider",
            "p",
            "--wait-timeout",
            "10",
        ],
        &["daemon", "stop", "--timeout", "10", "--yes"],
    ] {
        let ran = sandbox.run(&[&["--host", "127.0.0.1:1"], args].concat());
        assert_ne!(ran.status, 2, "{args:?}: {ran:?}");
    }
    for setting in [
        "connect_timeout=10",
        "connect_timeout=10s",
        "persist=10",
        "persist=0",
    ] {
        let set = sandbox.run(&["remote", "set", "work", setting]);
        assert_eq!(set.status, 0, "{setting}: {set:?}");
    }
    let file = "home/.config/paseo/remotes.toml";
    let number = sandbox.read(file) + "[defaults]\nconnect_timeout = 10\npersist = 10\n";
    sandbox.write(file, &number);
    assert_eq!(sandbox.run(&["config", "check"]).status, 0);
    for name in ["PASEO_CONNECT_TIMEOUT", "PASEO_KEYSTORE_TIMEOUT"] {
        assert_eq!(with(&sandbox, name, "10", &["which"]).status, 0, "{name}");
    }
}

#[test]
fn a_socket_path_that_is_too_long_is_told() {
    let mut sandbox = with_work();
    let long = format!("/tmp/{}", "x".repeat(200));
    let url = format!("unix://{long}");
    for args in [
        &["ls", "--host", &url][..],
        &["ls", "--host", &long],
        &["which", "--host", &url],
        &["daemon", "run", "--listen", &url],
        &["daemon", "run", "--listen", &long],
        &["forward", "--listen", &url],
        &["remote", "add", "x", &url, "--no-check"],
    ] {
        let ran = sandbox.run(args);
        assert_eq!(ran.status, 2, "{args:?}: {ran:?}");
        let said = "at most 107 bytes, this one has 205";
        assert!(
            !cfg!(target_os = "linux") || ran.stderr.contains(said),
            "{args:?}: {ran:?}"
        );
    }
    sandbox.set("XDG_RUNTIME_DIR", &long);
    let ran = sandbox.run(&["-r", "work", "--persist=10", "ls"]);
    assert!(
        ran.stderr.contains("cannot keep connections ready"),
        "{ran:?}"
    );
}

#[test]
fn an_editor_starts_on_a_terminal_only() {
    let mut sandbox = with_work();
    sandbox.set("PATH", "/usr/bin:/bin");
    sandbox.set("EDITOR", "touch started; true");
    sandbox
        .run(&["remote", "edit"])
        .failed(2, "needs a terminal");
    let batch = |args| Terminal::start(&sandbox, binary().to_str().unwrap(), args, "OTHER").end();
    let (status, shown) = batch(&["remote", "edit"]);
    assert_eq!(status, 2, "with PASEO_BATCH: {shown}");
    let start =
        |args| Terminal::start(&sandbox, binary().to_str().unwrap(), args, "PASEO_BATCH").end();
    assert_eq!(start(&["--batch", "remote", "edit"]).0, 2);
    assert!(!sandbox.path("started").exists());
    assert_eq!(start(&["remote", "edit"]).0, 0);
    assert!(sandbox.path("started").exists());
}

#[test]
fn a_limit_of_open_files_is_told_as_one() {
    let sandbox = Sandbox::new();
    for limit in ["5", "6", "7", "8", "9", "10", "12", "14", "16", "19"] {
        for args in [
            "ls",
            "daemon run --listen 127.0.0.1:0",
            "relay serve --listen 127.0.0.1:0",
            "ping",
        ] {
            let mut command = sandbox.command(OsStr::new("/bin/sh"));
            let line = format!("ulimit -n {limit}; exec {} {args}", binary().display());
            let ran: Ran = command
                .args(["-c", &line])
                .stdin(Stdio::null())
                .output()
                .unwrap()
                .into();
            ran.failed(1, "ulimit -n 1024");
            assert!(!ran.stderr.contains("bug in paseo"), "{ran:?}");
        }
    }
}
