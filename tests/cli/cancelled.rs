//! Who is asked and says no has cancelled: that is no error, and the exit status stays.

use crate::remotes::{link, offer};
use crate::sandbox::{Sandbox, binary};
use crate::terminal::Terminal;

const REMOTES: &str = "home/.config/paseo/remotes.toml";

/// The key of another daemon.
const OTHER_KEY: &str = "YAPcE5cDHGvxgJZ5dTNUqdmfWjMhiHVg4ru2oV+Q8V8=";

/// A command that asks, its question, and its exit status after a no.
struct Question {
    args: &'static [&'static str],
    asks: &'static str,
    status: u32,
    /// Whether `--yes` would have answered.
    yes: bool,
}

const QUESTIONS: &[Question] = &[
    Question {
        args: &["-r", "guarded", "stop", "x"],
        asks: "is protected",
        status: 2,
        yes: true,
    },
    Question {
        args: &["-r", "guarded", "delete", "x"],
        asks: "is protected",
        status: 2,
        yes: true,
    },
    Question {
        args: &[
            "-r",
            "guarded",
            "run",
            "--provider",
            "x",
            "--cwd",
            "/x",
            "hi",
        ],
        asks: "is protected",
        status: 2,
        yes: true,
    },
    Question {
        args: &["-r", "lab", "restart"],
        asks: "Restart the daemon",
        status: 2,
        yes: true,
    },
    Question {
        args: &["-r", "lab", "daemon", "stop"],
        asks: "[y/N]",
        status: 2,
        yes: true,
    },
    Question {
        args: &["keystore", "prune"],
        asks: "[y/N]",
        status: 2,
        yes: true,
    },
    Question {
        args: &["completion", "install", "bash"],
        asks: "Make this change?",
        status: 0,
        yes: true,
    },
    Question {
        args: &["remote", "repair", "work", "other.json", "--no-check"],
        asks: "Trust the new key?",
        status: 5,
        yes: false,
    },
    Question {
        args: &[
            "remote",
            "add",
            "more",
            "offer.txt",
            "--again",
            "--no-check",
        ],
        asks: "Your choice",
        status: 9,
        yes: false,
    },
];

fn world() -> Sandbox {
    let mut sandbox = Sandbox::new();
    sandbox.set("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent");
    let add = [
        "remote",
        "add",
        "work",
        "-",
        "--no-check",
        "--store",
        "file",
    ];
    assert_eq!(sandbox.run_with(&add, &offer()).status, 0);
    let text = sandbox.read(REMOTES)
        + "[remotes.guarded]\nurl = 'tcp://127.0.0.1:9'\nprotected = true\n\
           [remotes.lab]\nurl = 'tcp://127.0.0.1:9'\n";
    sandbox.write(REMOTES, &text);
    sandbox.write("home/.local/share/paseo/secrets/r_00000000deadbeef", "x");
    sandbox.write("offer.txt", &link());
    sandbox.write(
        "other.json",
        &offer().replace(crate::remotes::KEY, OTHER_KEY),
    );
    sandbox
}

#[test]
fn no_is_told_as_cancelled_and_not_as_an_error() {
    let sandbox = world();
    for question in QUESTIONS {
        for answer in ["n\r", "\r", "No\r"] {
            let args = question.args;
            let program = binary().to_str().unwrap();
            let mut asked = Terminal::start(&sandbox, program, args, "PASEO_BATCH");
            asked.wait_for(question.asks);
            asked.type_in(answer);
            let (status, shown) = asked.end();
            assert_eq!(status, question.status, "{args:?}: {shown}");
            let words = match question.yes {
                true => "cancelled (--yes skips this question)",
                false => "cancelled",
            };
            assert!(shown.contains(words), "{args:?}: {shown}");
            assert!(!shown.contains("Error"), "{args:?}: {shown}");
        }
    }
}

/// Where nobody is asked, it is an error as before.
#[test]
fn whoever_is_not_asked_gets_an_error() {
    let sandbox = world();
    for question in QUESTIONS {
        let ran = sandbox.run(question.args);
        assert_ne!(ran.status, 0, "{:?}: {ran:?}", question.args);
        assert!(ran.stderr.contains("Error: "), "{ran:?}");
        assert!(!ran.stderr.contains("cancelled"), "{ran:?}");
    }
}
