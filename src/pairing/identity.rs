//! The files of a home that say who its daemon is: made once, atomically, private, never replaced.

use std::path::Path;

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use super::home::{Home, HomeError, KeyPairError, MAX_FILE_BYTES};
use crate::e2ee::{PublicKey, SecretKey};
use crate::files::{self, FileError};
use crate::protocol::relay::MAX_ID_BYTES;
use crate::secret::Secret;

impl Home {
    /// Returns the server id: what overrides it, else `server-id`, which is made when absent or blank.
    /// An overriding id is kept when there is no file.
    pub fn server_id(
        &self,
        overriding: Option<&Secret<String>>,
    ) -> Result<Secret<String>, HomeError> {
        let path = self.file("server-id");
        let known = self.line(&path)?;
        let id = match (overriding, known) {
            (Some(id), known) => {
                let id = id.expose().trim().to_owned();
                if known.is_none() && is_id(&id) {
                    self.create(&path, format!("{id}\n").as_bytes())?;
                }
                id
            }
            (None, Some(id)) => id,
            (None, None) => {
                let random = random::<9>();
                let id = base64_simd::URL_SAFE_NO_PAD.encode_to_string(random);
                self.create(&path, format!("srv_{id}\n").as_bytes())?;
                // Not what we have made: another process may have been faster.
                self.line(&path)?.unwrap_or_default()
            }
        };
        if !is_id(&id) {
            return Err(HomeError::ServerId { path });
        }
        Ok(Secret::new(id))
    }

    /// Returns the server id of a daemon that has run in this home. Makes none.
    pub fn known_server_id(&self) -> Result<Option<Secret<String>>, HomeError> {
        Ok(self.line(&self.file("server-id"))?.map(Secret::new))
    }

    /// Returns the daemon's key from `daemon-keypair.json`, which is made when absent.
    pub fn secret_key(&self) -> Result<SecretKey, HomeError> {
        let path = self.file("daemon-keypair.json");
        let broken = |source| HomeError::KeyPair {
            path: path.clone(),
            source,
        };
        let found = match files::read_private(&path, MAX_FILE_BYTES)? {
            Some(found) => found,
            None => {
                let pair = KeyPair::of(&SecretKey::generate());
                let mut json = serde_json::to_vec_pretty(&pair).expect("texts always serialise");
                json.push(b'\n');
                self.create(&path, &Zeroizing::new(json))?;
                // Not what we have made: another process may have been faster.
                files::read_private(&path, MAX_FILE_BYTES)?.unwrap_or_default()
            }
        };
        let found = Zeroizing::new(found);
        let pair: KeyPair =
            serde_json::from_slice(&found).map_err(|_| broken(KeyPairError::Syntax))?;
        pair.secret_key().map_err(broken)
    }

    /// Reads a file of one line; `None` when it is absent or blank.
    fn line(&self, path: &Path) -> Result<Option<String>, HomeError> {
        let bytes = files::read(path, MAX_FILE_BYTES)?.unwrap_or_default();
        let line = String::from_utf8_lossy(&bytes).trim().to_owned();
        Ok((!line.is_empty()).then_some(line))
    }

    /// Creates a file unless another process has just done so. A blank one is replaced.
    fn create(&self, path: &Path, content: &[u8]) -> Result<(), HomeError> {
        files::create_private_dir(self.dir())?;
        match files::create_private(path, content, MAX_FILE_BYTES) {
            Err(FileError::Exists { .. }) if self.line(path)?.is_none() => {
                Ok(files::write_private(path, content, MAX_FILE_BYTES)?)
            }
            Err(FileError::Exists { .. }) => Ok(()),
            other => Ok(other?),
        }
    }
}

fn is_id(text: &str) -> bool {
    (1..=MAX_ID_BYTES).contains(&text.len()) && !text.chars().any(char::is_control)
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system's random number generator works");
    bytes
}

/// `daemon-keypair.json`: pretty-printed with two spaces and a line end.
#[derive(Serialize, Deserialize)]
struct KeyPair {
    v: u64,
    #[serde(rename = "publicKeyB64")]
    public: String,
    #[serde(rename = "secretKeyB64")]
    secret: String,
}

impl KeyPair {
    const VERSION: u64 = 2;

    fn of(secret: &SecretKey) -> Self {
        Self {
            v: Self::VERSION,
            public: secret.public_key().to_base64(),
            secret: secret.expose_base64().as_str().to_owned(),
        }
    }

    fn secret_key(&self) -> Result<SecretKey, KeyPairError> {
        if self.v != Self::VERSION {
            return Err(KeyPairError::Version);
        }
        let secret = SecretKey::from_base64(&self.secret)?;
        if secret.public_key() != PublicKey::from_base64(&self.public)? {
            return Err(KeyPairError::Mismatch);
        }
        Ok(secret)
    }
}

impl Drop for KeyPair {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn home() -> (tempfile::TempDir, Home) {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::new(dir.path().join("new/home"));
        (dir, home)
    }

    #[cfg(unix)]
    fn mode(path: &Path) -> u32 {
        use std::os::unix::fs::PermissionsExt;
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn files_are_made_once_in_the_official_format() {
        let (_dir, home) = home();
        let id = home.server_id(None).unwrap();
        let key = home.secret_key().unwrap().public_key();
        assert_eq!(home.server_id(None).unwrap().expose(), id.expose());
        assert_eq!(home.secret_key().unwrap().public_key(), key);

        let server_id = fs::read_to_string(home.file("server-id")).unwrap();
        assert_eq!((server_id.len(), &server_id[..4]), (17, "srv_"));
        assert_eq!(server_id.trim_end(), id.expose());
        let pair = fs::read_to_string(home.file("daemon-keypair.json")).unwrap();
        assert_eq!(pair.len(), 145);
        assert!(
            pair.starts_with("{\n  \"v\": 2,\n  \"publicKeyB64\": \"") && pair.ends_with("\"\n}\n")
        );
        #[cfg(unix)]
        {
            assert_eq!(mode(home.dir()), 0o700);
            for name in ["server-id", "daemon-keypair.json"] {
                assert_eq!(mode(&home.file(name)), 0o600);
            }
        }
    }

    #[test]
    fn a_home_of_0_1_65_is_taken_as_it_is() {
        let (dir, _) = home();
        let home = Home::new(dir.path());
        fs::write(home.file("server-id"), "srv_old\n").unwrap();
        assert_eq!(home.server_id(None).unwrap().expose(), "srv_old");
        fs::write(home.file("server-id"), " \n").unwrap();
        assert!(home.server_id(None).unwrap().expose().starts_with("srv_"));
    }

    #[test]
    fn an_overriding_server_id_is_kept_only_when_there_is_none() {
        let (_dir, home) = home();
        let (one, two) = (Secret::from("one"), Secret::from(" two "));
        assert_eq!(home.server_id(Some(&one)).unwrap().expose(), "one");
        assert_eq!(home.server_id(Some(&two)).unwrap().expose(), "two");
        assert_eq!(home.server_id(None).unwrap().expose(), "one");
        let bad = Secret::new("x".repeat(257));
        assert!(matches!(
            home.server_id(Some(&bad)),
            Err(HomeError::ServerId { .. })
        ));
    }

    #[test]
    fn a_broken_key_pair_is_an_error_and_stays() {
        let (dir, _) = home();
        let home = Home::new(dir.path());
        let path = home.file("daemon-keypair.json");
        let good = serde_json::to_string(&KeyPair::of(&SecretKey::generate())).unwrap();
        let other = SecretKey::generate().public_key().to_base64();
        let mixed = serde_json::json!({"v": 2, "publicKeyB64": other, "secretKeyB64": "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="}).to_string();
        for (content, expected) in [
            ("", KeyPairError::Syntax),
            ("{}", KeyPairError::Syntax),
            (&good.replace("\"v\":2", "\"v\":1"), KeyPairError::Version),
            (&mixed, KeyPairError::Mismatch),
        ] {
            files::write_private(&path, content.as_bytes(), MAX_FILE_BYTES).unwrap();
            match home.secret_key().unwrap_err() {
                HomeError::KeyPair { source, .. } => assert_eq!(source, expected),
                other => panic!("{other}"),
            }
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
        }
    }

    #[test]
    fn many_processes_at_once_agree() {
        let (_dir, home) = home();
        let made: Vec<_> = std::thread::scope(|scope| {
            let make = || {
                let id = home.server_id(None).unwrap().expose().clone();
                (id, home.secret_key().unwrap().public_key().to_base64())
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(make)).collect();
            threads.into_iter().map(|it| it.join().unwrap()).collect()
        });
        assert!(made.iter().all(|it| *it == made[0]));
    }
}
