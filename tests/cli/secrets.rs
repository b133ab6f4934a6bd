//! Planted secrets must not come out: not of any failure, in any format, at any verbosity.

use crate::remotes::{link, with_work};
use crate::sandbox::Sandbox;

/// What may appear nowhere: server id, public key in both alphabets, the link's payload, passwords.
struct Planted {
    words: Vec<String>,
}

impl Planted {
    fn new() -> Self {
        let link = link();
        let payload = link.split_once("#offer=").unwrap().1.to_owned();
        let json = String::from_utf8(
            base64_simd::URL_SAFE_NO_PAD
                .decode_to_vec(&payload)
                .unwrap(),
        )
        .unwrap();
        let offer: serde_json::Value = serde_json::from_str(&json).unwrap();
        let text = |name: &str| offer[name].as_str().unwrap().to_owned();
        let words = vec![
            // Enough of the payload to use; a shorter piece may be in it by chance.
            payload[..40].to_owned(),
            payload[payload.len() - 40..].to_owned(),
            text("serverId"),
            text("daemonPublicKeyB64"),
            "planted-password".to_owned(),
        ];
        Self { words }
    }

    fn check(&self, sandbox: &Sandbox, args: &[&str], stdin: &str) {
        let ran = sandbox.run_with(args, stdin);
        for word in &self.words {
            let quiet = !ran.stdout.contains(word) && !ran.stderr.contains(word);
            // Not `assert!` with the arguments: they hold the secrets, and CI keeps what is printed.
            assert!(
                quiet,
                "a secret came out of the command that begins with {:?}",
                &args[..1]
            );
        }
    }
}

#[test]
fn failures_print_no_secret() {
    let planted = Planted::new();
    let link = link();
    let payload = link.split_once("#offer=").unwrap().1;
    let json =
        String::from_utf8(base64_simd::URL_SAFE_NO_PAD.decode_to_vec(payload).unwrap()).unwrap();
    let broken = json.replace("\"v\":2", "\"v\":3");
    let cut = &link[..link.len() - 7];
    let host = "tcp://127.0.0.1:1?password=planted-password";
    let bad_host = "tcp://user:planted-password@127.0.0.1";
    let sandbox = with_work();

    let mut lines: Vec<Vec<&str>> = Vec::new();
    for formats in [&[][..], &["--json"], &["-o", "yaml"], &["-q"], &["-vvv"]] {
        let with = |words: &[&'static str]| [words, formats].concat();
        for offer in [&link, payload, &json, &broken, cut] {
            lines.push([&with(&["ls", "--relay"])[..2], &[offer], formats].concat());
            lines.push([&["ls", "--host", offer], formats].concat());
            lines.push(
                [
                    &["remote", "add", "again", offer, "--store", "file"],
                    formats,
                ]
                .concat(),
            );
            lines.push([&["remote", "add", offer], formats].concat());
            lines.push([&["-r", offer, "ls"], formats].concat());
            lines.push([&["remote", "show", offer], formats].concat());
            // Wrong uses, where the parser itself quotes what it does not know.
            lines.push([&["ls", offer], formats].concat());
            lines.push([&["lss", offer], formats].concat());
            lines.push([&[offer], formats].concat());
            lines.push([&["ls", "--connect-timeout", offer], formats].concat());
            lines.push([&["--format", offer, "ls"], formats].concat());
        }
        lines.push([&["ls", "--host", host], formats].concat());
        lines.push([&["ls", "--host", bad_host], formats].concat());
        lines.push([&["-r", "work", "--host", host, "ls"], formats].concat());
        lines.push([&["which", "--relay", &link], formats].concat());
        lines.push([&["which", "--host", host], formats].concat());
        lines.push(with(&["-r", "work", "ls"]));
        lines.push(with(&["remote", "ls"]));
        lines.push(with(&["remote", "show", "work"]));
        lines.push(with(&["which", "-r", "work"]));
    }
    for line in &lines {
        planted.check(&sandbox, line, "");
    }
    planted.check(
        &sandbox,
        &["remote", "add", "again", "-", "--store", "file"],
        &broken,
    );
    planted.check(&sandbox, &["ls", "--relay", "-"], cut);
}

#[test]
fn failures_print_no_secret_of_the_environment() {
    let planted = Planted::new();
    let link = link();
    for (name, value) in [
        ("PASEO_RELAY_OFFER", link.as_str()),
        ("PASEO_HOST", link.as_str()),
        ("PASEO_HOST", "tcp://127.0.0.1:1?password=planted-password"),
        ("PASEO_PASSWORD", "planted-password"),
        ("PASEO_PASSWORD", "planted-password with blanks"),
        ("PASEO_REMOTE", link.as_str()),
        ("PASEO_CONNECT_TIMEOUT", link.as_str()),
    ] {
        let mut sandbox = with_work();
        sandbox.set(name, value);
        for format in [&["-vvv"][..], &["--json"]] {
            for line in [
                &["ls"][..],
                &["which"],
                &["-r", "work", "ls"],
                &["--host", "127.0.0.1:1", "ls"],
            ] {
                planted.check(&sandbox, &[line, format].concat(), "");
            }
        }
    }
}

/// A damaged settings file is shown with the place of the damage; what stands there may be a secret that
/// somebody put in the wrong file.
#[test]
fn a_damaged_file_is_not_quoted_where_it_may_hold_a_secret() {
    let planted = Planted::new();
    let sandbox = with_work();
    let link = link();
    for damage in [
        format!("\n[remotes.bad]\nurl = \"{link}\"\n"),
        format!("\n[remotes.bad]\noffer = \"{link}\"\n"),
        format!("\n[remotes.bad]\nurl = \"tcp://x:planted-password@h:1\"\n{link}\n"),
    ] {
        let whole = sandbox.read("home/.config/paseo/remotes.toml");
        sandbox.write(
            "home/.config/paseo/remotes.toml",
            &format!("{whole}{damage}"),
        );
        for line in [
            &["remote", "ls"][..],
            &["-r", "work", "ls"],
            &["remote", "show", "bad"],
            &["remote", "ls", "--json"],
        ] {
            planted.check(&sandbox, line, "");
        }
        sandbox.write("home/.config/paseo/remotes.toml", &whole);
    }
}
