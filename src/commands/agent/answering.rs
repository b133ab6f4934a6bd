//! Answers to permission requests, in place: on a terminal, `attach` shows the choices and reads a line.

use std::collections::VecDeque;
use std::io::BufRead;

use tokio::sync::mpsc;

use crate::protocol::agents::PermissionRequest;
use crate::protocol::permissions::PermissionAnswer;

/// Longest line that is read, in bytes.
const MAX_LINE: u64 = 1024;

/// The requests that wait, and the lines that are typed.
pub(super) struct Asking {
    lines: mpsc::Receiver<String>,
    waiting: VecDeque<PermissionRequest>,
    closed: bool,
}

impl Asking {
    /// Starts to read lines. The thread ends with the process: nothing can wake it from reading.
    pub(super) fn start() -> Self {
        let (sender, lines) = mpsc::channel(1);
        std::thread::spawn(move || {
            let mut stdin = std::io::stdin().lock();
            loop {
                let mut line = String::new();
                let read = std::io::Read::take(&mut stdin, MAX_LINE).read_line(&mut line);
                if !matches!(read, Ok(1..)) || sender.blocking_send(line).is_err() {
                    return;
                }
            }
        });
        Self {
            lines,
            waiting: VecDeque::new(),
            closed: false,
        }
    }

    /// Adds a request; returns the question when it is the only one.
    pub(super) fn add(&mut self, request: PermissionRequest) -> Option<String> {
        if self.waiting.iter().any(|waiting| waiting.id == request.id) {
            return None;
        }
        self.waiting.push_back(request);
        (self.waiting.len() == 1).then(|| self.question()).flatten()
    }

    /// Removes a request that was answered, here or elsewhere; returns the next question.
    pub(super) fn remove(&mut self, id: &str) -> Option<String> {
        let first = self.waiting.front().is_some_and(|request| request.id == id);
        self.waiting.retain(|request| request.id != id);
        first.then(|| self.question()).flatten()
    }

    /// Waits for a line, for ever while nothing is asked. Cancelling it loses nothing.
    pub(super) async fn line(&mut self) -> String {
        while !self.waiting.is_empty() && !self.closed {
            match self.lines.recv().await {
                Some(line) => return line,
                None => self.closed = true,
            }
        }
        std::future::pending().await
    }

    /// Reads a line as the answer to the first request; `None` when it is none, which leaves the request
    /// as it is.
    pub(super) fn answer(&self, line: &str) -> Option<(String, PermissionAnswer)> {
        let request = self.waiting.front()?;
        let choices = choices(request);
        let line = line.trim().to_lowercase();
        let choice = match line.as_str() {
            "y" | "yes" => choices.iter().find(|choice| choice.allows),
            "n" | "no" => choices.iter().find(|choice| !choice.allows),
            number => {
                let number: usize = number.parse().ok()?;
                choices.get(number.checked_sub(1)?)
            }
        }?;
        Some((request.id.clone(), choice.answer()))
    }

    /// Returns the question about the first request. What was typed before it is no answer to it.
    fn question(&mut self) -> Option<String> {
        while self.lines.try_recv().is_ok() {}
        let request = self.waiting.front()?;
        let choices = choices(request);
        if choices.is_empty() {
            return Some("  (answer with: paseo permit allow … --input JSON)\n".to_owned());
        }
        let numbered: Vec<String> = choices
            .iter()
            .enumerate()
            .map(|(at, choice)| format!("{}) {}", at + 1, choice.label))
            .collect();
        Some(format!("  {}   [y/n/number]\n", numbered.join("   ")))
    }
}

struct Choice {
    id: Option<String>,
    label: String,
    allows: bool,
}

impl Choice {
    fn answer(&self) -> PermissionAnswer {
        match self.allows {
            true => PermissionAnswer::Allow {
                selected_action_id: self.id.clone(),
                updated_input: None,
                updated_permissions: None,
            },
            false => PermissionAnswer::Deny {
                selected_action_id: self.id.clone(),
                message: None,
                interrupt: None,
            },
        }
    }
}

/// Returns the choices of a request. Questions have none: their answer is data.
fn choices(request: &PermissionRequest) -> Vec<Choice> {
    let actions = request.actions.as_deref().unwrap_or_default();
    if request.kind == "question" {
        return Vec::new();
    }
    if actions.is_empty() {
        return [("Allow", true), ("Deny", false)]
            .map(|(label, allows)| Choice {
                id: None,
                label: label.to_owned(),
                allows,
            })
            .into();
    }
    let choice = |action: &crate::protocol::agents::PermissionAction| Choice {
        id: Some(action.id.clone()),
        label: action.label.clone(),
        allows: action.behavior == "allow",
    };
    actions.iter().map(choice).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asking() -> (mpsc::Sender<String>, Asking) {
        let (sender, lines) = mpsc::channel(4);
        let asking = Asking {
            lines,
            waiting: VecDeque::new(),
            closed: false,
        };
        (sender, asking)
    }

    fn request(id: &str) -> PermissionRequest {
        serde_json::from_value(
            json!({ "id": id, "provider": "p", "name": "n", "kind": "tool", "actions": [
                {"id": "always", "label": "Always", "behavior": "allow"},
                {"id": "reject", "label": "Reject", "behavior": "deny"},
            ]}),
        )
        .unwrap()
    }

    #[test]
    fn a_line_chooses() {
        let (_sender, mut asking) = asking();
        assert!(asking.add(request("1")).unwrap().contains("2) Reject"));
        assert_eq!(asking.add(request("2")), None);
        let chosen = |line: &str| {
            asking.answer(line).map(|(_, answer)| match answer {
                PermissionAnswer::Allow {
                    selected_action_id, ..
                }
                | PermissionAnswer::Deny {
                    selected_action_id, ..
                } => selected_action_id.unwrap(),
            })
        };
        assert_eq!(chosen("1\n").as_deref(), Some("always"));
        assert_eq!(chosen("n").as_deref(), Some("reject"));
        for line in ["", "0", "3", "maybe", "-1"] {
            assert_eq!(chosen(line), None, "{line}");
        }
        assert!(asking.remove("1").is_some());
        assert_eq!(asking.remove("2"), None);
    }

    #[tokio::test]
    async fn what_was_typed_before_the_question_is_no_answer() {
        let (sender, mut asking) = asking();
        sender.send("y".to_owned()).await.unwrap();
        asking.add(request("1"));
        sender.send("n".to_owned()).await.unwrap();
        assert_eq!(asking.line().await, "n");
    }
}
