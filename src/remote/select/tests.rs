use super::*;

const FILE: &str = "\ndefault = 'work'\n[remotes.work]\nurl = 'w:1'\n[remotes.lab]\nurl = 'l:1'\n";

fn file(text: &str) -> Result<RemotesFile, ConfigError> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("remotes.toml"), text).unwrap();
    RemotesFile::load(Some(dir.path()))
}

fn asked(remote: &str, relay: &str, host: &str) -> Asked {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Asked {
        remote: some(remote),
        relay: some(relay).map(Secret::new),
        host: some(host).map(Secret::new),
    }
}

fn select(flags: Asked, variables: Asked, inside_agent: bool, text: &str) -> String {
    let selector = Selector {
        flags,
        variables,
        inside_agent,
    };
    match selector.select(|| file(text)) {
        Ok(Selection { choice, rule }) => {
            let choice = match choice {
                Choice::Remote(remote) => remote.name.to_string(),
                Choice::Offer(_) => "an offer".to_owned(),
                Choice::Host(_) => "a host".to_owned(),
                Choice::Local => "local".to_owned(),
            };
            let rule = match rule {
                Rule::Default { line, .. } => format!("default, line {line}"),
                rule => rule.to_string(),
            };
            format!("{choice}: {rule}")
        }
        Err(error) => error.to_string(),
    }
}

#[test]
fn each_level_decides_before_the_next() {
    let none = Asked::default;
    let cases = [
        (
            asked("lab", "", ""),
            asked("work", "", ""),
            true,
            "lab: the argument --remote",
        ),
        (
            none(),
            asked("lab", "", ""),
            true,
            "lab: the variable PASEO_REMOTE",
        ),
        (
            none(),
            asked("", "", "h:1"),
            true,
            "a host: the variable PASEO_HOST",
        ),
        (
            none(),
            none(),
            true,
            "local: the agent that this runs in (PASEO_AGENT_ID)",
        ),
        (none(), none(), false, "work: default, line 2"),
        (
            asked("local", "", ""),
            none(),
            false,
            "local: the argument --remote",
        ),
        (
            asked("", "#offer=x", "#offer=x"),
            none(),
            false,
            "an offer: the argument --relay",
        ),
    ];
    for (flags, variables, inside_agent, expected) in cases {
        assert_eq!(select(flags, variables, inside_agent, FILE), expected);
    }
    assert_eq!(
        select(none(), none(), false, ""),
        "local: nothing names another daemon"
    );
    assert_eq!(
        select(none(), none(), false, "default = 'local'\n"),
        "local: nothing names another daemon"
    );
}

#[test]
fn two_answers_at_one_level_are_an_error() {
    for (one, two, three) in [
        ("work", "", "h:1"),
        ("work", "x", ""),
        ("", "#offer=x", "h:1"),
    ] {
        for (flags, variables) in [
            (asked(one, two, three), Asked::default()),
            (Asked::default(), asked(one, two, three)),
        ] {
            let error = select(flags, variables, false, FILE);
            assert!(error.ends_with("name two daemons"), "{error}");
        }
    }
}

#[test]
fn a_broken_file_matters_only_where_it_is_needed() {
    let broken = "[remotes";
    let host = select(asked("", "", "h:1"), Asked::default(), false, broken);
    assert_eq!(host, "a host: the argument --host");
    let error = select(Asked::default(), Asked::default(), false, broken);
    assert!(error.contains("remotes.toml:1:"), "{error}");
}

#[test]
fn nothing_falls_back() {
    let unknown = select(asked("wrok", "", ""), Asked::default(), false, FILE);
    assert_eq!(unknown, "there is no remote `wrok`");
    let host = select(asked("", "", "secret"), Asked::default(), false, FILE);
    assert!(
        host.starts_with("the argument --host: a target is"),
        "{host}"
    );
}
