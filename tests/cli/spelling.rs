//! A word that is not known is told together with the one that was meant.

use crate::remotes::with_work;
use crate::sandbox::Sandbox;

const FILE: &str = "home/.config/paseo/remotes.toml";

#[test]
fn a_wrong_word_of_the_command_line_is_told_with_the_right_one() {
    let sandbox = with_work();
    for set in ["tags=gpu", "description=x"] {
        assert_eq!(sandbox.run(&["remote", "set", "work", set]).status, 0);
    }
    sandbox.write("relay.toml", "socktes = 3\n");
    for (line, status, meant) in [
        // Commands and flags.
        ("lsit", 2, "'ls'"),
        ("remote ad", 2, "'add'"),
        ("remote rmeove", 2, "'remove'"),
        ("help remot", 2, "'remote'"),
        ("help remote reapir", 2, "'repair'"),
        ("remote ls --jsno", 2, "'--json'"),
        // Values of flags and arguments.
        ("ls --via rely", 2, "exists: 'relay'"),
        ("ls --via=dierct", 2, "exists: 'direct'"),
        ("completion zhs", 2, "exists: 'zsh'"),
        ("completion install fihs", 2, "exists: 'fish'"),
        ("relay serve --claim frist", 2, "exists: 'first'"),
        ("-o jsn remote ls", 2, "did you mean `json`?"),
        ("remote ls --format tabel", 2, "did you mean `table`?"),
        ("inbox --watch --notify bel", 2, "did you mean `bell`?"),
        ("remote add x y --store vualt", 2, "did you mean `vault`?"),
        ("keystore migrate --to fiel", 2, "did you mean `file`?"),
        ("remote set work tgas=x", 2, "did you mean `tags`?"),
        (
            "remote unset work desciption",
            2,
            "did you mean `description`?",
        ),
        // What is saved.
        ("-r wrok ls", 3, "did you mean `work`?"),
        ("-r lab,wrok ls", 3, "list the remotes"),
        ("-r work,wrok ls", 3, "did you mean `work`?"),
        ("-r @gup ls", 3, "did you mean `@gpu`?"),
        ("remote ls --tag gup", 0, "did you mean `gpu`?"),
        ("remote use wrok", 3, "did you mean `work`?"),
        (
            "keystore migrate wrok --to vault",
            3,
            "did you mean `work`?",
        ),
        // Values and keys in files.
        ("remote set work family=ipv5", 10, "did you mean `ipv4`?"),
        ("remote set work proxy=nonee", 10, "did you mean `none`?"),
        (
            "relay serve --config relay.toml",
            10,
            "did you mean \"sockets\"?",
        ),
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let ran = sandbox.run(&words);
        assert!(ran.stderr.contains(meant), "{line}: {meant}: {ran:?}");
        assert_eq!(ran.status, status, "{line}: {ran:?}");
    }
    let far = sandbox.run(&["ls", "--via", "tunnel"]);
    assert!(!far.stderr.contains("similar"), "{far:?}");
}

#[test]
fn a_wrong_word_in_the_file_is_told_with_the_right_one() {
    let sandbox = Sandbox::new();
    for (content, meant) in [
        ("defualt = 'a'", "`default`"),
        ("default = 'lba'", "`lab`"),
        ("[remotes.x]\nulr = 'b:1'", "`url`"),
        ("[remotes.x]\nurl = 'b:1'\nreadnoly = true", "`readonly`"),
        ("[remotes.x]\nurl = 'b:1'\nfamily = 'ipv'", "`ipv4`"),
        ("[defaults]\nproxy = 'non'", "`none`"),
        (
            "[remotes.x]\nurl = 'b:1'\nsecret = { store = 'fiel', id = 'r_1' }",
            "`file`",
        ),
        ("[stores.command]\ngte = ['x']", "`get`"),
    ] {
        sandbox.write(FILE, &format!("{content}\n[remotes.lab]\nurl = 'a:1'\n"));
        let ran = sandbox.run(&["config", "check", "--strict"]);
        ran.failed(10, &format!("did you mean {meant}?"));
    }
}
