//! Answers to permission requests, in place: on a terminal, `attach` shows the choices and reads a line.

use std::collections::VecDeque;
use std::io::BufRead;

use serde_json::Value;
use tokio::sync::mpsc;

use super::questions::Questions;
use crate::protocol::agents::PermissionRequest;
use crate::protocol::permissions::PermissionAnswer;

/// The kind of requests whose answer is data.
const QUESTION: &str = "question";

/// Refuses to answer questions.
const REFUSE: &str = "/deny";

/// Longest line that is read, in bytes.
const MAX_LINE: u64 = 1024;

/// The requests that wait, and the lines that are typed.
pub(in crate::commands) struct Asking {
    lines: mpsc::Receiver<String>,
    waiting: VecDeque<PermissionRequest>,
    /// Those of the first request, when it has some.
    questions: Option<Questions>,
    closed: bool,
}

/// What a line is.
#[derive(Debug)]
pub(in crate::commands) enum Typed {
    /// No answer.
    Nothing,
    /// The answer to a question, behind which there is another.
    Next(String),
    /// The answer to the request with this id.
    Answer(String, PermissionAnswer),
}

impl Asking {
    /// Starts to read lines. The thread ends with the process: nothing can wake it from reading.
    pub(in crate::commands) fn start() -> Self {
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
            questions: None,
            closed: false,
        }
    }

    /// Adds a request; returns the question when it is the only one.
    pub(in crate::commands) fn add(&mut self, request: PermissionRequest) -> Option<String> {
        if self.waiting.iter().any(|waiting| waiting.id == request.id) {
            return None;
        }
        self.waiting.push_back(request);
        (self.waiting.len() == 1).then(|| self.question()).flatten()
    }

    /// Removes a request that was answered, here or elsewhere; returns the next question.
    pub(in crate::commands) fn remove(&mut self, id: &str) -> Option<String> {
        let first = self.waiting.front().is_some_and(|request| request.id == id);
        self.waiting.retain(|request| request.id != id);
        first.then(|| self.question()).flatten()
    }

    /// Forgets all requests, those that still wait to be added again, and asked again.
    pub(super) fn forget(&mut self) {
        self.waiting.clear();
        self.questions = None;
    }

    /// Waits for a line; `None` when no more can come.
    pub(in crate::commands) async fn line_or_end(&mut self) -> Option<String> {
        self.lines.recv().await
    }

    /// Waits for a line, for ever while nothing is asked. Cancelling it loses nothing.
    pub(in crate::commands) async fn line(&mut self) -> String {
        while !self.waiting.is_empty() && !self.closed {
            match self.lines.recv().await {
                Some(line) => return line,
                None => self.closed = true,
            }
        }
        std::future::pending().await
    }

    /// Reads a line as an answer to the first request. One that is none leaves the request as it is.
    pub(in crate::commands) fn answer(&mut self, line: &str) -> Typed {
        let Some(request) = self.waiting.front() else {
            return Typed::Nothing;
        };
        let id = request.id.clone();
        if let Some(questions) = &mut self.questions {
            if line.trim() == REFUSE {
                return Typed::Answer(id, deny(None));
            }
            questions.answer(line);
            return match (questions.next(), questions.answers()) {
                (None, Some(answers)) => Typed::Answer(id, allow(None, Some(answers))),
                (next, _) => next.map_or(Typed::Nothing, Typed::Next),
            };
        }
        let choices = choices(request);
        let line = line.trim().to_lowercase();
        let choice = match line.as_str() {
            "y" | "yes" => choices.iter().find(|choice| choice.allows),
            "n" | "no" => choices.iter().find(|choice| !choice.allows),
            number => {
                let number = number.parse::<usize>().ok();
                number.and_then(|number| choices.get(number.checked_sub(1)?))
            }
        };
        choice.map_or(Typed::Nothing, |choice| Typed::Answer(id, choice.answer()))
    }

    /// Returns the question about the first request. What was typed before it is no answer to it.
    fn question(&mut self) -> Option<String> {
        while self.lines.try_recv().is_ok() {}
        self.questions = None;
        let request = self.waiting.front()?;
        if request.kind == QUESTION {
            self.questions = Questions::of(request);
            if let Some(questions) = &self.questions {
                return questions.next();
            }
        }
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
            true => allow(self.id.clone(), None),
            false => deny(self.id.clone()),
        }
    }
}

fn allow(selected_action_id: Option<String>, updated_input: Option<Value>) -> PermissionAnswer {
    PermissionAnswer::Allow {
        selected_action_id,
        updated_input,
        updated_permissions: None,
    }
}

fn deny(selected_action_id: Option<String>) -> PermissionAnswer {
    PermissionAnswer::Deny {
        selected_action_id,
        message: None,
        interrupt: None,
    }
}

/// Returns the choices of a request. Questions have none: their answer is data.
fn choices(request: &PermissionRequest) -> Vec<Choice> {
    let actions = request.actions.as_deref().unwrap_or_default();
    if request.kind == QUESTION {
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
            questions: None,
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
        let mut chosen = |line: &str| match asking.answer(line) {
            Typed::Answer(
                _,
                PermissionAnswer::Allow {
                    selected_action_id, ..
                }
                | PermissionAnswer::Deny {
                    selected_action_id, ..
                },
            ) => selected_action_id,
            _ => None,
        };
        assert_eq!(chosen("1\n").as_deref(), Some("always"));
        assert_eq!(chosen("n").as_deref(), Some("reject"));
        for line in ["", "0", "3", "maybe", "-1"] {
            assert_eq!(chosen(line), None, "{line}");
        }
        assert!(asking.remove("1").is_some());
        assert_eq!(asking.remove("2"), None);
    }

    #[test]
    fn questions_are_asked_in_turn_and_can_be_refused() {
        let (_sender, mut asking) = asking();
        let question: PermissionRequest = serde_json::from_value(json!({
            "id": "q", "provider": "p", "name": "n", "kind": "question", "input": {"questions": [
                {"question": "One?", "header": "one", "options": [{"label": "A"}]},
                {"question": "Two?", "header": "two"},
            ]},
        }))
        .unwrap();
        assert!(asking.add(question.clone()).unwrap().contains("One?"));
        assert!(matches!(asking.answer("1"), Typed::Next(next) if next.contains("Two?")));
        let Typed::Answer(id, PermissionAnswer::Allow { updated_input, .. }) = asking.answer("y")
        else {
            panic!("it is answered");
        };
        assert_eq!(id, "q");
        assert_eq!(
            updated_input.unwrap(),
            json!({"answers": {"one": "A", "two": "y"}})
        );
        asking.remove("q");
        asking.add(question);
        let refused = asking.answer("/deny");
        assert!(matches!(
            refused,
            Typed::Answer(_, PermissionAnswer::Deny { .. })
        ));
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
