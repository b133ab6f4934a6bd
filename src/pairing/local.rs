//! `local-credential`: what shows a daemon that a program runs as its user (`docs/protocol.md`, "Local credential").

use std::path::PathBuf;

use super::home::Home;
use crate::files::{self, FileError};
use crate::secret::Secret;

const NAME: &str = "local-credential";
/// Largest file that is read, in bytes.
const MAX_BYTES: u64 = 1024;
/// Length of the text: 32 random bytes in base64 for URLs, without padding.
const LENGTH: usize = 43;

/// The credential of a running daemon; dropping it removes the file.
#[derive(Debug)]
pub struct LocalCredential {
    token: Secret<String>,
    path: PathBuf,
}

impl LocalCredential {
    /// What admits.
    pub fn token(&self) -> &Secret<String> {
        &self.token
    }
}

impl Drop for LocalCredential {
    fn drop(&mut self) {
        // Best effort: one that stays admits nobody to the next daemon.
        let _ = files::remove(&self.path);
    }
}

impl Home {
    /// Makes the credential of a daemon that has claimed this home, in place of that of an earlier run.
    pub fn make_local_credential(&self) -> Result<LocalCredential, FileError> {
        let mut bytes = zeroize::Zeroizing::new([0; 32]);
        getrandom::fill(bytes.as_mut()).expect("the system's random number generator works");
        let token = base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes.as_ref());
        let token = Secret::new(token);
        let path = self.file(NAME);
        let line = Secret::new(format!("{}\n", token.expose()));
        files::write_private(&path, line.expose().as_bytes(), MAX_BYTES)?;
        Ok(LocalCredential { token, path })
    }

    /// Returns the credential of the daemon that runs in this home, for a connection to `address` (`host:port`, a path
    /// or what else `--host` takes). None when that is not where this daemon listens: nobody else is to get it.
    pub fn local_credential(&self, address: &str) -> Option<Secret<String>> {
        let listen = self.pid().ok()??.listen?;
        if normalised(&listen) != normalised(address) {
            return None;
        }
        let file = Secret::new(files::read_private(&self.file(NAME), MAX_BYTES).ok()??);
        let text = std::str::from_utf8(file.expose()).ok()?;
        let token = text.strip_suffix('\n').unwrap_or(text);
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (token.len() == LENGTH && token.bytes().all(is_token)).then(|| token.into())
    }
}

/// Writes an address in the one way that addresses are compared in.
///
/// `localhost`, `127.0.0.1` and `[::1]` stay apart, though official clients take them for one: while the daemon holds one of
/// them, another user may listen on the other.
fn normalised(address: &str) -> String {
    let address = address.strip_prefix("tcp://").unwrap_or(address);
    let address = address.split('?').next().unwrap_or_default();
    if address.starts_with('/') {
        return format!("unix://{address}");
    }
    if address.bytes().all(|byte| byte.is_ascii_digit()) {
        return format!("127.0.0.1:{address}");
    }
    for (every, loopback) in [("0.0.0.0:", "127.0.0.1:"), ("[::]:", "[::1]:")] {
        if let Some(port) = address.strip_prefix(every) {
            return format!("{loopback}{port}");
        }
    }
    address.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pairing::PidFile;

    fn running(
        listen: &str,
    ) -> (
        tempfile::TempDir,
        Home,
        LocalCredential,
        crate::pairing::PidGuard,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::new(dir.path().join("home"));
        let mut claim = home
            .claim(PidFile {
                pid: std::process::id(),
                started_at: String::new(),
                hostname: String::new(),
                uid: 0,
                listen: None,
                desktop_managed: false,
                process: None,
            })
            .unwrap();
        claim.listening(listen.to_owned()).unwrap();
        let credential = home.make_local_credential().unwrap();
        (dir, home, credential, claim)
    }

    #[test]
    fn it_is_for_the_daemon_of_this_home_and_no_other() {
        let (_dir, home, credential, _claim) = running("127.0.0.1:6767");
        let expected = credential.token().expose().clone();
        assert_eq!(expected.len(), LENGTH);
        for address in ["127.0.0.1:6767", "6767", "tcp://127.0.0.1:6767?ssl=false"] {
            let read = home.local_credential(address).unwrap();
            assert!(read.is(&expected), "{address}");
        }
        for address in [
            "127.0.0.1:6768",
            // Another user may listen there.
            "[::1]:6767",
            "localhost:6767",
            "10.0.0.1:6767",
            "ssh://localhost:6767",
            "unix:///tmp/d.sock",
            "",
        ] {
            assert!(home.local_credential(address).is_none(), "{address}");
        }
        let (_dir, home, _credential, _claim) = running("/tmp/d.sock");
        assert!(home.local_credential("unix:///tmp/d.sock").is_some());
        assert!(home.local_credential("6767").is_none());
    }

    #[test]
    fn each_run_has_its_own_and_takes_it_away() {
        let (_dir, home, first, claim) = running("6767");
        let token = first.token().expose().clone();
        let second = home.make_local_credential().unwrap();
        assert!(!second.token().is(&token));
        assert!(
            home.local_credential("6767")
                .unwrap()
                .is(second.token().expose())
        );
        std::fs::write(home.dir().join(NAME), "short\n").unwrap();
        assert!(home.local_credential("6767").is_none());
        drop(second);
        assert!(!home.dir().join(NAME).exists());
        assert!(home.local_credential("6767").is_none());
        drop((first, claim));
    }

    #[cfg(unix)]
    #[test]
    fn only_its_user_can_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let (_dir, home, _credential, _claim) = running("6767");
        let file = home.dir().join(NAME);
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
        assert!(home.local_credential("6767").is_none());
    }
}
