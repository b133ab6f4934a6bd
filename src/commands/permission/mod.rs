//! What an agent asks before it goes on, as every command shows it: what would happen, whole; what the agent says of
//! it, marked as its words; and the choices, with how far they go.

mod choice;
mod facts;
mod pages;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};

pub(in crate::commands) use choice::{Choice, narrowest};
pub(in crate::commands) use pages::{Pages, Quoted, fitting, wrapped};

use choice::QUESTION;
use facts::{Fact, Facts};

use crate::commands::exact;
use crate::error::CommandError;
use crate::protocol::agents::PermissionRequest;
use crate::protocol::permissions::PermissionAnswer;

/// What a line begins with that belongs to the one above. No line of an agent begins in another way, so none can look
/// like one of ours.
const WITHIN: &str = "    | ";

/// A request for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::commands) struct Asked {
    /// The id of the request.
    pub(in crate::commands) id: String,
    /// The tool, or a word for the kind of request, on one line.
    pub(in crate::commands) tool: String,
    /// The choices; none for questions.
    pub(in crate::commands) choices: Vec<Choice>,
    is_question: bool,
    facts: Vec<Fact>,
    words: Vec<String>,
}

impl From<&PermissionRequest> for Asked {
    fn from(request: &PermissionRequest) -> Self {
        let Facts { facts, words, .. } = Facts::of(request);
        Self {
            id: request.id.clone(),
            tool: one_line(&request.name),
            choices: Choice::of(request),
            is_question: request.kind == QUESTION,
            facts,
            words,
        }
    }
}

impl Asked {
    /// Returns whether its answer is more than one of the choices.
    pub(in crate::commands) fn is_question(&self) -> bool {
        self.is_question
    }

    /// Returns a line: the tool, and what it would do.
    pub(in crate::commands) fn summary(&self) -> String {
        let tool = &self.tool;
        match (self.facts.first(), self.words.first()) {
            (Some(fact), _) => format!("{tool}: {}", one_line(&fact.text)),
            (None, Some(words)) => format!("{tool}: {}", says(&one_line(words))),
            (None, None) => tool.clone(),
        }
    }

    /// Returns everything about it but the tool and the choices.
    pub(in crate::commands) fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for Fact { name, text } in &self.facts {
            push(&mut lines, &format!("  {name}:"), text);
        }
        for words in &self.words {
            match words.contains('\n') {
                true => push(&mut lines, "  the agent says:", words),
                false => lines.push(format!("  {}", says(words))),
            }
        }
        lines
    }

    /// The same, and how it is answered.
    pub(in crate::commands) fn lines_and_choices(&self) -> Vec<String> {
        let mut lines = self.lines();
        for choice in &self.choices {
            let text = one_line(&choice.text());
            lines.push(match &choice.id {
                Some(id) => format!("  choice: {text}  (--action {})", one_line(id)),
                None => format!("  choice: {text}"),
            });
        }
        lines
    }

    /// Returns the choices, numbered, each on a line.
    pub(in crate::commands) fn numbered(&self) -> Vec<String> {
        let choices = self.choices.iter().enumerate();
        choices
            .map(|(at, choice)| format!("  {}) {}", at + 1, one_line(&choice.text())))
            .collect()
    }

    /// Returns the words that choose one of them.
    pub(in crate::commands) fn chosen_by(&self) -> &'static str {
        match (self.default_of(true), self.default_of(false)) {
            (Some(_), Some(_)) => "y/n/number",
            (Some(_), None) => "y/number",
            (None, Some(_)) => "n/number",
            (None, None) => "number",
        }
    }

    /// Returns the choices in a line, numbered, and the words that are an answer.
    pub(in crate::commands) fn question(&self) -> String {
        if self.choices.is_empty() {
            return "  (answer with: paseo permit allow … --input JSON)\n".to_owned();
        }
        let numbered = self.numbered();
        let numbered: Vec<_> = numbered.iter().map(|line| line.trim_start()).collect();
        format!("  {}   [{}]\n", numbered.join("   "), self.chosen_by())
    }

    /// Returns the choice that a plain yes or no means: only one that holds for this request and no other.
    pub(in crate::commands) fn default_of(&self, allows: bool) -> Option<&Choice> {
        narrowest(&self.choices, allows).filter(|choice| choice.is_once())
    }

    /// Reads what somebody typed as one of the choices.
    pub(in crate::commands) fn choose(&self, typed: &str) -> Option<&Choice> {
        match typed.trim().to_lowercase().as_str() {
            "y" | "yes" => self.default_of(true),
            "n" | "no" => self.default_of(false),
            number => {
                let number: usize = number.parse().ok()?;
                self.choices.get(number.checked_sub(1)?)
            }
        }
    }
}

/// Returns an answer with a choice in it: the one that is named, else the narrowest. Where that is the first anyway,
/// it is left to the daemon, which takes that one.
pub(in crate::commands) fn with_choice(
    request: &PermissionRequest,
    mut answer: PermissionAnswer,
    named: Option<&str>,
) -> Result<PermissionAnswer, CommandError> {
    let choices = Choice::of(request);
    let (allows, selected) = match &mut answer {
        PermissionAnswer::Allow {
            selected_action_id, ..
        } => (true, selected_action_id),
        PermissionAnswer::Deny {
            selected_action_id, ..
        } => (false, selected_action_id),
    };
    let mut fitting = choices.iter().filter(|choice| choice.allows == allows);
    *selected = match named {
        Some(id) => {
            let found = fitting.find(|choice| choice.id.as_deref() == Some(id));
            let Some(found) = found else {
                let message = format!("the request has no such choice: {id}");
                return Err(CommandError::usage("NO_SUCH_ACTION", message)
                    .hint("paseo permit ls shows the choices"));
            };
            found.id.clone()
        }
        None => {
            let first = fitting.next();
            let narrowest = narrowest(&choices, allows).filter(|it| Some(*it) != first);
            narrowest.and_then(|choice| choice.id.clone())
        }
    };
    Ok(answer)
}

/// Returns what commands say of a request in JSON, in the words of the protocol.
pub(in crate::commands) fn data(request: &PermissionRequest) -> Map<String, Value> {
    let fields = json!({ "kind": request.kind, "title": request.title, "input": request.input,
        "detail": request.detail, "metadata": request.other.get("metadata"),
        "actions": request.actions.as_deref().unwrap_or_default(),
        "descriptionText": exact::text(request.description.as_deref()), "fullRequestId": request.id });
    match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn says(words: &str) -> String {
    format!("the agent says: \"{words}\"")
}

/// Returns a text on one line; that it had several can be seen.
pub(in crate::commands) fn one_line(text: &str) -> String {
    text.trim_end_matches('\n').replace('\n', " ↵ ")
}

/// Adds a text below its name, or beside it when it has one line.
fn push(lines: &mut Vec<String>, name: &str, text: &str) {
    let text = text.strip_suffix('\n').unwrap_or(text);
    if !text.contains('\n') {
        lines.push(format!("{name} {text}"));
        return;
    }
    lines.push(name.to_owned());
    lines.extend(text.split('\n').map(|line| format!("{WITHIN}{line}")));
}
