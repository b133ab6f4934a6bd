//! Logging in to an agent of the other machine.

use crate::support::{Person, World};

/// An agent that can be logged in to in a terminal, and does nothing else.
const AGENT: &str = r#"
if [ "$1" = --login ]; then
    printf 'Key: '
    read -r key
    test "$key" = sesame && touch "$0.key"
    exit
fi
read -r line
printf '%s\n' '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":1,"authMethods":[
    {"id":"tui","name":"Key","type":"terminal","args":["--login"]}]}}' | tr -d '\n'
echo
read -r line
"#;

#[test]
fn a_login_asks_at_the_terminal_of_the_person() {
    let dir = tempfile::tempdir().unwrap();
    let agent = dir.path().join("agent");
    std::fs::write(&agent, AGENT).unwrap();
    let spec = format!("acp=acp:sh {}", agent.display());
    let start = format!("exec \"$@\" --agent '{spec}'");
    let world = World::started_by(&["sh", "-c", &start, "sh"]);
    let login = ["-r", "work", "provider", "login", "acp"];
    let paseo = env!("CARGO_BIN_EXE_paseo");
    for (key, status) in [("wrong\r", 1), ("sesame\r", 0)] {
        let mut person = Person::at(world.dir.path(), paseo, &login);
        person.wait_for("Key: ");
        person.type_in(key);
        let (ended, shown) = person.end();
        assert_eq!(ended, status, "{shown}");
        assert_eq!(dir.path().join("agent.key").exists(), status == 0);
    }
    // Without a terminal nobody can answer: it says what to run there.
    let refused = world.run(&login);
    let error = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2), "{error}");
    assert!(
        error.contains(&format!("sh {} --login", agent.display())),
        "{error}"
    );
}
