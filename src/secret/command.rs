//! Secrets in a program of the user's: `pass`, `op`, a script.
//!
//! Each operation is a command, run without a shell. Plain: the item is what `get` writes to stdout and what
//! `put` reads from stdin. JSON: `{"v":1,"op":"get","id":"r_…"}` on stdin, `{"item":"<base64>"}` on stdout.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::child::{self, Answer, RunError};
use super::store::{MAX_ITEM_BYTES, SecretStore, StoreError, StoreKind, check_size};
use super::{Secret, SecretId};
use crate::subprocess;

/// What stands for the id in an argument.
const ID: &str = "{id}";
/// Longest answer in bytes: the largest item as base64, in JSON.
const MAX_ANSWER: usize = 2 * MAX_ITEM_BYTES;

/// How the program is called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandSpec {
    /// Program and arguments that write an item to stdout; `{id}` stands for its id.
    pub get: Vec<String>,
    /// … that read one from stdin; without it nothing can be stored.
    pub put: Option<Vec<String>>,
    /// … that delete one.
    pub delete: Option<Vec<String>>,
    /// Whether stdin and stdout are JSON.
    pub json: bool,
    /// The exit status that means that there is no such item. Nothing on stdout means that too.
    pub absent: Option<i32>,
    /// How long one call may take.
    pub timeout: Duration,
}

/// A store behind a program.
#[derive(Debug)]
pub struct CommandStore {
    spec: CommandSpec,
}

#[derive(Serialize)]
struct Request<'a> {
    v: u32,
    op: &'static str,
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<&'a str>,
}

#[derive(Deserialize)]
struct Reply {
    #[serde(default)]
    item: Option<String>,
}

impl CommandStore {
    /// Takes how to call the program.
    pub fn new(spec: CommandSpec) -> Self {
        Self { spec }
    }

    fn run(
        &self,
        op: &'static str,
        argv: &[String],
        id: &SecretId,
        item: Option<&Secret<Vec<u8>>>,
    ) -> Result<Answer, StoreError> {
        let mut argv = argv.iter().map(|word| word.replace(ID, id.as_str()));
        let program = argv.next().ok_or_else(|| failed("its command is empty"))?;
        let mut command = subprocess::command(&program);
        command.args(argv);
        let input = match (self.spec.json, item) {
            (true, item) => request(op, id, item),
            (false, Some(item)) => item.clone(),
            (false, None) => Secret::new(Vec::new()),
        };
        let answer = child::run(&mut command, &input, MAX_ANSWER, self.spec.timeout);
        answer.map_err(|error| match error {
            RunError::Io(error) => failed(&format!("`{program}` cannot be run: {error}")),
            RunError::TooLong => failed(&format!("`{program}` gives more than an item can be")),
            RunError::TimedOut => StoreError::TimedOut {
                store: StoreKind::Command,
                waited: self.spec.timeout,
            },
        })
    }

    fn is_absent(&self, answer: &Answer) -> bool {
        let status = answer.status.code();
        status.is_some() && status == self.spec.absent
    }

    fn done(&self, argv: &[String], answer: &Answer) -> Result<(), StoreError> {
        if answer.status.success() {
            return Ok(());
        }
        let program = argv.first().map_or("", String::as_str);
        // What it wrote to stderr is not repeated: nobody knows what is in it.
        Err(failed(&match answer.status.code() {
            Some(status) => format!("`{program}` ended with status {status}"),
            None => format!("`{program}` was killed"),
        }))
    }

    fn read_only(&self) -> StoreError {
        failed("it is for reading: `[stores.command]` has no such command")
    }
}

impl SecretStore for CommandStore {
    fn get(&self, id: &SecretId) -> Result<Option<Secret<Vec<u8>>>, StoreError> {
        let answer = self.run("get", &self.spec.get, id, None)?;
        if self.is_absent(&answer) {
            return Ok(None);
        }
        self.done(&self.spec.get, &answer)?;
        if self.spec.json {
            let reply: Reply = serde_json::from_slice(answer.output.expose())
                .map_err(|_| failed("it does not answer in JSON"))?;
            let item = reply.item.map(zeroize::Zeroizing::new);
            let decode = |item: &str| base64_simd::STANDARD.decode_to_vec(item);
            let item = item.map(|item| decode(&item)).transpose();
            return Ok(item
                .map_err(|_| failed("its item is not base64"))?
                .map(Secret::new));
        }
        let length = answer.output.expose().len();
        if length > MAX_ITEM_BYTES + 1 {
            return Err(StoreError::TooLarge(length));
        }
        Ok((length > 0).then_some(answer.output))
    }

    fn put(&self, id: &SecretId, item: &Secret<Vec<u8>>) -> Result<(), StoreError> {
        check_size(item)?;
        let argv = self.spec.put.as_ref().ok_or_else(|| self.read_only())?;
        let answer = self.run("put", argv, id, Some(item))?;
        self.done(argv, &answer)
    }

    fn delete(&self, id: &SecretId) -> Result<(), StoreError> {
        let argv = self.spec.delete.as_ref().ok_or_else(|| self.read_only())?;
        let answer = self.run("delete", argv, id, None)?;
        match self.is_absent(&answer) {
            true => Ok(()),
            false => self.done(argv, &answer),
        }
    }
}

fn request(op: &'static str, id: &SecretId, item: Option<&Secret<Vec<u8>>>) -> Secret<Vec<u8>> {
    let item = item.map(|item| base64_simd::STANDARD.encode_to_string(item.expose()));
    let item = item.map(zeroize::Zeroizing::new);
    let request = Request {
        v: 1,
        op,
        id: id.as_str(),
        item: item.as_ref().map(|item| item.as_str()),
    };
    Secret::new(serde_json::to_vec(&request).expect("a struct with string keys"))
}

fn failed(reason: &str) -> StoreError {
    StoreError::Failed {
        store: StoreKind::Command,
        reason: reason.to_owned(),
    }
}
