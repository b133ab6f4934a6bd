//! Answers to permission requests, in place: on a terminal, commands show a request, its choices, and read a line.
//!
//! What was typed before a request was on the screen is no answer to it. The request is shown first; a moment later
//! the terminal forgets what was typed until then, and the choices appear. A long one is shown a page at a time, and
//! allowed only once all of it was on the screen.

use std::collections::VecDeque;
use std::io::BufRead;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::mpsc;

use super::questions::Questions;
use crate::commands::permission::{Asked, Pages, fitting};
use crate::output;
use crate::protocol::agents::PermissionRequest;
use crate::protocol::permissions::PermissionAnswer;

/// Refuses to answer questions.
const REFUSE: &str = "/deny";
/// Shows more of a long request.
const MORE: &str = "m";

/// Longest line that is read, in bytes.
const MAX_LINE: u64 = 1024;

/// How long a request is on the screen before it can be answered: a key that is on its way was for something else.
pub(in crate::commands) const ARMING: Duration = Duration::from_millis(400);

/// The requests that wait, and the lines that are typed.
pub(in crate::commands) struct Asking {
    lines: mpsc::Receiver<(Instant, String)>,
    waiting: VecDeque<PermissionRequest>,
    /// The first of them, as it is shown.
    current: Option<Current>,
    /// Since when lines are answers.
    armed: Instant,
    closed: bool,
}

/// The request that is being answered.
struct Current {
    asked: Asked,
    pages: Pages,
    /// Its questions, when it has some.
    questions: Option<Questions>,
}

/// What is shown, and what is asked a moment later.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::commands) struct Step {
    shown: String,
    question: String,
}

impl Step {
    /// Asks, and shows nothing before.
    pub(super) fn question(question: &str) -> Self {
        Self {
            shown: String::new(),
            question: question.to_owned(),
        }
    }
}

/// What a line is.
#[derive(Debug)]
pub(in crate::commands) enum Typed {
    /// No answer.
    Nothing,
    /// No answer yet: there is more to see or to be asked.
    Next(Step),
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
                let line = (Instant::now(), line);
                if !matches!(read, Ok(1..)) || sender.blocking_send(line).is_err() {
                    return;
                }
            }
        });
        Self::reading(lines)
    }

    fn reading(lines: mpsc::Receiver<(Instant, String)>) -> Self {
        Self {
            lines,
            waiting: VecDeque::new(),
            current: None,
            armed: Instant::now(),
            closed: false,
        }
    }

    /// Adds a request; returns what to ask when it is the only one.
    pub(in crate::commands) fn add(&mut self, request: PermissionRequest) -> Option<Step> {
        if self.waiting.iter().any(|waiting| waiting.id == request.id) {
            return None;
        }
        self.waiting.push_back(request);
        (self.waiting.len() == 1).then(|| self.begin()).flatten()
    }

    /// Removes a request that was answered, here or elsewhere; returns what to ask next.
    pub(in crate::commands) fn remove(&mut self, id: &str) -> Option<Step> {
        let first = self.waiting.front().is_some_and(|request| request.id == id);
        self.waiting.retain(|request| request.id != id);
        first.then(|| self.begin()).flatten()
    }

    /// Forgets what was asked before, and begins with this request alone.
    pub(in crate::commands) fn only(&mut self, request: PermissionRequest) -> Option<Step> {
        self.forget();
        self.add(request)
    }

    /// Returns whether a line that is typed now could be an answer.
    pub(super) fn is_asking(&self) -> bool {
        self.current.is_some()
    }

    /// Forgets all requests, those that still wait to be added again, and asked again.
    pub(in crate::commands) fn forget(&mut self) {
        self.waiting.clear();
        self.current = None;
    }

    /// Prints a step, and makes it answerable.
    pub(in crate::commands) async fn ask<E>(
        &mut self,
        step: Step,
        print: impl AsyncFn(&str) -> Result<(), E>,
    ) -> Result<(), E> {
        if !step.shown.is_empty() {
            print(&step.shown).await?;
        }
        tokio::time::sleep(ARMING).await;
        self.arm();
        print(&step.question).await
    }

    /// From now on lines are answers. What was typed before is thrown away, a line that was only begun included.
    fn arm(&mut self) {
        output::forget_typed();
        while self.lines.try_recv().is_ok() {}
        self.armed = Instant::now();
    }

    /// Waits for a line; `None` when no more can come.
    pub(in crate::commands) async fn line_or_end(&mut self) -> Option<String> {
        loop {
            let (read, line) = self.lines.recv().await?;
            // The thread may have had one in its hands.
            if read >= self.armed {
                return Some(line);
            }
        }
    }

    /// Waits for a line, for ever once no more can come. Cancelling it loses nothing.
    pub(in crate::commands) async fn line(&mut self) -> String {
        while !self.closed {
            match self.line_or_end().await {
                Some(line) => return line,
                None => self.closed = true,
            }
        }
        std::future::pending().await
    }

    /// Reads a line as an answer to the first request. One that is none leaves the request as it is.
    pub(in crate::commands) fn answer(&mut self, line: &str) -> Typed {
        let Some(current) = &mut self.current else {
            return Typed::Nothing;
        };
        let (typed, id) = (line.trim(), current.asked.id.clone());
        let left = current.pages.left();
        if typed == MORE && left > 0 {
            return Typed::Next(current.step());
        }
        let unread = |current: &Current| {
            Typed::Next(Step {
                shown: format!("  not yet: {left} more lines of this request were not shown\n"),
                question: current.question(),
            })
        };
        if let Some(questions) = &mut current.questions {
            if typed == REFUSE {
                return Typed::Answer(id, deny());
            }
            if left > 0 {
                return unread(current);
            }
            questions.answer(line);
            return match (questions.next(), questions.answers()) {
                (None, Some(answers)) => Typed::Answer(id, allow(answers)),
                (Some(_), _) => Typed::Next(Step {
                    shown: String::new(),
                    question: current.question(),
                }),
                (None, None) => Typed::Nothing,
            };
        }
        match current.asked.choose(typed) {
            Some(choice) if choice.allows && left > 0 => unread(current),
            Some(choice) => Typed::Answer(id, choice.answer()),
            None => Typed::Nothing,
        }
    }

    /// Begins with the first request.
    fn begin(&mut self) -> Option<Step> {
        self.current = None;
        let request = self.waiting.front()?;
        let asked = Asked::from(request);
        let current = Current {
            pages: Pages::of_terminal(&asked.lines()),
            questions: asked
                .is_question()
                .then(|| Questions::of(request))
                .flatten(),
            asked,
        };
        Some(self.current.insert(current).step())
    }
}

impl Current {
    /// Returns its next page, and the question below it.
    fn step(&mut self) -> Step {
        let page = self.pages.next();
        let shown = page.iter().map(|line| format!("{line}\n")).collect();
        Step {
            shown,
            question: self.question(),
        }
    }

    /// Returns the question, cut for the terminal: choices are words of the agent too.
    fn question(&self) -> String {
        let question = self.whole_question();
        let lines: Vec<_> = question.lines().map(str::to_owned).collect();
        let lines = fitting(lines, output::terminal_columns());
        lines.iter().map(|line| format!("{line}\n")).collect()
    }

    fn whole_question(&self) -> String {
        match (self.pages.left(), &self.questions) {
            (0, Some(questions)) => questions.next().unwrap_or_default(),
            (0, None) => self.asked.question(),
            (left, _) => format!(
                "  … {left} more lines: {MORE} and Enter shows them\n{}",
                self.refusal()
            ),
        }
    }

    /// What can be answered before everything was seen.
    fn refusal(&self) -> &'static str {
        match (&self.questions, self.asked.default_of(false)) {
            (Some(_), _) => "  [m; /deny refuses]\n",
            (None, Some(_)) => "  [m/n]\n",
            (None, None) => "  [m]\n",
        }
    }
}

fn allow(answers: Value) -> PermissionAnswer {
    PermissionAnswer::Allow {
        selected_action_id: None,
        updated_input: Some(answers),
        updated_permissions: None,
    }
}

fn deny() -> PermissionAnswer {
    PermissionAnswer::Deny {
        selected_action_id: None,
        message: None,
        interrupt: None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asking() -> (mpsc::Sender<(Instant, String)>, Asking) {
        let (sender, lines) = mpsc::channel(4);
        (sender, Asking::reading(lines))
    }

    fn request(id: &str) -> PermissionRequest {
        serde_json::from_value(
            json!({ "id": id, "provider": "p", "name": "n", "kind": "tool", "input": {"command": "rm -r x"}, "actions": [
                {"id": "always", "label": "Always", "behavior": "allow"},
                {"id": "reject", "label": "Reject", "behavior": "deny"},
            ]}),
        )
        .unwrap()
    }

    #[test]
    fn a_line_chooses() {
        let (_sender, mut asking) = asking();
        let step = asking.add(request("1")).unwrap();
        assert!(step.shown.contains("command: rm -r x"), "{step:?}");
        assert!(step.question.contains("2) Reject"), "{step:?}");
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
        // Always is more than yes.
        for line in ["", "0", "3", "maybe", "-1", "y"] {
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
        assert!(
            asking
                .add(question.clone())
                .unwrap()
                .question
                .contains("One?")
        );
        assert!(matches!(asking.answer("1"), Typed::Next(next) if next.question.contains("Two?")));
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

    #[test]
    fn only_what_is_shown_is_answered() {
        let (_sender, mut asking) = asking();
        asking.add(request("1")).unwrap();
        // Its answer did not arrive, and it was never removed.
        assert!(asking.only(request("2")).is_some());
        assert!(matches!(asking.answer("1"), Typed::Answer(id, _) if id == "2"));
        asking.forget();
        assert!(matches!(asking.answer("1"), Typed::Nothing));
    }

    #[test]
    fn what_was_not_shown_is_not_allowed() {
        let (_sender, mut asking) = asking();
        let mut long = request("1");
        let text: String = (0..200).map(|n| format!("line {n}\n")).collect();
        long.input = Some(json!({ "command": text }));
        let mut step = asking.add(long).unwrap();
        assert!(step.question.contains("more lines"), "{step:?}");
        assert!(matches!(asking.answer("1"), Typed::Next(next) if next.shown.contains("not yet")));
        assert!(matches!(asking.answer("n"), Typed::Answer(..)));
        let mut seen = step.shown.clone();
        while step.question.contains("more lines") {
            let Typed::Next(next) = asking.answer("m") else {
                panic!("there is more");
            };
            seen += &next.shown;
            step = next;
        }
        assert!((0..200).all(|n| seen.contains(&format!("| line {n}\n"))));
        assert!(matches!(asking.answer("1"), Typed::Answer(..)));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_typed_before_the_question_is_no_answer() {
        let (sender, mut asking) = asking();
        let typed = async |text: &str| {
            let line = (Instant::now(), text.to_owned());
            sender.send(line).await.unwrap();
        };
        typed("y").await;
        let held = (Instant::now(), "y".to_owned());
        let step = asking.add(request("1")).unwrap();
        let print = async |_: &str| {
            typed("y").await;
            Ok::<_, ()>(())
        };
        asking.ask(step, print).await.unwrap();
        // The reader had this one before, and the one that is typed with the question comes behind it.
        sender.send(held).await.unwrap();
        assert_eq!(asking.line().await, "y");
        typed("n").await;
        assert_eq!(asking.line().await, "n");
    }
}
