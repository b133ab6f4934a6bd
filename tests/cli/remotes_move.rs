//! `paseo remote export`, `import` and `recipient`: remotes from one machine to another.

use serde_json::Value;

use crate::crash::{State, kill_at_each_step};
use crate::remotes::{KEY, SERVER_ID, files, link, offer, with_work};
use crate::sandbox::{Ran, Sandbox, binary};
use crate::terminal::Terminal;

const PASSPHRASE: &str = "planted-battery-staple";
const SECRETS: [&str; 4] = [SERVER_ID, KEY, PASSPHRASE, "eyJ2"];

/// A machine without remotes that knows the passphrase.
fn machine() -> Sandbox {
    let mut sandbox = Sandbox::new();
    sandbox.set("PASEO_KEYSTORE", "file");
    sandbox.set("PASEO_BUNDLE_PASSPHRASE", PASSPHRASE);
    sandbox
}

fn ran(sandbox: &Sandbox, args: &[&str]) -> Ran {
    let ran = sandbox.run(args);
    assert_eq!(ran.status, 0, "{args:?}: {ran:?}");
    ran.says_none_of(&SECRETS);
    ran
}

/// The relay of the offer does not listen: so far it comes only with the secret.
fn works(sandbox: &Sandbox, name: &str) {
    sandbox.run(&["-r", name, "ls"]).failed(6, "127.0.0.1:9");
}

fn names(sandbox: &Sandbox) -> String {
    ran(sandbox, &["remote", "ls", "-q"]).stdout
}

/// The link of another daemon at the same relay.
fn other_link() -> String {
    let other = paseo::e2ee::SecretKey::generate().public_key().to_base64();
    let json = offer().replace(KEY, &other);
    let encoded = base64_simd::URL_SAFE_NO_PAD.encode_to_string(json);
    format!("https://app.paseo.sh/#offer={encoded}")
}

/// A machine with `work`, `lab` (straight, with a password) and `twin`, which shares the secret of `work`.
fn full() -> Sandbox {
    let mut sandbox = with_work();
    sandbox.set("PASEO_BUNDLE_PASSPHRASE", PASSPHRASE);
    let lab = "tcp://127.0.0.1:9?password=planted-pw";
    ran(&sandbox, &["remote", "add", "lab", lab, "--no-check"]);
    ran(&sandbox, &["remote", "add", "twin", "--from", "work"]);
    ran(
        &sandbox,
        &["remote", "set", "work", "tags=gpu", "readonly=true"],
    );
    sandbox
}

#[test]
fn a_bundle_with_a_passphrase_goes_to_another_machine_whole() {
    let (here, there) = (full(), machine());
    ran(
        &here,
        &[
            "remote",
            "export",
            "--all",
            "--passphrase",
            "--file",
            "b.json",
        ],
    );
    let bundle = here.read("b.json");
    for secret in SECRETS.iter().chain(&["planted-pw", "127.0.0.1:9"]) {
        assert!(!bundle.contains(secret), "{bundle}");
    }
    // Never over another file unasked.
    let again = [
        "remote",
        "export",
        "work",
        "--passphrase",
        "--file",
        "b.json",
    ];
    here.run(&again).failed(1, "--force");
    there.write("b.json", &bundle);
    let imported: Value = ran(&there, &["remote", "import", "b.json", "--json"]).json();
    let rows = imported.as_array().unwrap();
    assert!(
        rows.iter().all(|row| row["result"] == "added"),
        "{imported}"
    );
    assert_eq!(names(&there), "lab\ntwin\nwork\n");
    works(&there, "work");
    works(&there, "twin");
    works(&there, "lab");
    there
        .run(&["-r", "work", "stop", "x"])
        .failed(1, "read-only");
    // Two remotes with one secret have one there, too: it stays until neither needs it.
    let secrets = |sandbox: &Sandbox| files(sandbox, "home/.local/share/paseo/secrets").len();
    assert_eq!(secrets(&there), 2);
    ran(&there, &["remote", "rm", "work"]);
    works(&there, "twin");
    assert_eq!(files(&there, "home/.local/state/paseo/unfinished").len(), 0);
}

#[test]
fn a_wrong_passphrase_is_told_from_damage_and_nothing_comes_in() {
    let (here, mut there) = (full(), machine());
    let bundle = ran(&here, &["remote", "export", "work", "--passphrase"]).stdout;
    let mut json: Value = serde_json::from_str(&bundle).unwrap();
    let content = json["content"].as_str().unwrap();
    let first = if content.starts_with('A') { "B" } else { "A" };
    json["content"] = format!("{first}{}", &content[1..]).into();
    let damaged = there.run_with(&["remote", "import", "-"], &json.to_string());
    damaged.failed(1, "the bundle is damaged");
    let cut = there.run_with(&["remote", "import", "-"], &bundle[..bundle.len() / 2]);
    cut.failed(1, "the bundle is damaged or cut off");
    let newer = bundle.replace("\"version\": 1", "\"version\": 9");
    there
        .run_with(&["remote", "import", "-"], &newer)
        .failed(14, "newer");
    there.set("PASEO_BUNDLE_PASSPHRASE", "mule");
    let wrong = there.run_with(&["remote", "import", "-"], &bundle);
    wrong.failed(4, "the passphrase of the bundle is wrong");
    assert_eq!(names(&there), "");
    assert_eq!(files(&there, "home/.local/share/paseo/secrets").len(), 0);
}

#[test]
fn a_person_types_the_passphrase_and_may_mistype_it() {
    let (here, there) = (with_work(), {
        let mut sandbox = Sandbox::new();
        sandbox.set("PASEO_KEYSTORE", "file");
        sandbox
    });
    let paseo = |sandbox: &Sandbox, args: &[&str]| {
        Terminal::start(sandbox, binary().to_str().unwrap(), args, "PASEO_BATCH")
    };
    let export = ["remote", "export", "work", "--passphrase", "--file", "b"];
    here.run(&export).failed(4, "nobody is there to be asked");
    let mut exporting = paseo(&here, &export);
    exporting.wait_for("Passphrase for the bundle: ");
    exporting.type_in("long horse stall\r");
    exporting.wait_for("The same once more: ");
    exporting.type_in("long horse stall\r");
    let (status, shown) = exporting.end();
    assert_eq!(status, 0, "{shown}");
    there.write("b", &here.read("b"));
    let mut importing = paseo(&there, &["remote", "import", "b"]);
    importing.wait_for("Passphrase of the bundle: ");
    importing.type_in("mule\r");
    importing.wait_for("Wrong. Passphrase of the bundle: ");
    importing.type_in("long horse stall\r");
    let (status, shown) = importing.end();
    assert_eq!(status, 0, "{shown}");
    assert!(shown.contains("paseo remote check"), "{shown}");
    works(&there, "work");
}

#[test]
fn a_bundle_for_a_recipient_opens_there_and_nowhere_else() {
    let (here, there, elsewhere) = (full(), machine(), machine());
    let recipient = |sandbox: &Sandbox, args: &[&str]| -> Value {
        ran(
            sandbox,
            &[&["remote", "recipient", "--json"], args].concat(),
        )
        .json()
    };
    let made = recipient(&there, &[]);
    assert_eq!(recipient(&there, &[]), made, "it stays the same");
    let key = made["recipient"].as_str().unwrap().to_owned();
    assert!(
        !there
            .read("home/.config/paseo/remotes.toml")
            .contains(&key[16..])
    );
    let exported = here.run(&["remote", "export", "work", "--recipient", &key]);
    assert_eq!(exported.status, 0, "{exported:?}");
    exported.says_none_of(&SECRETS);
    let words = made["fingerprintWords"].as_str().unwrap();
    assert!(exported.stderr.contains(words), "{exported:?}");
    let mistyped = format!("{}A", &key[..key.len() - 1]);
    if mistyped != key {
        let refused = here.run(&["remote", "export", "work", "--recipient", &mistyped]);
        refused.failed(2, "mistyped");
    }
    let bundle = exported.stdout;
    let none = elsewhere.run_with(&["remote", "import", "-"], &bundle);
    none.failed(4, "not sealed for this recipient");
    recipient(&elsewhere, &[]);
    let none = elsewhere.run_with(&["remote", "import", "-"], &bundle);
    none.failed(4, "not sealed for this recipient");
    // Its key goes with the other secrets, and doctor knows it.
    let moved = ran(&elsewhere, &["remote", "import", "--help"]);
    assert!(moved.stdout.contains("bundle"));
    let leftovers = there.run(&["doctor", "--json"]);
    assert!(
        leftovers.stdout.contains("no change was cut short"),
        "{leftovers:?}"
    );
    assert_eq!(
        there.run_with(&["remote", "import", "-"], &bundle).status,
        0
    );
    works(&there, "work");
    let fresh = recipient(&there, &["--new"]);
    assert_ne!(fresh["recipient"], made["recipient"]);
    let old = there.run_with(&["remote", "import", "-", "--force"], &bundle);
    old.failed(4, "not sealed for this recipient");
    assert_eq!(files(&there, "home/.local/share/paseo/secrets").len(), 2);
}

#[test]
fn links_are_shown_to_a_terminal_only_and_come_back_as_a_list() {
    let here = full();
    let piped = here.run(&["remote", "export", "--all", "--insecure"]);
    piped.failed(2, "on a terminal only");
    piped.says_none_of(&SECRETS);
    here.run(&["remote", "export", "work"])
        .failed(2, "who may open the bundle");
    let args = ["remote", "export", "--all", "--insecure"];
    let (status, shown) =
        Terminal::start(&here, binary().to_str().unwrap(), &args, "PASEO_BATCH").end();
    assert_eq!(status, 0, "{shown}");
    assert!(
        shown.contains("lab tcp://127.0.0.1:9?password=planted%2Dpw"),
        "{shown}"
    );
    let is_link = |line: &&str| {
        ["lab ", "twin ", "work "]
            .iter()
            .any(|name| line.starts_with(name))
    };
    let list: Vec<&str> = shown.lines().map(str::trim).filter(is_link).collect();
    assert_eq!(list.len(), 3, "{shown}");
    let there = machine();
    let imported = there.run_with(&["remote", "import", "-", "--again"], &list.join("\n"));
    assert_eq!(imported.status, 0, "{imported:?}");
    assert_eq!(names(&there), "lab\ntwin\nwork\n");
}

#[test]
fn offers_lists_and_directories_are_read() {
    let sandbox = machine();
    let (first, second, third) = (other_link(), other_link(), link());
    let (head, tail) = third.split_at(60);
    sandbox.write("offers/tower.json", &offer());
    sandbox.write("offers/.hidden", "no offer");
    sandbox.write(
        "offers/list.txt",
        &format!("# of the team\n\nweb {first}\n{second}\n"),
    );
    sandbox.write("wrapped", &format!("mail {head}\n  {tail}\n"));
    ran(&sandbox, &["remote", "import", "offers"]);
    let found = names(&sandbox);
    let found: Vec<&str> = found.lines().collect();
    assert!(
        found.contains(&"tower") && found.contains(&"web"),
        "{found:?}"
    );
    // The third is named after its key.
    assert_eq!(found.len(), 3, "{found:?}");
    works(&sandbox, "tower");
    ran(&sandbox, &["remote", "import", "wrapped", "--again"]);
    works(&sandbox, "mail");
    let bad = sandbox.run_with(
        &["remote", "import", "-"],
        &format!("one {first}\ntwo planted-nonsense\n"),
    );
    bad.failed(2, "line 2");
    bad.says_none_of(&["planted-nonsense"]);
    // A mail with one link, a list with a byte order mark, and a list in wide characters.
    let mail = format!("Hello,\n\n> here it is:\n> <{first}>.\n\n-- \nAda\n");
    for text in [mail, format!("\u{feff}marked {first}\n")] {
        let import = ["remote", "import", "-", "--again"];
        let known = sandbox.run_with(&import, &text);
        assert_eq!(known.status, 0, "{known:?}");
    }
    let wide: Vec<u8> = first.encode_utf16().flat_map(u16::to_le_bytes).collect();
    std::fs::write(sandbox.path("wide"), [&[0xff, 0xfe], &wide[..]].concat()).unwrap();
    sandbox
        .run(&["remote", "import", "wide"])
        .failed(2, "UTF-16");
    sandbox
        .run_with(&["remote", "import", "-"], "\n# nothing\n")
        .failed(2, "no offer in it");
    sandbox
        .run(&["remote", "import", "absent"])
        .failed(2, "there is no file absent");
    std::fs::create_dir(sandbox.path("empty")).unwrap();
    sandbox
        .run(&["remote", "import", "empty"])
        .failed(2, "there are no files in empty");
    sandbox
        .run(&["remote", "import", "wrapped", "--rename", "a"])
        .failed(2, "OLD=NEW");
    sandbox
        .run(&["remote", "block", "SHA256:x"])
        .failed(2, "fingerprint");
}

#[test]
fn what_collides_is_named_at_once_and_settled_by_choice() {
    let (here, there) = (full(), with_work());
    let mut there = there;
    there.set("PASEO_BUNDLE_PASSPHRASE", PASSPHRASE);
    there.write(
        "b",
        &ran(&here, &["remote", "export", "--all", "--passphrase"]).stdout,
    );
    let refused = there.run(&["remote", "import", "b"]);
    refused.failed(1, "`work` is taken");
    refused.failed(1, "the daemon of `twin` is already saved as `work`");
    refused.failed(1, "--rename OLD=NEW");
    assert_eq!(names(&there), "work\n");
    there
        .run(&["remote", "import", "b", "--rename", "nobody=x"])
        .failed(3, "there are: lab");
    let left = ran(&there, &["remote", "import", "b", "--if-absent", "--again"]);
    assert!(left.stdout.contains("left out"), "{left:?}");
    assert_eq!(names(&there), "lab\ntwin\nwork\n");
    let renamed = [
        "remote",
        "import",
        "b",
        "--if-absent",
        "--again",
        "--rename",
        "work=office",
    ];
    ran(&there, &renamed);
    assert_eq!(names(&there), "lab\noffice\ntwin\nwork\n");
    ran(&there, &["remote", "use", "work"]);
    let forced = ran(&there, &["remote", "import", "b", "--force", "--json"]).json();
    assert_eq!(forced[0]["result"], "replaced", "{forced}");
    assert!(
        there
            .read("home/.config/paseo/remotes.toml")
            .contains("default = \"work\"")
    );
    // office has what the others had; they have new ones.
    assert_eq!(files(&there, "home/.local/share/paseo/secrets").len(), 3);
    // Another key for a known name has to be wanted.
    let list = format!("work {}", other_link());
    let force = ["remote", "import", "-", "--force"];
    there
        .run_with(&force, &list)
        .failed(5, "the offer is of another key");
    works(&there, "work");
    assert_eq!(
        there
            .run_with(&[&force[..], &["--yes"]].concat(), &list)
            .status,
        0
    );
    let twice = there.run_with(
        &["remote", "import", "-"],
        &format!("a {}\na {}", link(), link()),
    );
    twice.failed(2, "are called `a`");
    ran(
        &there,
        &[
            "remote",
            "block",
            "SHA256:kVcBmlM4wX4KHUhivU0Mdp74zCTgTS/xm6dipwwYUSY",
        ],
    );
    let blocked = there.run_with(
        &["remote", "import", "-", "--again"],
        &format!("b {}", link()),
    );
    blocked.failed(5, "blocked");
}

#[test]
fn import_killed_at_every_step_brings_all_or_nothing() {
    let start = with_work();
    // One is replaced, two are new.
    let list = format!(
        "work {}\none {}\ntwo tcp://127.0.0.1:9?password=planted-pw\n",
        link(),
        other_link()
    );
    start.write("home/list", &list);
    let import = ["remote", "import", "home/list", "--force"];
    kill_at_each_step(&start, &import, |sandbox, step| {
        works(sandbox, "work");
        match names(sandbox).as_str() {
            "work\n" => State::Old,
            "one\ntwo\nwork\n" => {
                works(sandbox, "one");
                works(sandbox, "two");
                State::New
            }
            other => panic!("{step:?}: {other}"),
        }
    });
}
