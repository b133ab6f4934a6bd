//! Settings of a remote as the command line spells them: `key=value`.

use std::str::FromStr;

use toml_edit::{Array, Value};

use super::schema;
use crate::spelling::{closest, did_you_mean};

/// What a setting's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Flag,
    List,
    Moment,
    /// As it stands in the file, in brackets or braces.
    Toml,
    /// A text, or a table in braces.
    TextOrTable,
}

/// The settings that may be changed one by one. What belongs to the pairing is not among them: key,
/// secret and fingerprint change together or not at all. For other keys of the file there is its editor.
const SETTINGS: &[(&str, Kind)] = &[
    ("description", Kind::Text),
    ("tags", Kind::List),
    ("url", Kind::Text),
    ("relay.endpoint", Kind::Text),
    ("relay.tls", Kind::Flag),
    ("connect_timeout", Kind::Text),
    ("cwd", Kind::Text),
    ("persist", Kind::Text),
    ("readonly", Kind::Flag),
    ("protected", Kind::Flag),
    ("expires", Kind::Moment),
    ("dirs", Kind::Toml),
    ("proxy", Kind::TextOrTable),
    ("ca_file", Kind::Text),
    ("family", Kind::Text),
    ("headers", Kind::Toml),
    ("direct", Kind::Text),
    ("unix", Kind::Text),
    ("ssh", Kind::Text),
];

/// The word for the daemon's password, which is no setting of the file: it is kept with the secret.
pub const PASSWORD: &str = "password";

/// The key of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SettingKey {
    name: &'static str,
    kind: Kind,
}

/// A setting and its value.
#[derive(Debug, Clone)]
pub struct Setting {
    key: SettingKey,
    value: Value,
}

/// Why a text is no setting. No value is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// No such key.
    #[error("{}", did_you_mean("there is no such setting", *.0))]
    Unknown(Option<&'static str>),
    /// A key of the file that cannot be changed alone.
    #[error("`{0}` cannot be set by itself")]
    InFile(&'static str),
    /// No equals sign.
    #[error("a setting is written key=value")]
    NoValue,
    /// A secret, which others could read here.
    #[error("`{0}` takes no value on the command line, where others can read it")]
    Secret(&'static str),
    /// Neither true nor false.
    #[error("`{0}` is true or false")]
    Flag(&'static str),
    /// No date.
    #[error("`{0}` is a date such as 2026-12-01, or a time such as 2026-12-01T12:00:00Z")]
    Moment(&'static str),
    /// No value as the file has it.
    #[error("the value of `{name}` is written as in remotes.toml, for example: {example}")]
    Toml {
        /// The key.
        name: &'static str,
        /// A setting that would be taken.
        example: &'static str,
    },
}

impl SettingKey {
    /// Every key.
    pub fn names() -> impl Iterator<Item = &'static str> {
        SETTINGS.iter().map(|(name, _)| *name)
    }

    /// The key as in the file, with a dot where it is inside a table.
    pub fn as_str(self) -> &'static str {
        self.name
    }
}

impl FromStr for SettingKey {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = SETTINGS.iter().find(|(name, _)| *name == text);
        if let Some(&(name, kind)) = found {
            return Ok(Self { name, kind });
        }
        let outer = text.split('.').next().unwrap_or_default();
        if let Some(key) = schema::key(outer) {
            return Err(SettingError::InFile(key));
        }
        let names: Vec<&'static str> = Self::names().collect();
        Err(SettingError::Unknown(closest(text, &names)))
    }
}

impl Setting {
    /// The key.
    pub fn key(&self) -> SettingKey {
        self.key
    }

    /// The value as TOML.
    pub fn value(&self) -> &Value {
        &self.value
    }
}

impl FromStr for Setting {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (key, value) = text.split_once('=').ok_or(SettingError::NoValue)?;
        if key.trim() == PASSWORD {
            return Err(SettingError::Secret(PASSWORD));
        }
        let key: SettingKey = key.trim().parse()?;
        let value = match key.kind {
            Kind::TextOrTable if value.trim_start().starts_with('{') => toml(key.name, value)?,
            Kind::Toml => toml(key.name, value)?,
            Kind::Text | Kind::TextOrTable => value.into(),
            Kind::Flag => match value.trim() {
                "true" => true.into(),
                "false" => false.into(),
                _ => return Err(SettingError::Flag(key.name)),
            },
            Kind::Moment => {
                let moment: Result<toml_edit::Datetime, _> = value.trim().parse();
                moment.map_err(|_| SettingError::Moment(key.name))?.into()
            }
            Kind::List => {
                let words = value
                    .split(',')
                    .map(str::trim)
                    .filter(|word| !word.is_empty());
                Value::Array(words.collect::<Array>())
            }
        };
        Ok(Self { key, value })
    }
}

/// Reads a value as it stands in the file. What is wrong with it is not repeated: a header may be secret.
fn toml(name: &'static str, text: &str) -> Result<Value, SettingError> {
    let example = match name {
        "dirs" => r#"'dirs=[{ local = "~/src", remote = "/home/me/src" }]'"#,
        "headers" => r#"'headers={ X-Team = "a" }'"#,
        _ => r#"'proxy={ url = "http://proxy:3128", user = "me", password = { env = "NAME" } }'"#,
    };
    let value: Result<Value, _> = text.trim().parse();
    let mut value = value.map_err(|_| SettingError::Toml { name, example })?;
    value.decor_mut().clear();
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_the_type_of_their_key() {
        for (text, toml) in [
            ("description=a = b", "\"a = b\""),
            ("relay.tls=true", "true"),
            ("tags=a, b,", "[\"a\", \"b\"]"),
            ("tags=", "[]"),
            ("expires=2026-12-01", "2026-12-01"),
            ("dirs=[]", "[]"),
            (
                "dirs=[{ local = '~/a', remote = '/b' }]",
                "[{ local = '~/a', remote = '/b' }]",
            ),
            ("headers={ X-Team = \"a\" }", "{ X-Team = \"a\" }"),
            ("proxy=http://h:1", "\"http://h:1\""),
            (
                "proxy= { url = \"http://h:1\" }",
                "{ url = \"http://h:1\" }",
            ),
        ] {
            let setting: Setting = text.parse().unwrap();
            assert_eq!(setting.value().to_string().trim(), toml);
        }
    }

    #[test]
    fn what_is_no_setting() {
        for (text, error) in [
            ("tags", SettingError::NoValue),
            ("password=x", SettingError::Secret(PASSWORD)),
            ("tag=x", SettingError::Unknown(Some("tags"))),
            ("fingerprint=SHA256:x", SettingError::InFile("fingerprint")),
            ("secret.id=r_1", SettingError::InFile("secret")),
            ("defaults.cwd=/x", SettingError::InFile("defaults")),
            ("relay={}", SettingError::InFile("relay")),
            ("nonsense.cwd=/x", SettingError::Unknown(None)),
            ("expires=soon", SettingError::Moment("expires")),
            ("relay.tls=yes", SettingError::Flag("relay.tls")),
        ] {
            assert_eq!(text.parse::<Setting>().err(), Some(error), "{text}");
        }
    }
}
